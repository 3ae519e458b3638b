"""Reports, held against domain.performance on the same trades: each period, bot and symbol, and one tenant only."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from runtime.domain import performance
from runtime.domain.identity import BotId
from runtime.domain.performance import Mark, Performance
from runtime.domain.position import Direction, Trade
from runtime.store import queries, reports
from runtime.store.pool import Store
from runtime.store.reports import PERIODS, Scope
from tests.database import Database, make_bot
from tests.store.desks import Desk, Names

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
SYMBOLS = ("BTC/USDT", "ETH/USDT", "eth/usdt")


@dataclass
class History:
    """A tenant's trades, as they stand in the database and as a list in the order of their bots."""

    store: Store
    bots: list[BotId]
    trades: list[Trade]

    def within(self, period: str, bot_id: BotId | None = None) -> list[Trade]:
        since = Scope.of(period, NOW).since
        return [
            each
            for each in self.trades
            if (since is None or each.closed_at is not None and each.closed_at.date() >= since)
            and bot_id in (None, each.bot_id)
        ]


def make_trades(bots: list[BotId], *, seed: int, count: int = 120) -> list[Trade]:
    """For each bot and symbol, over sixty days; a few at the same instant, some of no result, the last one open."""
    dice, made = random.Random(seed), list[Trade]()
    for bot_id in bots:
        for symbol in SYMBOLS:
            for number in range(1, count + 1):
                closed = NOW - timedelta(hours=dice.randrange(0, 60 * 24), microseconds=dice.randrange(2))
                entry = Decimal(dice.randrange(1, 10**9)).scaleb(-6)
                made.append(
                    Trade(
                        bot_id=bot_id,
                        symbol=symbol,
                        number=number,
                        direction=dice.choice(list(Direction)),
                        opened_at=closed - timedelta(seconds=dice.randrange(200_000)),
                        closed_at=None if number == count else closed,
                        entry_quantity=Decimal(1),
                        entry_quote=entry,
                        exit_quantity=Decimal(1),
                        exit_quote=entry,
                        realised=Decimal(dice.randrange(-(10**20), 10**20)).scaleb(-18)
                        if number % 9
                        else Decimal(1),
                        fees=Decimal(dice.randrange(10**18)).scaleb(-18) if number % 9 else Decimal(1),
                        fill_count=2,
                    )
                )
    return made


def without_streaks(of: Performance) -> Performance:
    return replace(of, streak=None, longest_wins=None, longest_losses=None)


def write(database: Database, names: Names, trades: list[Trade], *, voided: bool = False) -> None:
    columns = (
        "bot_id symbol number direction opened_at closed_at entry_quantity entry_quote exit_quantity exit_quote"
        " realised fees fill_count"
    ).split()
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"insert into trades (user_id, account_id, voided, {', '.join(columns)})"
            f" values (%s, %s, %s, {', '.join(['%s'] * len(columns))})",
            [
                (names.tenant, names.account_id, voided, *(getattr(each, name) for name in columns))
                for each in trades
            ],
        )


@pytest.fixture
def history(database: Database, desk: Desk, other_desk: Desk) -> History:
    """Two bots that traded, one that did not, and a stranger who trades on the same symbols."""
    bots = [desk.bot_id, BotId(make_bot(database, desk.names.tenant, desk.account_id, name="second"))]
    bots.sort()
    make_bot(database, desk.names.tenant, desk.account_id, name="idle")
    trades = make_trades(bots, seed=7)
    write(database, desk.names, trades)
    void = [replace(each, number=10_000 + each.number) for each in trades[:50]]
    write(database, desk.names, void, voided=True)
    write(database, other_desk.names, make_trades([other_desk.bot_id], seed=8, count=20))
    return History(desk.store, bots, trades)


