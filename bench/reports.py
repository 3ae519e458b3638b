"""`python -m bench.reports --trades 10000000`: what it takes to ask how bots did, and what ten times the history adds.

A hundred tenants of four bots with two symbols each, with row-level security on. The table first has a tenth of the
trades, those of forty days, then all of them, those of four hundred.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bench.figure import Figure
from bench.ground import Ground, durable_server, migrated
from runtime.domain.identity import BotId, UserId
from runtime.local.postgres import Server
from runtime.store import reports
from runtime.store.pool import Store, Tx
from runtime.store.reports import Scope

TRADES = 1_000_000
TENANTS, BOTS, SYMBOLS = 100, 4, 2
DAYS, TENFOLD = 40, 10
ASKED_TENANTS, TIMES = 4, 100
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

ENROL = """
with u as (
  insert into users (user_id, name) select gen_random_uuid(), 'tenant ' || n from generate_series(1, %(tenants)s) as n
  returning user_id
), a as (
  insert into accounts (user_id, account_id, name, venue, kind, paper)
  select user_id, gen_random_uuid(), 'main', 'bitget', 'spot', true from u
  returning user_id, account_id
)
insert into bots (user_id, bot_id, account_id, name, strategy, parameters, symbols, limits)
select user_id, gen_random_uuid(), account_id, 'bot ' || n, 'momentum', '{}',
  array(select 'C' || s || '/USDT' from generate_series(1, %(symbols)s) as s), '{}'
from a, generate_series(1, %(bots)s) as n
"""
# In the order in which they closed, one after the other through all bots, as trades of many desks come.
FILL = """
insert into trades (user_id, bot_id, symbol, number, account_id, direction, opened_at, closed_at, entry_quantity,
  entry_quote, exit_quantity, exit_quote, realised, fees, fill_count)
select b.user_id, b.bot_id, s.symbol, n, b.account_id, 'long', at.at - interval '7 minutes', at.at, 1, 100, 1, 100,
  round((random() * 20 - 9.8)::numeric, 6), 0.05, 2
