"""Observations in PostgreSQL: every kind of them as it was, each once however often it is replayed, and for its tenant
only; candles in bulk, appended and corrected."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from runtime import errors
from runtime.domain.market import Candle
from runtime.domain.observation import Batch, Kind, Observation, Record, encode, microseconds
from runtime.store import candles, observations
from runtime.store.candles import Series
from tests.database import Database
from tests.store.desks import NOW, SYMBOL, Desk

SPOOL = UUID("0a4f3c1e-7a53-4f1e-9a55-6d2f3f6f2b10")
ID = UUID("7e0c8a52-0c39-4f53-8a54-3f29d0c3a111")
ONE = Decimal(1)
PROMPT = 'What now? "\\ \u2028 \U0001f680 \x01\r\n'


def batch_of(*seen: Observation, spool_id: UUID = SPOOL, first: int = 1) -> Batch:
    return Batch(
        spool_id,
        tuple(
            Record(number, each.kind, microseconds(each.at), encode(each))
            for number, each in enumerate(seen, first)
        ),
    )


def record(desk: Desk, batch: Batch) -> int:
    with desk.store.transaction("record observations") as tx:
        return observations.record_batch(tx, desk.account_id, batch)


def blocked(desk: Desk, number: int, **changes: Any) -> Observation:
    facts = {"bot_id": desk.bot_id, "reason": "cooldown", "count": 1} | changes
    return Observation(Kind.BLOCKED_SIGNAL, NOW + timedelta(hours=number), facts)


def phantom(desk: Desk, phantom_id: UUID = ID) -> Observation:
    facts = {
        "phantom_id": phantom_id,
        "bot_id": desk.bot_id,
        "symbol": SYMBOL,
        "strategy": "momentum",
        "side": "buy",
        "executed": False,
        "reason": "score too low",
        "score": Decimal("0.41"),
        "cause_key": "momentum:1",
        "opened_price": Decimal("61234.5"),
        "take_profit": Decimal(62000),
        "stop_loss": None,
        "features": {"rsi": 41.25, "price": Decimal("61234.50")},
    }
    return Observation(Kind.PHANTOM, NOW, facts)


def everything(desk: Desk) -> dict[str, tuple[Observation, dict[str, Any]]]:
    """For each table an observation, and what the row must hold of it."""
    bot, order = desk.bot_id, uuid4()
    text = {"prompt": PROMPT, "prompt_length": 900_000, "answer": "wait", "answer_length": 4}
    thought = {
        "notes": "calm",
        "success": True,
        "duration_ms": 1200,
        "cause_keys": ["a", "b"],
        "order_ids": [order],
    }
    expected = {
        "symbol": SYMBOL,
        "model": "logistic",
        "horizon_seconds": 900,
        "direction": "up",
        "confidence": ONE / 4,
    }
    prices = {"bid": ONE, "ask": Decimal("1.5"), "last": Decimal("1.25")}
    worth = {"equity": Decimal("-10.5"), "realised_today": ONE, "unrealised": -ONE}
    risk = {"exposure": ONE, "drawdown": Decimal(0), "breaker_tripped": True}
    spread = {"asset": "BTC", "value": ONE, "share": Decimal("0.3"), "target_share": Decimal("0.5")}
    made: dict[str, tuple[Kind, dict[str, Any], dict[str, Any]]] = {
        "decisions": (
            Kind.DECISION,
            {"decision_id": ID, "bot_id": bot, **text, **thought},
            {"decisions": [{"do": "wait"}]},
        ),
        "predictions": (
            Kind.PREDICTION,
            {"prediction_id": ID, "bot_id": bot, **expected, "price": ONE, "target": None},
            {"features": {"x": "1"}},
        ),
        "market_snapshots": (Kind.MARKET_SNAPSHOT, {"symbol": SYMBOL, **prices}, {"details": {}}),
        "equity_marks": (Kind.EQUITY_MARK, {"bot_id": bot, **worth}, {}),
        "risk_marks": (Kind.RISK_MARK, {"bot_id": bot, **risk}, {"metrics": {"streak": 3}}),
        "allocations": (Kind.ALLOCATION, {"bot_id": bot, **spread}, {}),
        "snapshots": (Kind.SNAPSHOT, {"bot_id": bot, "reason": "tick"}, {"state": {"positions": []}}),
    }
    return {
        table: (Observation(kind, NOW, facts | opaque), {**facts, **opaque, "at": NOW})
        for table, (kind, facts, opaque) in made.items()
    }


def only_row(database: Database, table: str, columns: list[str]) -> dict[str, Any]:
    (row,) = database.rows(f"select {', '.join(columns)} from {table}")
    return dict(zip(columns, row, strict=True))


def test_record_batch__every_kind_stands_in_its_table_as_it_was(desk: Desk, database: Database) -> None:
    seen = everything(desk)
    assert record(desk, batch_of(*(each for each, _ in seen.values()))) == len(seen)
    for table, (_, facts) in seen.items():
        assert only_row(database, table, list(facts)) == facts, table
    assert database.rows("select drift from allocations") == [(Decimal("-0.2"),)]
    assert database.rows("select distinct user_id from decisions") == [(desk.names.tenant,)]


def test_record_batch__every_kind_is_written_somewhere() -> None:
    assert set(observations._WRITES) == set(Kind)


def test_record_batch__a_batch_that_comes_again_changes_nothing(desk: Desk, database: Database) -> None:
    """A counter would tell: it rises with every record that is taken."""
    batch = batch_of(*(blocked(desk, number) for number in range(5)))
    assert [record(desk, batch), record(desk, batch)] == [5, 0]
    longer = batch_of(*(blocked(desk, number) for number in range(8)))
    assert record(desk, longer) == 3, "only what is new of one that overlaps"
    assert database.rows("select sum(count)::int from blocked_signals") == [(8,)]
    with desk.store.single("look") as tx:
        assert observations.load_position(tx, SPOOL) == 8
    with desk.store.single("look") as tx:
        assert observations.load_position(tx, uuid4()) == 0


def test_record_batch__another_spool_has_a_position_of_its_own(desk: Desk, database: Database) -> None:
    for spool_id in (SPOOL, uuid4()):
        assert record(desk, batch_of(blocked(desk, 0), spool_id=spool_id)) == 1
    assert database.rows("select sum(count)::int from blocked_signals") == [(2,)]


def test_record_batch__is_written_whole_or_not_at_all(desk: Desk, database: Database) -> None:
    stranger = Observation(Kind.PHANTOM, NOW, {**phantom(desk).facts, "bot_id": uuid4()})
    with pytest.raises(errors.BrokenInvariant, match="phantoms_bot_fkey"):
        record(desk, batch_of(blocked(desk, 0), stranger))
    for table in ("blocked_signals", "phantoms", "spool_positions"):
        assert database.rows(f"select from {table}") == [], table


def test_blocked_signals__are_counted_by_day_and_reason(desk: Desk, database: Database) -> None:
    """NOW is noon, so thirteen hours later is the next day."""
    seen = [blocked(desk, 0), blocked(desk, 1, count=4), blocked(desk, 13), blocked(desk, 2, reason="spread")]
    record(desk, batch_of(*seen))
    record(desk, batch_of(blocked(desk, 3), first=5))
    rows = database.rows("select day, reason, count, last_at from blocked_signals order by day, reason")
    assert rows == [
        (NOW.date(), "cooldown", 6, NOW + timedelta(hours=3)),
        (NOW.date(), "spread", 1, NOW + timedelta(hours=2)),
        (date(2026, 3, 2), "cooldown", 1, NOW + timedelta(hours=13)),
    ]


def test_phantoms__are_closed_once_also_in_the_batch_that_opened_them(desk: Desk, database: Database) -> None:
    def closed(phantom_id: UUID, price: int, outcome: str) -> Observation:
        facts = {
            "phantom_id": phantom_id,
            "closed_price": Decimal(price),
            "outcome": outcome,
            "result": Decimal("0.01"),
        }
        return Observation(Kind.PHANTOM_CLOSED, NOW + timedelta(minutes=5), facts)

    other = uuid4()
    record(desk, batch_of(phantom(desk), phantom(desk, other), closed(ID, 62000, "won")))
    record(desk, batch_of(closed(ID, 1, "lost"), closed(other, 60000, "lost"), phantom(desk), first=4))
    rows = database.rows(
        "select phantom_id, closed_price, outcome, closed_at from phantoms order by closed_price"
    )
    at = NOW + timedelta(minutes=5)
    assert rows == [(other, Decimal(60000), "lost", at), (ID, Decimal(62000), "won", at)]
    ((features,),) = database.rows("select features::text from phantoms where phantom_id = %s", (ID,))
    assert features == '{"rsi": 41.25, "price": "61234.50"}'


def test_predictions__the_first_outcome_stands(desk: Desk, database: Database) -> None:
    def resolved(outcome: str) -> Observation:
        facts = {"prediction_id": ID, "outcome": outcome, "outcome_price": Decimal(2)}
        return Observation(Kind.PREDICTION_RESOLVED, NOW, facts)

    record(desk, batch_of(everything(desk)["predictions"][0], resolved("right")))
    record(desk, batch_of(resolved("wrong"), first=3))
    assert database.rows("select outcome, outcome_price, resolved_at from predictions") == [
        ("right", Decimal(2), NOW)
    ]


def test_record_batch__what_a_tenant_writes_is_its_own(
    desk: Desk, other_desk: Desk, database: Database
) -> None:
    record(desk, batch_of(phantom(desk), everything(desk)["equity_marks"][0]))
    before = database.rows(
        "select t::text from phantoms as t union all select t::text from spool_positions as t"
    )
    # The same spool and account, told by a stranger.
    market = everything(desk)["market_snapshots"][0]
    assert record(Desk(desk.names, other_desk.store, desk.fence), batch_of(market)) == 1
    assert database.rows("select user_id from market_snapshots") == [(other_desk.names.tenant,)]
    after = database.rows(
        "select t::text from phantoms as t union all select t::text from spool_positions as t"
    )
    assert set(before) <= set(after)
    with pytest.raises(errors.BrokenInvariant, match="phantoms_bot_fkey"):
        record(Desk(desk.names, other_desk.store, desk.fence), batch_of(phantom(desk, uuid4()), first=2))


# --- candles ---------------------------------------------------------------------------------------------------------


def made_candles(first: int, count: int, *, close: str = "1.5") -> list[Candle]:
    return [
        Candle(NOW + timedelta(minutes=3 * n), ONE, Decimal(2), Decimal("0.5"), Decimal(close), Decimal(n))
        for n in range(first, first + count)
    ]


@pytest.fixture
def series() -> list[Series]:
    return [Series(symbol, "3m", made_candles(0, 20)) for symbol in ("BTC/USDT", 'ODD"{,}\\/USDT')]


def test_candles__come_back_as_they_were_the_newest_oldest_first(desk: Desk, series: list[Series]) -> None:
    with desk.store.single("append") as tx:
        candles.append_candles(tx, desk.account_id, series)
    for each in series:
        with desk.store.single("look") as tx:
            assert candles.load_candles(tx, desk.account_id, each.symbol, "3m", 5) == each.candles[-5:]
    with desk.store.single("look") as tx:
        assert candles.load_candles(tx, desk.account_id, SYMBOL, "15m", 5) == []


def test_append_candles__one_that_is_there_undoes_all_and_an_upsert_corrects_it(
    desk: Desk, series: list[Series], database: Database
) -> None:
    with desk.store.single("append") as tx:
        candles.append_candles(tx, desk.account_id, series)
    more = [Series(SYMBOL, "3m", [*made_candles(19, 1, close="9"), *made_candles(20, 3)])]
    with pytest.raises(errors.AlreadyRecorded), desk.store.single("append") as tx:
        candles.append_candles(tx, desk.account_id, more)
    assert database.rows("select count(*)::int from candles") == [(40,)]
    with desk.store.single("upsert") as tx:
        candles.upsert_candles(tx, desk.account_id, more)
    with desk.store.single("look") as tx:
        found = candles.load_candles(tx, desk.account_id, SYMBOL, "3m", 4)
    assert [each.close for each in found] == [Decimal(9), *[Decimal("1.5")] * 3]


def test_upsert_candles__one_that_did_not_change_is_not_written(
    desk: Desk, series: list[Series], database: Database
) -> None:
    for _ in range(2):
        with desk.store.single("upsert") as tx:
            candles.upsert_candles(tx, desk.account_id, series)
    assert database.rows("select count(distinct xmin::text)::int, count(*)::int from candles") == [(1, 40)]


def test_copy_candles__gives_columns_to_calculate_with(desk: Desk, series: list[Series]) -> None:
    with desk.store.single("append") as tx:
        candles.append_candles(tx, desk.account_id, series)
    with desk.store.transaction("look") as tx:
        columns = candles.copy_candles(tx, desk.account_id, [each.symbol for each in series], "3m", 10)
        nothing = candles.copy_candles(tx, desk.account_id, ["NONE/USDT"], "3m", 10)
    assert len(nothing) == 0
    assert columns["series"].tolist() == [1] * 10 + [2] * 10
    first = columns[columns["series"] == 1]
    assert first["volume"].tolist() == list(range(19, 9, -1)), "newest first"
    assert first["opened_at"][0] == series[0].candles[-1].opened_at.timestamp()
    assert np.all(first["close"] == 1.5)


def test_observed_candles__are_written_and_corrected_out_of_a_batch(desk: Desk, database: Database) -> None:
    def seen(rows: list[Candle]) -> Observation:
        table = [(each.opened_at, each.open, each.high, each.low, each.close, each.volume) for each in rows]
        return Observation(Kind.CANDLES, NOW, {"symbol": SYMBOL, "timeframe": "3m", "candles": table})

    record(desk, batch_of(seen(made_candles(0, 5)), seen(made_candles(4, 3, close="7"))))
    record(desk, batch_of(seen(made_candles(0, 1, close="8")), first=3))
    with desk.store.single("look") as tx:
        found = candles.load_candles(tx, desk.account_id, SYMBOL, "3m", 100)
    assert [f"{each.close}" for each in found] == ["8", "1.5", "1.5", "1.5", "7", "7", "7"]