@pytest.mark.parametrize("period", PERIODS)
def test_performance__is_what_the_domain_counts(history: History, period: str) -> None:
    for bot_id in (None, *history.bots):
        with history.store.snapshot("report") as tx:
            found = reports.load_performance(tx, Scope.of(period, NOW, bot_id))
            exact = reports.with_streaks(tx, Scope.of(period, NOW, bot_id), "all", [("", found)])[""]
        expected = performance.summarise(history.within(period, bot_id))
        assert exact == expected
        assert found == without_streaks(expected), "several symbols: only their sums are kept"
        assert found.wins > 2
        assert (found.win_rate, found.profit_factor) == (expected.win_rate, expected.profit_factor)


@pytest.mark.parametrize("period", PERIODS)
def test_by_symbol__is_what_the_domain_counts(history: History, period: str) -> None:
    for bot_id in (None, *history.bots):
        with history.store.snapshot("report") as tx:
            found = reports.load_by_symbol(tx, Scope.of(period, NOW, bot_id))
            exact = reports.with_streaks(tx, Scope.of(period, NOW, bot_id), "symbol", found.items())
        expected = performance.by_symbol(history.within(period, bot_id))
        assert exact == expected
        if bot_id is None or period != "all":
            expected = {symbol: without_streaks(each) for symbol, each in expected.items()}
        assert found == expected, "the streaks of one bot's symbol are kept"
        assert list(found) == sorted(SYMBOLS)


@pytest.mark.parametrize("period", PERIODS)
def test_days__are_the_domain_s_and_add_up(history: History, period: str) -> None:
    with history.store.single("report") as tx:
        days = reports.load_days(tx, Scope.of(period, NOW))
    trades = history.within(period)
    expected = performance.daily_results(trades)
    assert {each.day: each.result for each in days} == expected
    assert [each.day for each in days] == sorted(expected)
    assert sum(each.trades for each in days) == performance.summarise(trades).trades
    total = Decimal(0)
    for each in days:
        total += each.result
        assert each.total == total
    assert total == performance.summarise(trades).result


@pytest.mark.parametrize("period", PERIODS)
def test_leaderboard__ranks_every_bot_of_the_tenant_by_its_result(history: History, period: str) -> None:
    with history.store.snapshot("report") as tx:
        board = reports.load_leaderboard(tx, Scope.of(period, NOW).since)
        did = [(str(each.bot_id), each.performance) for each in board]
        exact = reports.with_streaks(tx, Scope.of(period, NOW), "bot", did)
    expected = {bot_id: performance.summarise(history.within(period, bot_id)) for bot_id in history.bots}
    found = {each.bot_id: each.performance for each in board if each.performance.trades}
    assert found == {bot_id: without_streaks(each) for bot_id, each in expected.items()}
    assert {bot_id: exact[str(bot_id)] for bot_id in history.bots} == expected
    results = [each.performance.result for each in board]
    assert results == sorted(results, reverse=True)
    (idle,) = (each for each in board if each.bot == "idle")
    assert idle.performance == Performance()
    assert len(board) == 3, "none of the stranger's"


def test_best_and_worst__are_the_ends_of_the_list(history: History) -> None:
    closed = performance.closed_in_order(history.within("30d"))
    by_result = sorted(closed, key=lambda each: each.realised - each.fees)
    scope = Scope.of("30d", NOW)
    with history.store.single("report") as tx:
        assert reports.load_best_trades(tx, scope, 5) == by_result[:-6:-1]
    with history.store.single("report") as tx:
        assert reports.load_worst_trades(tx, scope, 5) == by_result[:5]


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("count", [1, 3, 50])
def test_best_and_worst__of_many_alike_are_those_that_closed_first(
    database: Database, desk: Desk, period: str, count: int
) -> None:
    """They are looked for day by day: days, symbols and bots that are all as good must not hide one another."""
    bots = [desk.bot_id, BotId(make_bot(database, desk.names.tenant, desk.account_id, name="second"))]
    trades = [
        replace(each, realised=Decimal(each.number % 2), fees=Decimal(0))
        for each in make_trades(bots, seed=11)
    ]
    write(database, desk.names, trades)
    history = History(desk.store, bots, trades)
    for bot_id in (None, bots[0]):
        closed = [each for each in history.within(period, bot_id) if each.closed_at is not None]
        closed.sort(key=lambda each: (each.closed_at, each.symbol, each.number, each.bot_id))
        scope = Scope.of(period, NOW, bot_id)
        with desk.store.single("report") as tx:
            best = reports.load_best_trades(tx, scope, count)
        with desk.store.single("report") as tx:
            worst = reports.load_worst_trades(tx, scope, count)
        assert best == sorted(closed, key=lambda each: -each.realised)[:count]
        assert worst == sorted(closed, key=lambda each: each.realised)[:count]


