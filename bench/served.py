"""`python -m bench.served`: the API as it is, with two more addresses for whoever measures it.

One answers nothing, under the same server and guard: what any answer costs before it says something. The other asks
the statements of a read route, through the pool and from a thread of this same process, and tells how long that took:
what the route has to be compared with.
"""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runtime import logs, serving
from runtime.api import reading, server
from runtime.api.guard import App, Guard, Receive, Scope, Send
from runtime.api.parts import Parts
from runtime.api.reading import Question, Reader
from runtime.api.tokens import Principal
from runtime.settings import Settings
from runtime.store.pool import Tx

EMPTY = "/bench/empty"
BARE = "/bench/bare"
_Statement = tuple[str, Mapping[str, Any] | None]


class _Noting:
    """A transaction that writes down what it is asked."""

    def __init__(self, tx: Tx, noted: list[_Statement]) -> None:
        self.tenant = tx.tenant
        self._tx = tx
        self._noted = noted

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        self._noted.append((query, parameters))
        return self._tx.rows(query, parameters)

    def row(self, query: str, parameters: Mapping[str, Any] | None = None) -> tuple[Any, ...] | None:
        return next(iter(self.rows(query, parameters)), None)


class _Measured:
    def __init__(self, app: App, parts: Parts, reader: Reader) -> None:
        self._app = app
        self._parts = parts
        self._reader = reader
        # What each address sends to PostgreSQL.
        self._noted: dict[str, list[_Statement]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == EMPTY:
            await _say(send, {})
        elif path.startswith(BARE):
            question = self._reader.find({**scope, "path": path.removeprefix(BARE)})
            assert question is not None, path
            principal = await self._parts.door.admit(scope, question.read.role)
            asked = f"{path}?{scope['query_string']!r}"
            seconds = await self._parts.threads.run(self._bare_seconds, asked, question, principal)
            await _say(send, {"seconds": seconds})
        else:
            await self._app(scope, receive, send)

    def _bare_seconds(self, asked: str, question: Question, principal: Principal) -> float:
        """Of the statements that the route sends, in the same kind of transaction, with all rows fetched: once."""
        store, reads = self._parts.store, question.read.reads
        if asked not in self._noted:
            noted = self._noted[asked] = []
            with reading.opened(store, principal, reads) as tx:
                question.read.act(_Noting(tx, noted), **question.given)
        statements = self._noted[asked]
        began = time.perf_counter()
        with reading.opened(store, principal, reads) as tx:
            for query, parameters in statements:
                tx.rows(query, parameters)
        return time.perf_counter() - began


async def _say(send: Send, told: Mapping[str, Any]) -> None:
    body = json.dumps(told).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(environ: Mapping[str, str]) -> None:
    settings = Settings.from_env(environ)
    logs.start(settings.log_level)
    with serving.parted(settings) as parts:
        app = _Measured(server.build(parts), parts, server.reader_of(parts))
        serving.listen(settings, Guard(app, parts.meters))


if __name__ == "__main__":
    sys.excepthook = logs.tell_crash
    main(os.environ)
