"""`python -m bench.api`: what it takes to look, with a year behind: each read route against its own queries, fifty
clients at once, a hundred that follow the stream, and the page. A real API process before a database of its own.
"""

import argparse
import re
import socket
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, Event
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from bench import paint, year
from bench.figure import Figure
from bench.following import follow
from bench.ground import Ground, durable_server, migrated
from bench.rounds import Case, alternate, ratio, typical
from bench.year import USER, Sizes
from runtime.api.routes import READS, ROOT, Read, Reads
from runtime.domain.identity import user_id
from runtime.local.postgres import Server
from runtime.store.pool import Store, Tx
from tests.api.serving import Api, serving

ROUNDS_MAX, REPEATS, TARGET = 3, 11, 3
CLIENTS, ASKED_EACH, A_SECOND = 50, len(READS), 2
CONNECT_SECONDS = 60
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_NAMES = re.compile(r"{(\w+)}")


def figures(server: Server, rounds: int, sizes: Sizes | None = None) -> Iterator[Figure]:
    with migrated(server) as ground, TemporaryDirectory() as folder:
        filled = year.fill(ground, sizes or Sizes())
        with serving(Path(folder), ground.database.url("holdfast_api")) as api:
            yield from paint.figures(api, filled, rounds)
            questions = _questions(ground, api)
            yield _routes(ground, api, questions, min(rounds, ROUNDS_MAX))
            yield _crowd(api, questions, None)
            yield _crowd(api, questions, A_SECOND)
            yield follow(ground, api)


@dataclass(frozen=True, slots=True)
class _Question:
    """A route, and what is asked of it: the address, and the same for the function behind it."""

    route: Read
    address: str
    given: Mapping[str, Any]


def _questions(ground: Ground, api: Api) -> list[_Question]:
    """One for each read route, of the bot whose order is the newest."""
    bot, account, symbol, order, decision = ground.database.rows(
        "select bot_id, account_id, symbol, order_id,"
        " (select decision_id from decisions where decisions.bot_id = orders.bot_id limit 1)"
        " from orders order by created_at desc limit 1"
    )[0]
    wish = api.ask("POST", f"/bots/{bot}/pause", user=USER, json={"reason": "to be looked at"})
    assert wish.status_code == 202, wish.text
    found = {
        "bot_id": bot,
        "order_id": order,
        "decision_id": decision,
        "command_id": UUID(wish.json()["command_id"]),
    }
    series = {"account": account, "symbol": symbol}
    asked: dict[str, dict[str, Any]] = {
        "/candles": {**series, "timeframe": "15m"},
        "/candles/series": series,
        "/equity": {"bot": bot},
        "/internal/ranked-traders": {"scorer": "sample"},
    }
    made = []
    for route in READS:
        named = {name: found[name] for name in _NAMES.findall(route.path)}
        more = asked.get(route.path, {})
        address = ROOT + route.path.format(**named) + (f"?{urlencode(more)}" if more else "")
        made.append(_Question(route, address, {**named, **more}))
    return made


# --- one after the other ---------------------------------------------------------------------------------------------


def _routes(ground: Ground, api: Api, questions: Sequence[_Question], rounds: int) -> Figure:
    line = _Line(api)
    over = dict[str, float]()
    took = dict[str, str]()
    with Store(ground.database.secret("holdfast_api"), user_id(USER)) as store:
        for each in questions:
            cases: dict[str, Case] = {"route": line.asks(each), "query": _bare(store, each)}
            seconds = alternate(cases, rounds=rounds, repeats=REPEATS)
            over[each.route.path] = ratio(seconds, "route", "query")
            took[each.route.path] = " / ".join(f"{typical(seconds[name]) * 1000:.2f}" for name in cases)
    line.close()
    worst = max(over, key=lambda path: over[path])
    far = sum(each > TARGET for each in over.values())
    remark = (
        f"{worst} ({took[worst]} ms); the middle one of {len(over)} routes"
        f" {statistics.median(over.values()):.2f}x, {far} above {TARGET}x"
    )
    return Figure("read routes / their queries, the worst route", over[worst], "x", TARGET, remark=remark)