@pytest.mark.parametrize(("query", "column"), [("load_streaks", "closed_at"), ("load_equity", "at")])
def test_reports__since_a_day_read_no_whole_life(
    history: History, database: Database, query: str, column: str
) -> None:
    """Before row-level security has spoken, an index is only asked what can leak nothing: no comparison of an instant
    with a day."""
    told = {"since": NOW.date(), "bot_id": history.bots[0], "by": "", "count": 3}
    with database.connect("holdfast_bot", tenant=history.store.tenant) as connection:
        connection.execute("set timezone to 'UTC'; set enable_seqscan to off; set enable_bitmapscan to off")
        lines = connection.execute(f"explain {queries.load('reports')[query]}", told).fetchall()
    asked = [line for (line,) in lines if "Index Cond" in line]
    assert any(f"({column} >= '2026-03-15 00:00:00+00'" in line for line in asked), lines


def test_reports__of_nothing_are_no_claim(desk: Desk) -> None:
    with desk.store.transaction("report") as tx:
        assert reports.load_performance(tx, Scope()) == Performance()
        assert reports.load_by_symbol(tx, Scope()) == {}
        assert reports.load_days(tx, Scope()) == []
        assert reports.load_best_trades(tx, Scope(), 3) == []
        assert reports.load_equity(tx, desk.bot_id, None, 10) == []
        (alone,) = reports.load_leaderboard(tx, None)
    assert alone.performance == Performance()


def test_reports__show_a_tenant_nothing_of_another_s(history: History, other_desk: Desk) -> None:
    """Not even to one who knows the bot's id."""
    with other_desk.store.transaction("report") as tx:
        for bot_id in history.bots:
            scope = Scope(bot_id=bot_id)
            assert reports.load_performance(tx, scope) == Performance()
            assert reports.load_days(tx, scope) == []
            assert reports.load_worst_trades(tx, scope, 3) == []
        assert reports.load_performance(tx, Scope()).trades == 3 * 19
        assert [each.bot_id for each in reports.load_leaderboard(tx, None)] == [other_desk.bot_id]


def test_equity__is_thinned_to_the_last_mark_of_equal_stretches(
    desk: Desk, other_desk: Desk, database: Database
) -> None:
    began = NOW - timedelta(days=10)
    marks = [Mark(began + timedelta(minutes=number), Decimal(number)) for number in range(1001)]
    for owner in (desk, other_desk):
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "insert into equity_marks (user_id, bot_id, at, equity, realised_today, unrealised)"
                " values (%s, %s, %s, %s, 0, 0)",
                [(owner.names.tenant, desk.bot_id, each.at, each.equity) for each in marks],
            )
    with desk.store.transaction("report") as tx:
        assert reports.load_equity(tx, desk.bot_id, None, 5000) == marks
        tenth = reports.load_equity(tx, desk.bot_id, None, 10)
        late = reports.load_equity(tx, desk.bot_id, began.date(), 1)
    assert tenth == [*(marks[number] for number in range(99, 900, 100)), marks[-1]]
    assert late == [marks[-1]]
