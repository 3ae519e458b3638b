"""What a desk keeps while it trades: decisions with their orders, signals taken and not, marks and candles; and what it
does when nothing can be kept."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runtime import errors
from runtime.domain.decision import Decision, Memory, View
from runtime.domain.observation import TEXT_LENGTH_MAX
from runtime.domain.order import Side
from runtime.engine.flushing import Flusher
from runtime.engine.keeping import Observer
from runtime.spool.spool import Spool as Queue
from runtime.store import spool_pages
from runtime.store.spool_pages import Spool
from runtime.telemetry import table
from tests.engine.rig import BITCOIN, PRICE, Rig, limit, market


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def watched(bare: Rig, folder: Path) -> Iterator[Rig]:
    """A desk that keeps what it sees; `flush` carries it over."""
    bare.enrol(cooldown_seconds="0", order_quote_max="1000")
    bare.start()
    bare.desk.observer = Observer(lambda: Queue(folder), bare.desk.meters)
    yield bare
    bare.desk.observer.close()


def flush(rig: Rig) -> int:
    assert rig.desk.observer is not None
    return Flusher(rig.desk.observer, rig.store, rig.account_id).flush()


def dropped(rig: Rig) -> dict[str, int]:
    counted = rig.desk.meters.values()[table.OBSERVATIONS_DROPPED]
    return {kind: int(count) for (kind,), count in counted.items()}


def thinks(**thought: Any) -> Any:
    """Once, with these words."""

    def play(view: View, memory: Memory) -> Decision:
        return Decision(memory=memory, **thought)

    return play


def test_decisions__name_the_orders_that_they_caused(watched: Rig) -> None:
    watched.trade(limit("first", Side.BUY, "0.01", "45000"), limit("second", Side.BUY, "0.01", "44000"))
    flush(watched)
    rows = watched.database.rows(
        "select d.cause_keys, array_agg(o.intent_key order by o.intent_key), d.success, d.bot_id = o.bot_id"
        " from decisions as d join orders as o on o.order_id = any (d.order_ids) group by d.decision_id, d.cause_keys,"
        " d.success, d.bot_id, o.bot_id"
    )
    assert rows == [(["first", "second"], ["first", "second"], True, True)]
    ((told,),) = watched.database.rows("select decisions from decisions")
    assert told[0] == {
        "key": "first",
        "symbol": BITCOIN,
        "side": "buy",
        "kind": "limit",
        "quantity": "0.01",
        "price": "45000",
        "reduce_only": False,
        "reason": "",
    }


def test_decisions__the_same_thought_in_every_tick_is_kept_once(watched: Rig) -> None:
    watched.plays["one"] = thinks(note="waiting")
    watched.tick(3)
    watched.plays["one"] = thinks(note="still waiting")
    watched.tick(2)
    flush(watched)
    assert watched.database.rows("select notes from decisions order by at") == [
        ("waiting",),
        ("still waiting",),
    ]


def test_decisions__keep_prompt_and_answer_and_say_what_was_cut(watched: Rig) -> None:
    watched.plays["one"] = thinks(prompt="x" * 50_000_000, answer='{"do": "wait"}\u2028')
    watched.tick()
    flush(watched)
    (row,) = watched.database.rows(
        "select length(prompt), prompt_length, answer, answer_length from decisions"
    )
    assert row == (TEXT_LENGTH_MAX, 50_000_000, '{"do": "wait"}\u2028', 15)


def test_decisions__that_cannot_be_used_are_kept_with_the_reason(watched: Rig) -> None:
    watched.plays["one"] = lambda view, memory: "nonsense"
    watched.tick()
    flush(watched)
    ((success, notes),) = watched.database.rows("select success, notes from decisions")
    assert not success
    assert "instead of a Decision" in notes


def test_phantoms__hold_every_signal_with_its_features_and_why_it_was_not_taken(watched: Rig) -> None:
    taken = limit("taken", Side.BUY, "0.01", "45000")
    proposals = (
        replace(taken, features={"rsi": 41.5, "trend": Decimal("0.1")}, score=Decimal("0.7")),
        market("too large", Side.BUY, "1"),
        market("exit", Side.SELL, "0.01", reduce_only=True),
    )
    watched.trade(*proposals)
    watched.trade(*proposals)
    flush(watched)
    rows = watched.database.rows(
        "select cause_key, executed, reason, score, opened_price, features from phantoms order by cause_key"
    )
    *facts, features = rows[0]
    assert facts == ["taken", True, "", Decimal("0.7"), PRICE]
    assert (features["rsi"], features["trend"]) == (Decimal("41.5"), "0.1")
    measured = {"side", "spread", "gap", "body", "volume"}
    assert set(features) == {"rsi", "trend", *measured}
    assert set(rows[1][-1]) == measured
    assert (rows[1][:2], rows[1][4]) == (("too large", False), PRICE)
    assert rows[1][2].startswith("order_quote_max: ")
    assert len(rows) == 2
    counts = dict(watched.database.rows("select reason, count from blocked_signals"))
    assert counts["order_quote_max"] == 2, "each time that it was blocked"


def test_nonsense_in_features__costs_the_observation_and_no_order(watched: Rig) -> None:
    wanted = replace(
        limit("a", Side.BUY, "0.01", "45000"), features={"rsi": float("nan")}, score=Decimal("NaN")
    )
    assert watched.trade(wanted)["status"] == "submitted"
    watched.plays["one"] = thinks(prompt="one \0 in it")
    watched.tick()
    watched.plays["one"] = thinks(prompt=b"bytes")
    watched.tick()
    assert dropped(watched) == {"phantom": 1, "decision": 2}
    flush(watched)
    assert watched.database.rows("select cause_keys from decisions") == [(["a"],)]


def test_marks_and_candles__are_kept_now_and_then(watched: Rig) -> None:
    watched.trade(market("in", Side.BUY, "0.01"))
    assert watched.desk.observer is not None
    watched.tick(3)
    flush(watched)
    for kept in ("equity_marks", "risk_marks", "snapshots", "market_snapshots"):
        assert watched.database.rows(f"select count(*)::int from {kept}") == [(2,)], (
            "one for each bot or symbol"
        )
    watched.desk.observer._due_at_monotonic.clear()
    watched.tick()
    flush(watched)
    spread = watched.database.rows("select value, share, target_share, drift from allocations")
    assert spread == [(watched.position() * PRICE, 1, 1, 0)]
    assert watched.database.rows("select count(*)::int from equity_marks") == [(4,)]
    seen = watched.database.rows(
        "select symbol, timeframe, count(*)::int from candles group by 1, 2 order by 1"
    )
    assert seen == [("BTC/USDT", "1m", 1), ("ETH/USDT", "1m", 1)]


def test_a_folder_that_cannot_be_used__stops_no_trading_and_is_tried_again(
    watched: Rig, folder: Path
) -> None:
    folder.write_text("a file where the folder should be")
    assert watched.trade(limit("a", Side.BUY, "0.01", "45000"))["status"] == "submitted"
    assert dropped(watched)["decision"] == 1
    folder.unlink()
    assert watched.desk.observer is not None
    watched.desk.observer._due_at_monotonic.clear()
    watched.trade(limit("b", Side.BUY, "0.01", "45000"))
    flush(watched)
    assert watched.database.rows("select cause_keys from decisions") == [(["b"],)]


def test_a_desk_without_a_spool__keeps_nothing_and_trades(rig: Rig) -> None:
    assert rig.desk.observer is None
    assert rig.trade(limit("a", Side.BUY, "0.01", "45000"))["status"] == "submitted"


def waiting(rig: Rig) -> Spool:
    """As the API shows it: the spool of the desk, beside those of earlier starts."""
    with rig.store.single("look at the spools") as tx:
        return spool_pages.load_spools(tx)[0]


def test_spool__each_tick_tells_what_waits_and_postgresql_what_it_has(watched: Rig) -> None:
    watched.tick()
    told = waiting(watched)
    assert watched.desk.observer is not None
    spool = watched.desk.observer.spool
    assert spool is not None
    assert (told.spool_id, told.sequence, told.account) == (spool.spool_id, None, watched.desk.account.name)
    assert told.depth == spool.depth > 0
    count = flush(watched)
    watched.trade(limit("first", Side.BUY, "0.01", "45000"))
    told = waiting(watched)
    assert (told.sequence, told.depth) == (count, spool.depth)
    assert told.oldest_at is None, "the flusher left nothing when it looked last"


def test_spool__what_cannot_be_carried_over_says_since_when(watched: Rig) -> None:
    watched.tick()
    observer = watched.desk.observer
    assert observer is not None
    watched.database.rows("revoke insert on spool_positions from holdfast_bot")
    with pytest.raises(errors.NotAllowed):
        flush(watched)
    watched.trade(limit("first", Side.BUY, "0.01", "45000"))
    first = waiting(watched)
    assert first.oldest_at is not None
    assert first.told_at is not None
    assert first.oldest_at < first.told_at
    watched.restart()
    watched.desk.observer = observer
    assert waiting_fields(watched) == [(None, None, None, None)], "of the next process nothing is known yet"


def waiting_fields(rig: Rig) -> list[tuple[Any, ...]]:
    return rig.database.rows("select spool_id, spool_depth, spool_oldest_at, spool_at from leases")