def _bare(store: Store, question: _Question) -> Case:
    """The statements that the route sends, through the pool and in the same kind of transaction, and nothing else."""
    noting: list[tuple[str, Mapping[str, Any] | None]] = []
    with _opened(store, question.route) as tx:
        question.route.act(_Noting(tx, noting), **question.given)

    def ask() -> None:
        with _opened(store, question.route) as tx:
            for query, parameters in noting:
                tx.rows(query, parameters)

    return ask


def _opened(store: Store, route: Read) -> AbstractContextManager[Tx]:
    return store.snapshot("read") if route.reads is Reads.MANY else store.single("read")


class _Noting:
    """A transaction that writes down what it is asked."""

    def __init__(self, tx: Tx, noted: list[tuple[str, Mapping[str, Any] | None]]) -> None:
        self.tenant = tx.tenant
        self._tx = tx
        self._noted = noted

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        self._noted.append((query, parameters))
        return self._tx.rows(query, parameters)

    def row(self, query: str, parameters: Mapping[str, Any] | None = None) -> tuple[Any, ...] | None:
        return next(iter(self.rows(query, parameters)), None)


class _Line:
    """A connection that is kept and speaks just enough HTTP: a library's own work would be counted as the server's."""

    def __init__(self, api: Api) -> None:
        host, _, port = api.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = f" HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api.token(USER)}\r\n\r\n"

    def asks(self, question: _Question) -> Case:
        return lambda: self.ask(question.address)

    def ask(self, address: str) -> None:
        self._socket.sendall(f"GET {address}{self._rest}".encode())
        told = self._socket.recv(1 << 16)
        while b"\r\n\r\n" not in told:
            told += self._receive()
        head, _, body = told.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length is not None
        assert head.startswith(b"HTTP/1.1 200 "), f"{address}: {body!r}"
        left = int(length[1]) - len(body)
        while left > 0:
            left -= len(self._receive())

    def _receive(self) -> bytes:
        told = self._socket.recv(1 << 16)
        if not told:
            raise ConnectionError("the API hung up")
        return told

    def close(self) -> None:
        self._socket.close()


# --- at once ---------------------------------------------------------------------------------------------------------


def _crowd(api: Api, questions: Sequence[_Question], a_second: int | None) -> Figure:
    """Each client asks every route in turn, each from another one on: as soon as it is answered, or so often a second,
    and then late from the instant at which it should have asked."""
    start = Barrier(CLIENTS)

    def ask(number: int) -> list[float]:
        line, wait, taken = _Line(api), Event(), list[float]()
        mine = [questions[(number + place) % len(questions)].address for place in range(ASKED_EACH)]
        line.ask(mine[0])
        start.wait(CONNECT_SECONDS)
        due = time.perf_counter() + (number / CLIENTS / a_second if a_second else 0)
        for address in mine:
            if a_second is None:
                due = time.perf_counter()
            else:
                wait.wait(max(0.0, due - time.perf_counter()))
            line.ask(address)
            taken.append(time.perf_counter() - due)
            due += 1 / a_second if a_second else 0
        line.close()
        return taken

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        taken = [seconds for each in clients.map(ask, range(CLIENTS)) for seconds in each]
    rate = len(taken) / (time.perf_counter() - began)
    how = f"{a_second} a second each" if a_second else "without a pause"
    remark = f"{len(taken):,} answers, {rate:.0f} a second; median {statistics.median(taken) * 1000:.1f} ms"
    return Figure(f"read routes, {CLIENTS} clients {how}, p99", _p99(taken) * 1000, "ms", 50, remark=remark)


def _p99(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    told = Sizes()
    parser.add_argument("--orders", type=int, default=told.orders)
    parser.add_argument("--trades", type=int, default=told.trades)
    parser.add_argument("--minutes", type=int, default=told.minutes, help="with a mark of equity of each bot")
    parser.add_argument("--rounds", type=int, default=9, help="how often each route and the page is asked")
    args = parser.parse_args()
    with durable_server() as server:
        for figure in figures(server, args.rounds, Sizes(args.orders, args.trades, args.minutes)):
            print(figure.line(), flush=True)


if __name__ == "__main__":
    main()
