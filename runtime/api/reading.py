"""The short way of a read: from its address to the bytes of its answer, with one hop to a thread and one encoding.

A framework resolves dependencies, opens stacks and wraps requests for whatever a route might want; reads want a
principal, a few parameters and a transaction. The framework describes the same routes, and says what does not fit
where a question does not fit its route; here is only what can be answered. It speaks ASGI and knows no framework.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from runtime.api.door import Scope
from runtime.api.encoding import encode
from runtime.api.guard import Send
from runtime.api.parts import Parts
from runtime.api.routes import ROOT, Read, Reads
from runtime.api.sharing import Sharing
from runtime.api.tokens import Principal
from runtime.store.pool import Store, Tx

Given = Mapping[str, Any]
# Out of texts what a route's function asks for; a ValueError if they do not say that.
Parse = Callable[[Mapping[str, str]], Given]

_PLACE = re.compile(r"{(\w+)}")
_JSON = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Question:
    read: Read
    given: Given


class Reader:
    def __init__(self, parts: Parts, reads: Sequence[tuple[Read, Parse]]) -> None:
        self._parts = parts
        self._sharing = Sharing()
        self._fixed = {ROOT + read.path: (read, parse) for read, parse in reads if "{" not in read.path}
        self._named = [(_pattern(read), read, parse) for read, parse in reads if "{" in read.path]

    def find(self, scope: Scope) -> Question | None:
        """What is asked, if it fits a route."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        found = self._route(scope["path"])
        if found is None:
            return None
        read, parse, named = found
        told = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        try:
            return Question(read, parse({**dict(told), **named}))
        except ValueError:
            return None

    async def answer(self, question: Question, scope: Scope, send: Send) -> None:
        principal = await self._parts.door.admit(scope, question.read.role)
        # What the answer hangs on: the question, whose rows, and whether all of them.
        asked = (scope["path"], scope["query_string"], principal.user, principal.role == "admin")
        ask = partial(self._parts.threads.run, self.ask, question, principal)
        body: bytes = await self._sharing.ask(asked, ask, keep_seconds=question.read.keep_seconds)
        headers = [_JSON, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def ask(self, question: Question, principal: Principal) -> bytes:
        read = question.read
        with opened(self._parts.store, principal, read.reads) as tx:
            told = read.act(tx, **question.given)
        return rendered(told)

    def _route(self, path: str) -> tuple[Read, Parse, Mapping[str, str]] | None:
        if fixed := self._fixed.get(path):
            return (*fixed, {})
        for pattern, read, parse in self._named:
            if found := pattern.fullmatch(path):
                return read, parse, found.groupdict()
        return None


def rendered(told: object) -> bytes:
    """A list of everything looks like a page of it without another one behind."""
    return encode({"items": told, "next": None} if isinstance(told, list) else told)


def opened(store: Store, principal: Principal, reads: Reads) -> AbstractContextManager[Tx]:
    if principal.role == "admin" and reads is not Reads.OWN:
        return store.oversight("read for an admin")
    own = store.of(principal.user)
    return own.snapshot("read") if reads is Reads.MANY else own.single("read")


def _pattern(read: Read) -> re.Pattern[str]:
    return re.compile(ROOT + _PLACE.sub(r"(?P<\1>[^/]+)", read.path))
