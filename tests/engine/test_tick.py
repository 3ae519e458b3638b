"""The tick: written before sent, sent once, and what came back is believed only as far as it is proved."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from runtime import errors
from runtime.domain.decision import Decision, Memory, View
from runtime.domain.order import Side
from runtime.local import processes
from tests.engine.rig import ETHER, Rig, blocked_limits, limit, market, proposes

RESTS = limit("rests", Side.BUY, "0.02", "45000")
TAKES = market("takes", Side.BUY, "0.02")
# Each is an answer that proves nothing; the first half of them hides an order that the venue accepted.
AMBIGUOUS_ACCEPTED = [
    "accept_then_timeout",
    "drop_after",
    "http_5xx_accepted",
    "truncated_accepted",
    "empty_success_accepted",
    "code_accepted",
    "missing_order_id",
]
AMBIGUOUS_LOST = [
    "refuse_then_timeout",
    "drop_before",
    "http_5xx_refused",
    "empty_success_refused",
    "code_refused",
    "duplicate_code",
]


@contextmanager
def ticking(rig: Rig) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=rig.tick)
    thread.start()
    try:
        yield thread
    finally:
        rig.venue.control("release", {})
        thread.join(timeout=20)
        assert not thread.is_alive()


def test_tick__intent_is_committed_while_the_request_is_still_under_way(rig: Rig) -> None:
    rig.fault("accept_then_timeout", hold_seconds=20)
    rig.plays["one"] = proposes(RESTS)
    with ticking(rig):
        assert processes.wait_until(lambda: rig.sends() == 1, seconds_max=10)
        [order] = rig.orders()
        assert (order["status"], order["venue_order_id"]) == ("pending", None)
        assert [each["client_oid"] for each in rig.at_venue()] == [order["client_order_id"]]


def test_tick__nothing_reaches_the_venue_when_the_intent_cannot_be_committed(rig: Rig) -> None:
    rig.database.rows("alter table orders add constraint closed check (intent_key <> 'rests')")
    rig.plays["one"] = proposes(RESTS)
    with pytest.raises(errors.BrokenInvariant):
        rig.tick()
    assert rig.sends() == 0


def test_tick__an_order_goes_from_intent_to_fill_to_position(rig: Rig) -> None:
    rig.trade(RESTS)
    rig.tick()
    assert rig.statuses() == ["open"]
    rig.fill()
    rig.tick()
    [order] = rig.orders()
    assert (order["status"], order["filled_quantity"]) == ("filled", Decimal("0.02"))
    assert rig.path("rests") == ["pending", "submitted", "open", "filled"]
    held = {each["coin"]: each["available"] for each in rig.venue.books()["balances"]}
    assert rig.position() == Decimal(held["BTC"]) > Decimal("0.0199")
    assert rig.differences() == []


def test_tick__fills_in_parts_are_counted_each_once(rig: Rig) -> None:
    rig.trade(RESTS)
    for quantity, filled in [("0.005", "0.005"), ("0.007", "0.012"), ("0.008", "0.02")]:
        rig.fill(quantity)
        rig.tick(2)
        assert rig.orders()[0]["filled_quantity"] == Decimal(filled)
    assert rig.path("rests") == ["pending", "submitted", "partially_filled", "filled"]
    assert len(rig.database.rows("select 1 from fills")) == 3
    assert rig.differences() == []


def test_tick__an_own_order_is_cancelled_and_its_part_is_kept(rig: Rig) -> None:
    rig.trade(RESTS)
    rig.fill("0.005")
    rig.plays["one"] = lambda view, memory: Decision(
        cancels=tuple(each.client_order_id for each in view.orders), memory=memory
    )
    rig.tick()
    [order] = rig.orders()
    assert (order["status"], order["filled_quantity"]) == ("cancelled", Decimal("0.005"))
    assert rig.at_venue()[0]["status"] == "cancelled"
    assert rig.differences() == []


def test_tick__an_order_that_the_venue_acknowledged_is_never_called_absent(rig: Rig) -> None:
    """All its lists were a minute old: the order was recorded as one that had never arrived, and it rested there."""
    rig.trade(RESTS)
    rig.tick()
    for route in ("orderInfo", "unfilled-orders", "history-orders"):
        rig.fault("stale_data", route=route, seconds=60, times=-1)
    rig.tick()
    rig.pass_time()
    rig.tick(2)
    assert rig.path("rests") == ["pending", "submitted", "open", "unknown"]
    rig.venue.control("faults", method="DELETE")
    rig.tick()
    assert rig.path("rests")[-1] == "open"


def test_tick__a_bot_cannot_cancel_the_order_of_its_neighbour(rig: Rig) -> None:
    order = rig.trade(RESTS)
    rig.plays["two"] = lambda view, memory: Decision(cancels=(order["client_order_id"],), memory=memory)
    rig.tick()
    assert rig.requests("cancel-order") == 0
    assert rig.statuses() == ["open"]


def test_tick__a_market_order_is_filled_in_the_next_tick_at_the_latest(rig: Rig) -> None:
    rig.trade(TAKES)
    rig.tick()
    assert rig.statuses() == ["filled"]
    assert rig.position() > 0
    assert rig.differences() == []


def test_tick__long_short_and_flip_of_a_perpetual_stand_as_at_the_venue(perpetual: Rig) -> None:
    symbol = perpetual.names["one"]
    for key, side, quantity, held in [
        ("long", Side.BUY, "0.02", "0.02"),
        ("flip", Side.SELL, "0.05", "-0.03"),
        ("reduce", Side.BUY, "0.01", "-0.02"),
    ]:
        perpetual.trade(market(key, side, quantity, symbol=symbol))
        perpetual.tick()
        assert perpetual.position() == Decimal(held)
    shown = perpetual.desk.exchange.fetch_positions((symbol,))
    assert [each.quantity for each in shown] == [Decimal("-0.02")]
    assert perpetual.differences() == []


def test_tick__the_same_key_is_sent_once_however_often_it_is_proposed(rig: Rig) -> None:
    rig.plays["one"] = proposes(TAKES)
    rig.tick(4)
    assert rig.sends() == 1
    assert len(rig.at_venue()) == 1
    assert rig.desk.ledger.duplicates_prevented == 3


def test_tick__the_same_key_is_not_sent_again_after_a_restart(rig: Rig) -> None:
    rig.plays["one"] = proposes(TAKES)
    rig.tick()
    rig.restart()
    rig.tick(2)
    assert rig.sends() == 1
    assert rig.statuses() == ["filled"]


def test_tick__a_refused_order_is_rejected_and_blocks_nothing(rig: Rig) -> None:
    rig.venue.control("deposit", {"account": "paper", "coin": "USDT", "amount": "-99999"})
    rig.trade(RESTS)
    assert rig.statuses() == ["rejected"]
    rig.venue.control("deposit", {"account": "paper", "coin": "USDT", "amount": "99999"})
    rig.trade(TAKES)
    assert rig.path("takes")[1] == "submitted"


@pytest.mark.parametrize("kind", AMBIGUOUS_ACCEPTED)
def test_tick__an_accepted_order_without_a_clear_answer_is_unknown_and_then_found(
    rig: Rig, kind: str
) -> None:
    rig.fault(kind)
    assert rig.trade(RESTS)["status"] == "unknown"
    rig.venue.control("release", {})
    rig.tick()
    assert rig.path("rests") == ["pending", "unknown", "submitted", "open"]
    assert rig.sends() == len(rig.at_venue()) == 1


@pytest.mark.parametrize("kind", AMBIGUOUS_ACCEPTED)
def test_tick__a_filled_order_whose_answer_was_lost_is_found_in_the_history(rig: Rig, kind: str) -> None:
    rig.fault(kind)
    assert rig.trade(TAKES)["status"] == "unknown"
    rig.venue.control("release", {})
    rig.tick()
    assert rig.path("takes")[-1] == "filled"
    assert rig.sends() == len(rig.at_venue()) == 1
    assert rig.position() > 0
    assert rig.differences() == []


@pytest.mark.parametrize("kind", AMBIGUOUS_LOST)
def test_tick__absence_is_proved_only_after_the_venue_could_not_accept_any_more(rig: Rig, kind: str) -> None:
    rig.fault(kind)
    assert rig.trade(RESTS)["status"] == "unknown"
    rig.venue.control("release", {})
    rig.tick(3)
    assert rig.statuses() == ["unknown"]
    rig.pass_time()
    rig.tick()
    assert rig.path("rests") == ["pending", "unknown", "failed"]
    assert rig.sends() == 1
    assert rig.at_venue() == []


def test_tick__an_order_that_appears_late_is_not_called_lost(rig: Rig) -> None:
    rig.fault("delayed_visibility", seconds=2)
    rig.fault("drop_after")
    rig.trade(RESTS)
    rig.tick()
    assert processes.wait_until(lambda: _is_settled_after_tick(rig), seconds_max=10)
    assert rig.path("rests")[-1] == "open"
    assert rig.sends() == len(rig.at_venue()) == 1


def _is_settled_after_tick(rig: Rig) -> bool:
    rig.tick()
    return rig.statuses() == ["open"]


def test_tick__unknown_blocks_new_risk_on_its_symbol_but_no_reduction(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rig.trade(market("first", Side.BUY, "0.02"))
    rig.tick()
    rig.fault("refuse_then_timeout")
    rig.trade(RESTS)
    rig.venue.control("release", {})
    more, less = market("more", Side.BUY, "0.01"), market("less", Side.SELL, "0.01")
    rig.plays["two"] = proposes(market("elsewhere", Side.BUY, "0.1", symbol=ETHER))
    rig.trade(more, less)
    assert {order["intent_key"] for order in rig.orders()} == {"first", "rests", "less", "elsewhere"}
    assert blocked_limits(caplog) == ["unknown"]
    rig.pass_time()
    rig.trade(more)
    assert "more" in {order["intent_key"] for order in rig.orders()}


def test_tick__quotes_that_cannot_be_had_postpone_the_tick_and_send_nothing(rig: Rig) -> None:
    rig.fault("http_5xx_refused", route="tickers", times=-1)
    rig.plays["one"] = proposes(RESTS)
    with pytest.raises(errors.VenueUnavailable):
        rig.tick()
    assert (rig.sends(), rig.orders()) == (0, [])


def test_tick__memory_is_kept_with_the_intent_and_without_one(rig: Rig) -> None:
    def counts(view: View, memory: Memory) -> Decision:
        taken = int(str(memory.get("taken", 0)))
        return Decision((RESTS,) if taken == 0 else (), memory={"taken": taken + 1})

    rig.plays["one"] = counts
    rig.tick()
    assert rig.bot()["memory"] == {"taken": 1}
    rig.tick(2)
    assert rig.bot()["memory"] == {"taken": 3}
    rig.restart()
    rig.tick()
    assert rig.bot()["memory"] == {"taken": 4}


def test_tick__every_bot_leaves_a_mark_of_its_tick(rig: Rig) -> None:
    rig.tick(3)
    assert [rig.bot(name)["ticks"] for name in rig.names] == [3, 3]


def test_tick__a_round_that_orders_is_a_job_with_its_reason_and_one_that_does_not_is_none(bare: Rig) -> None:
    bare.enrol().start()
    bare.plays["one"] = lambda view, memory: Decision(
        (market("in", Side.BUY, "0.02"),), memory=memory, note="a new candle"
    )
    bare.tick()
    jobs = "select j.trigger_reason, j.status, o.intent_key from jobs as j join orders as o using (job_id)"
    assert bare.database.rows(jobs) == [("a new candle", "completed", "in")]
    bare.plays.pop("one")
    bare.tick(3)
    assert bare.database.rows("select count(*) from jobs") == [(1,)]
