"""`python -m bench.api`: what it takes to look, with a year behind: each read route against its own queries, fifty
clients at once, a hundred that follow the stream, and the page. A real API process before a database of its own.

A route is timed from this process, over a connection that is kept, from the question to the last byte of its answer.
What it is compared with is timed in the API's own process: the same statements, with the same rows fetched, through
the same pool, in the same kind of transaction, by a thread that was woken for it as one is for a request. They take
turns, one of each at a time. Where the table of routes says so, an answer may be some seconds old.

What an answer of nothing takes under the same server is the floor that no route can be under, and is said beside
them.
"""

import argparse
import json
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from bench import paint, served, year
from bench.crowd import Line, crowd
from bench.figure import Figure
from bench.following import follow
from bench.ground import Ground, durable_server, migrated
from bench.year import USER, Sizes
from runtime.api.routes import READS, ROOT, Read
from runtime.local.postgres import Server
from tests.api.serving import Api, serving

ROUNDS_MAX, REPEATS, WARM, TARGET = 5, 11, 5, 3
CLIENTS, TIMES, A_SECOND, P99_MS = 50, 4, 2, 50
_NAMES = re.compile(r"{(\w+)}")


def figures(server: Server, rounds: int, sizes: Sizes | None = None) -> Iterator[Figure]:
    with migrated(server) as ground, TemporaryDirectory() as folder:
        filled = year.fill(ground, sizes or Sizes())
        with serving(Path(folder), ground.database.url("holdfast_api"), entry=["bench.served"]) as api:
            yield from paint.figures(api, filled, rounds)
            questions = _questions(ground, api)
            yield from _routes(api, questions, min(rounds, ROUNDS_MAX))
            yield from _crowd(api, questions, None)
            yield from _crowd(api, questions, A_SECOND)
            yield follow(ground, api)


@dataclass(frozen=True, slots=True)
class _Question:
    """A route, and what is asked of it."""

    route: Read
    address: str


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
        made.append(_Question(route, address))
    return made


# --- one after the other ---------------------------------------------------------------------------------------------


def _routes(api: Api, questions: Sequence[_Question], rounds: int) -> Iterator[Figure]:
    line = Line(api.url, api.token(USER))
    nothing = [_seconds(line, served.EMPTY) for _ in range(WARM + rounds * REPEATS)][WARM:]
    over, took = dict[str, float](), dict[str, str]()
    for each in questions:
        pairs = [
            (_seconds(line, each.address), _bare_seconds(line, each)) for _ in range(WARM + rounds * REPEATS)
        ]
        route, query = (statistics.median(seconds) for seconds in zip(*pairs[WARM:], strict=True))
        over[each.route.path] = route / query
        took[each.route.path] = f"{each.route.path} {route * 1000:.2f}/{query * 1000:.2f}"
    line.close()
    far = sorted((path for path in over if over[path] > TARGET), key=lambda path: -over[path])
    remark = (
        f"the middle one of {len(over)} routes {statistics.median(over.values()):.2f}x; {len(far)} above {TARGET}x,"
        f" in ms: {', '.join(map(took.__getitem__, far)) or 'none'}"
    )
    yield Figure(
        "read routes / their queries, the worst route", max(over.values()), "x", TARGET, remark=remark
    )
    yield Figure("an answer of nothing, one after the other", statistics.median(nothing) * 1000, "ms", None)


def _seconds(line: Line, address: str) -> float:
    began = time.perf_counter()
    line.ask(address)
    return time.perf_counter() - began


def _bare_seconds(line: Line, question: _Question) -> float:
    told = json.loads(line.ask(served.BARE + question.address))
    return float(told["seconds"])


# --- at once ---------------------------------------------------------------------------------------------------------


def _crowd(api: Api, questions: Sequence[_Question], a_second: int | None) -> Iterator[Figure]:
    """Each client asks every route in turn: as soon as it is answered, or so often a second. All are of one tenant, so
    that those who wait for the same answer share it."""
    token = api.token(USER)
    lines = [Line(api.url, token) for _ in range(CLIENTS)]
    addresses = [each.address for each in questions] * (1 if a_second else TIMES)
    how = f"{CLIENTS} clients, {f'{a_second} a second each' if a_second else 'without a pause'}, p99"
    asked = {"read routes": addresses, "answers of nothing": [served.EMPTY] * len(addresses)}
    for what, wanted in asked.items():
        taken, seconds = crowd(lines, wanted, a_second)
        middle = statistics.median(taken) * 1000
        remark = f"{len(taken):,} answers, {len(taken) / seconds:.0f} a second; median {middle:.1f} ms"
        target = P99_MS if what == "read routes" else None
        yield Figure(f"{what}, {how}", _p99(taken) * 1000, "ms", target, remark=remark)
    for each in lines:
        each.close()


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