from generate_series(%(first)s::int, %(last)s::int) as n
cross join lateral (select %(begin)s::timestamptz + n * %(step)s::interval as at) as at
cross join bots as b cross join lateral unnest(b.symbols) as s (symbol)
"""
COUNT = """
select recount_trades(b.user_id, b.bot_id, s.symbol, '-infinity') from bots as b, unnest(b.symbols) as s (symbol)
"""
Question = Callable[[Tx, BotId], object]
MONTH = Scope.of("30d", NOW).since
# Sums that are kept, and what is asked of the trades themselves.
ROLLUPS: Mapping[str, Question] = {
    "life": lambda tx, _: reports.load_performance(tx, Scope()),
    "30 days": lambda tx, _: reports.load_performance(tx, Scope(MONTH)),
    "7 days": lambda tx, _: reports.load_performance(tx, Scope.of("7d", NOW)),
    "symbols": lambda tx, _: reports.load_by_symbol(tx, Scope(MONTH)),
    "a bot's days": lambda tx, bot: reports.load_days(tx, Scope(MONTH, bot)),
    "leaderboard": lambda tx, _: reports.load_leaderboard(tx, None),
    "leaderboard of 30 days": lambda tx, _: reports.load_leaderboard(tx, MONTH),
}
EXACT: Mapping[str, Question] = {
    "best 10": lambda tx, _: reports.load_best_trades(tx, Scope(), 10),
    "worst 10 of 30 days": lambda tx, _: reports.load_worst_trades(tx, Scope(MONTH), 10),
    "a bot's streaks of 30 days": lambda tx, bot: reports.with_streaks(tx, Scope(MONTH, bot), "all", []),
}


def figures(server: Server, trades: int = TRADES) -> Iterator[Figure]:
    with migrated(server) as ground, ExitStack() as open_stores:
        ground.database.rows(ENROL, {"tenants": TENANTS, "bots": BOTS, "symbols": SYMBOLS})
        each = trades // (TENANTS * BOTS * SYMBOLS)
        _fill(ground, 1, each // TENFOLD, each)
        stores = [open_stores.enter_context(each) for each in _stores(ground)]
        small = {name: _ask(stores, question) for name, question in {**ROLLUPS, **EXACT}.items()}
        _fill(ground, each // TENFOLD + 1, each, each)
        large = {name: _ask(stores, question) for name, question in {**ROLLUPS, **EXACT}.items()}
    sizes = f"{trades // TENFOLD:,} and {trades:,} trades"
    yield _slowest("rollups of a tenant, the slowest, p95", ROLLUPS, large, 1, sizes)
    yield _slowest("exact questions, the slowest, p95", EXACT, large, 15, _told(EXACT, small, large))
    # Of the quicker answers: what else the machine does lengthens the others.
    grown = {name: _tenth(large[name]) / _tenth(small[name]) for name in ROLLUPS}
    worst = max(grown, key=lambda name: grown[name])
    remark = f"{worst}; {_told(ROLLUPS, small, large)}"
    yield Figure("rollups with ten times the trades / without", grown[worst], "x", 1.5, remark=remark)


def _fill(ground: Ground, first: int, last: int, each: int) -> None:
    """The newest trade is always one of today: history grows into the past, where nobody has to look."""
    step = timedelta(days=DAYS * TENFOLD) / each
    # Backwards: the number of a trade is not its place in time here, and nothing asks for it.
    parameters = {"first": first, "last": last, "begin": NOW, "step": -step}
    with ground.database.connect() as connection:
        connection.execute("alter table trades disable trigger trades_closed, disable trigger trades_changed")
        connection.execute("set work_mem = '256MB'")
        connection.execute(FILL, parameters)
        connection.execute(COUNT)
        connection.execute("alter table trades enable trigger trades_closed, enable trigger trades_changed")
        connection.execute("vacuum analyze")


def _stores(ground: Ground) -> Iterator[Store]:
    asked = "select user_id from bots where name = 'bot 1' order by user_id limit %s"
    for (tenant,) in ground.database.rows(asked, (ASKED_TENANTS,)):
        yield Store(ground.database.secret("holdfast_bot"), UserId(tenant), pool_max=1)


def _ask(stores: list[Store], question: Question) -> list[float]:
    """Seconds of each answer, of several tenants in turns, through everything that a program would go through."""
    taken = []
    bots = [_a_bot(store) for store in stores]
    for number in range(TIMES + 10):
        for store, bot in zip(stores, bots, strict=True):
            began = time.perf_counter()
            with store.single("report") as tx:
                question(tx, bot)
            if number >= 10:
                taken.append(time.perf_counter() - began)
    return taken


def _a_bot(store: Store) -> BotId:
    with store.single("look for a bot") as tx:
        found: UUID = tx.rows("select bot_id from bots order by name limit 1")[0][0]
    return BotId(found)


def _slowest(
    name: str, of: Mapping[str, Question], seconds: Mapping[str, list[float]], target: float, remark: str
) -> Figure:
    p95 = {each: statistics.quantiles(seconds[each], n=20)[-1] * 1000 for each in of}
    worst = max(p95, key=lambda each: p95[each])
    return Figure(name, p95[worst], "ms", target, remark=f"{worst}; {remark}")


def _told(
    of: Mapping[str, Question], small: Mapping[str, list[float]], large: Mapping[str, list[float]]
) -> str:
    pairs = {
        name: " -> ".join(
            f"{_tenth(each[name]) * 1000:.2f}/{statistics.median(each[name]) * 1000:.2f}"
            for each in (small, large)
        )
        for name in of
    }
    return "p10/p50 in ms: " + ", ".join(f"{name} {pair}" for name, pair in pairs.items())


def _tenth(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=10)[0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.reports", description=__doc__)
    parser.add_argument("--trades", type=int, default=TRADES)
    with durable_server() as server:
        for figure in figures(server, parser.parse_args().trades):
            print(figure.line(), flush=True)


if __name__ == "__main__":
    main()
