"""Days and lives are what the trades make them, however those come: in order, late, twice, changed, or taken back."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.domain import performance, position
from runtime.domain.fill import Fill
from runtime.domain.identity import BotId, VenueTradeId
from runtime.domain.order import Order, Side
from runtime.domain.performance import Performance
from runtime.domain.position import Direction, Trade
from runtime.engine.verifying import verify
from runtime.store import positions, queries, reports, schema
from runtime.store.reports import Scope
from tests.database import Database, make_bot
from tests.store.desks import NOW, SYMBOL, Desk, make_fill, make_intent, place

BEFORE = next(each for each, after in pairwise(schema.history()) if after.title == "performance").name
LATER = timedelta(hours=7)  # a few of them make a day
ON_RECORD = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def kept(desk: Desk, bot_id: BotId) -> tuple[Performance, dict[str, Decimal]]:
    scope = Scope(bot_id=bot_id)
    with desk.store.snapshot("report") as tx:
        days = {str(each.day): each.result for each in reports.load_days(tx, scope)}
        return reports.load_performance(tx, scope), days


def made(trades: list[Trade]) -> tuple[Performance, dict[str, Decimal]]:
    days = performance.daily_results(trades)
    return performance.summarise(trades), {str(day): days[day] for day in sorted(days)}


@ON_RECORD
@given(
    st.lists(
        st.tuples(st.sampled_from(list(Side)), st.integers(1, 3), st.integers(90, 110)),
        min_size=1,
        max_size=12,
    ),
    st.data(),
)
def test_performance__of_late_and_repeated_fills_is_that_of_their_trades(
    desk: Desk, database: Database, history: list[tuple[Side, int, int]], data: st.DataObject
) -> None:
    """A fill that is told again, by whoever knows it or by one who comes after a crash, counts once."""
    bot_id = BotId(make_bot(database, desk.names.tenant, desk.account_id, name=uuid4().hex))
    ledger, fills = desk.ledger(), list[Fill]()
    orders: dict[str, Order] = {}
    for number, (side, size, price) in enumerate(history, start=1):
        order = place(ledger, make_intent(bot_id, side=side, quantity=Decimal(2 * size)))
        trade_id = VenueTradeId(f"{bot_id}-{number}")
        changes = {"venue_trade_id": trade_id, "traded_at": NOW + number * LATER, "price": Decimal(price)}
        fills.append(make_fill(order, number, str(size), **changes))
        orders[trade_id] = order
    repeated = data.draw(st.lists(st.sampled_from(fills), max_size=4))
    counted: dict[str, Fill] = {}
    for fill in data.draw(st.permutations([*fills, *repeated])):
        orders[fill.venue_trade_id] = ledger.record_fill(orders[fill.venue_trade_id], fill, NOW)
        counted[fill.venue_trade_id] = fill
        known = position.replay(bot_id, SYMBOL, list(counted.values()))
        assert kept(desk, bot_id) == made(list(known.trades))
    assert verify(desk.store, desk.account_id) == []


WRITE = (
    "insert into trades (user_id, bot_id, symbol, number, account_id, direction, opened_at, closed_at, entry_quantity,"
    " entry_quote, exit_quantity, exit_quote, realised, fees, fill_count, voided)"
    " select %(user_id)s, %(bot_id)s, 'BTC/USDT', t.number, %(account_id)s, 'long', t.closed_at - interval '1 hour',"
    " case when not t.is_open then t.closed_at end, 1, 1, 1, 1, t.realised, 0.5, 2, t.voided"
    " from json_to_recordset(%(rows)s) as t (number int, closed_at timestamptz, realised numeric, is_open boolean,"
    " voided boolean)"
    " on conflict (user_id, bot_id, symbol, number) do update set opened_at = excluded.opened_at,"
    " closed_at = excluded.closed_at, realised = excluded.realised, voided = excluded.voided"
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.integers(1, 8),
            "closed_at": st.integers(0, 20).map(lambda hours: (NOW + hours * LATER).isoformat()),
            "realised": st.sampled_from(["-2", "0.5", "1", "3.000000000000000001"]),
            "is_open": st.booleans(),
            "voided": st.sampled_from([False, False, True]),
        }
    ),
    unique_by=lambda row: row["number"],
    min_size=1,
    max_size=6,
)


@ON_RECORD
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_performance__follows_whatever_is_written_into_the_trades(
    desk: Desk, database: Database, writes: list[list[dict[str, object]]]
) -> None:
    """Closed, opened again, changed, voided and made valid again, some at once, in any order."""
    bot_id = BotId(make_bot(database, desk.names.tenant, desk.account_id, name=uuid4().hex))
    names = {"user_id": desk.names.tenant, "bot_id": bot_id, "account_id": desk.account_id}
    trades: dict[object, Trade | None] = {}
    with database.connect("holdfast_bot", tenant=desk.names.tenant) as connection:
        for rows in writes:
            connection.execute(WRITE, {**names, "rows": json.dumps(rows)})
            trades |= {row["number"]: _trade(bot_id, row) for row in rows}
            assert kept(desk, bot_id) == made([each for each in trades.values() if each is not None])
    with desk.store.snapshot("look for differences") as tx:
        assert reports.load_wrong_days(tx, desk.account_id, 10) == []
        assert reports.load_wrong_lives(tx, desk.account_id, 10) == []


def _trade(bot_id: BotId, row: dict[str, object]) -> Trade | None:
    if row["is_open"] or row["voided"]:
        return None
    closed_at = datetime.fromisoformat(str(row["closed_at"]))
    return Trade(
        bot_id=bot_id,
        symbol=SYMBOL,
        number=int(str(row["number"])),
        direction=Direction.LONG,
        opened_at=closed_at - timedelta(hours=1),
        closed_at=closed_at,
        **dict.fromkeys(("entry_quantity", "entry_quote", "exit_quantity", "exit_quote"), Decimal(1)),
        realised=Decimal(str(row["realised"])),
        fees=Decimal("0.5"),
        fill_count=2,
    )


def test_migration__counts_the_trades_that_are_there_already(desk: Desk, database: Database) -> None:
    database.rows("alter table trades disable trigger trades_closed, disable trigger trades_changed")
    ledger = desk.ledger()
    for number, side in enumerate([Side.BUY, Side.SELL] * 3, start=1):
        order = place(ledger, make_intent(desk.bot_id, side=side))
        ledger.record_fill(order, make_fill(order, number, "1.5", price=Decimal(100 + number % 5)), NOW)
    assert kept(desk, desk.bot_id) == (Performance(), {})
    assert any("performance" in each for each in verify(desk.store, desk.account_id))
    schema.downgrade(database.secret(), BEFORE, drop_data=True)
    schema.upgrade(database.secret())
    with desk.store.single("look") as tx:
        known = positions.load_trades_after(tx, desk.account_id, desk.bot_id, SYMBOL, after=0, count=10)
    assert kept(desk, desk.bot_id) == made(known)
    assert performance.summarise(known).trades == 3
    assert verify(desk.store, desk.account_id) == []


@pytest.mark.parametrize(
    "name", ["load_life", "load_sums", "load_days", "load_leaderboard", "load_leaderboard_since"]
)
def test_sums__are_asked_of_no_trade(database: Database, name: str) -> None:
    """However many there are: what is kept is all that is read."""
    query = queries.load("reports")[name]
    parameters = {"since": NOW.date(), "bot_id": None, "by_symbol": True}
    with database.connect("holdfast_bot") as connection:
        plan = "\n".join(line for (line,) in connection.execute(f"explain {query}", parameters))
    assert "performance" in plan
    assert " on trades" not in plan
