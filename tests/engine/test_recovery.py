"""From what the last process left to the first tick: proved, settled, or visibly unknown."""

from decimal import Decimal

import pytest

from runtime import errors
from runtime.domain.market import MarketKind
from runtime.domain.order import Side, Status
from runtime.engine import recovery, sending
from tests.engine.rig import PERPETUAL, Rig, limit, market
from tests.venue import connect

RESTS = limit("rests", Side.BUY, "0.02", "45000")
TAKES = market("takes", Side.BUY, "0.02")


def _leave_pending(rig: Rig, *, sent: bool, takes: bool = False) -> None:
    """What a process leaves that was killed after its intent was committed: before it was sent, or after."""
    desk = rig.desk
    desk.bots[0].memory = {"step": 1}
    [(intent, _)] = sending.write_down(desk, desk.bots[0], [TAKES if takes else RESTS], trigger_reason="test")
    if sent:
        desk.exchange.submit(intent)


def test_recovery__a_first_start_finds_nothing_and_is_ready(rig: Rig) -> None:
    assert (rig.report.found_pending, rig.report.found_unsettled) == (0, 0)
    assert rig.report.reconciliation.clean
    assert rig.database.rows("select ready_at is not null from leases") == [(True,)]


def test_recovery__a_pending_order_that_was_sent_is_found_resting(rig: Rig) -> None:
    _leave_pending(rig, sent=True)
    report = rig.restart()
    assert (report.found_pending, report.reconciliation.proved) == (1, 1)
    assert rig.path("rests") == ["pending", "unknown", "submitted", "open"]
    assert rig.sends() == len(rig.at_venue()) == 1


def test_recovery__a_pending_order_that_was_filled_is_found_with_its_position(rig: Rig) -> None:
    _leave_pending(rig, sent=True, takes=True)
    rig.restart()
    assert rig.path("takes")[-1] == "filled"
    assert rig.position() > 0
    assert rig.bot()["memory"] == {"step": 1}
    assert rig.differences() == []


def test_recovery__a_pending_order_that_never_left_is_unknown_until_its_absence_is_proved(rig: Rig) -> None:
    _leave_pending(rig, sent=False)
    report = rig.restart()
    assert report.reconciliation.unproved == 1
    assert not report.reconciliation.clean
    assert rig.statuses() == ["unknown"]
    rig.trade(market("more", Side.BUY, "0.01"))
    assert rig.sends() == 0
    rig.pass_time()
    report = rig.restart()
    assert report.reconciliation.clean
    assert rig.path("rests") == ["pending", "unknown", "failed"]
    assert rig.sends() == 0


def test_recovery__a_history_that_is_told_late_hides_no_filled_order(rig: Rig) -> None:
    """Spot finds a filled order by its client id no more, and the list that has it was a minute old: called lost."""
    _leave_pending(rig, sent=True, takes=True)
    rig.fault("stale_data", route="history-orders", seconds=60, times=-1)
    rig.restart()
    assert rig.path("takes") == ["pending", "unknown", "submitted", "filled"]
    assert rig.position() > 0
    assert rig.database.rows("select * from quarantine") == []  # its own fill was taken for a stranger's


def test_recovery__a_fill_whose_order_the_venue_does_not_show_leaves_the_doubt(rig: Rig) -> None:
    _leave_pending(rig, sent=True, takes=True)
    for route in ("history-orders", "orderInfo"):
        rig.fault("stale_data", route=route, seconds=60, times=-1)
    rig.restart()
    assert rig.path("takes") == ["pending", "unknown"]
    rig.pass_time()
    rig.tick()
    assert rig.path("takes") == ["pending", "unknown"]
    rig.venue.control("faults", method="DELETE")
    rig.tick()
    assert rig.path("takes")[-1] == "filled"


def test_recovery__fills_that_happened_meanwhile_are_counted_once(rig: Rig) -> None:
    rig.trade(RESTS)
    rig.fill("0.005")
    rig.tick()
    rig.fill("0.015")
    rig.restart()
    assert rig.statuses() == ["filled"]
    assert len(rig.database.rows("select 1 from fills")) == 2
    rig.restart()
    assert len(rig.database.rows("select 1 from fills")) == 2
    assert rig.differences() == []


def test_recovery__an_order_cancelled_by_the_venue_meanwhile_is_cancelled(rig: Rig) -> None:
    rig.trade(RESTS)
    rig.venue.control("cancel", {"order_id": rig.at_venue()[0]["order_id"]})
    rig.restart()
    assert rig.statuses() == ["cancelled"]


def test_recovery__the_state_after_it_equals_the_state_before(rig: Rig) -> None:
    rig.trade(RESTS, TAKES)
    rig.tick()
    before = (rig.desk.ledger.unsettled(), rig.desk.ledger.positions(), rig.bot())
    rig.restart()
    assert (rig.desk.ledger.unsettled(), rig.desk.ledger.positions(), rig.bot()) == before


def test_recovery__an_order_that_was_denied_and_is_shown_goes_back_to_unknown_and_is_settled(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.trade(RESTS)
    rig.fill()
    order = rig.desk.ledger.unsettled()[0]
    rig.desk.ledger.advance(order, Status.UNKNOWN, rig.desk.exchange.now(), {"test": "its answer was lost"})
    doubted = rig.desk.ledger.unsettled()[0]
    rig.desk.ledger.advance(doubted, Status.FAILED, rig.desk.exchange.now(), {"test": "called absent"})
    rig.restart()
    assert rig.path("rests")[-4:] == ["failed", "unknown", "submitted", "filled"]
    assert "the venue shows an order it had denied" in caplog.text
    assert rig.position() > 0
    assert rig.differences() == []


def test_recovery__an_unclean_account_takes_no_new_risk_until_it_is_clean(rig: Rig) -> None:
    rig.trade(TAKES)
    rig.tick()
    rig.venue.control("deposit", {"account": "paper", "coin": "BTC", "amount": "1"})
    report = rig.restart()
    assert not report.reconciliation.clean
    assert "BTC" in report.reconciliation.summary
    rig.trade(market("more", Side.BUY, "0.01"), market("less", Side.SELL, "0.01"))
    assert [each["intent_key"] for each in rig.orders()] == ["takes", "less"]
    rig.tick()
    rig.venue.control("deposit", {"account": "paper", "coin": "BTC", "amount": "-1"})
    assert rig.reconcile().clean
    rig.trade(market("more", Side.BUY, "0.01"))
    assert [each["intent_key"] for each in rig.orders()] == ["takes", "less", "more"]


def test_recovery__what_the_account_held_before_is_noted_once_and_is_not_ours(bare: Rig) -> None:
    bare.venue.control("deposit", {"account": "paper", "coin": "BTC", "amount": "3"})
    bare.enrol()
    assert bare.start().reconciliation.clean
    assert bare.position() == 0
    assert bare.restart().reconciliation.clean


def test_recovery__a_venue_that_cannot_be_reached_is_tried_again_and_nothing_is_decided(bare: Rig) -> None:
    bare.enrol()
    bare.fault("http_5xx_refused", route="unfilled-orders")
    with pytest.raises(errors.VenueUnavailable):
        bare.start()
    bare.restart()
    assert bare.report.reconciliation.clean


def test_recovery__a_round_of_decisions_that_was_cut_short_is_marked(rig: Rig) -> None:
    _leave_pending(rig, sent=True)
    rig.restart()
    assert rig.database.rows("select status from jobs") == [("recovered",)]


def test_recovery__ten_in_a_row_change_nothing(rig: Rig) -> None:
    rig.trade(RESTS, TAKES)
    rig.tick()
    before = rig.database.rows("select * from order_events order by sequence")
    for _ in range(10):
        rig.restart()
    assert rig.database.rows("select * from order_events order by sequence") == before
    assert rig.sends() == 2


def test_look__finds_what_differs_and_changes_nothing_here_or_there(rig: Rig) -> None:
    rig.trade(RESTS)
    rig.fill()
    foreign = rig.place_foreign()
    before = rig.database.rows("select * from order_events"), rig.at_venue()
    findings = recovery.look(rig.desk)
    assert {str(each.reaction) for each in findings} >= {"prove", "quarantine"}
    assert foreign in {each.subject for each in findings}
    assert (rig.database.rows("select * from order_events"), rig.at_venue()) == before
    assert rig.database.rows("select * from quarantine") == []


def test_recovery__of_an_account_in_hedge_mode_is_refused_before_anything_is_changed(bare: Rig) -> None:
    bare.kind, bare.names = MarketKind.LINEAR, {"one": PERPETUAL}
    bare.enrol()
    operator = connect(bare.venue)
    operator.set_position_mode(True, PERPETUAL)
    operator.session.close()
    with pytest.raises(errors.VenueUnsafe, match="hedge mode"):
        bare.start()
    assert bare.requests("set-leverage") == 0


def test_recovery__of_a_perpetual_brings_back_a_short(perpetual: Rig) -> None:
    symbol = perpetual.names["one"]
    perpetual.trade(market("short", Side.SELL, "0.03", symbol=symbol))
    perpetual.restart()
    assert perpetual.report.reconciliation.clean
    assert perpetual.position() == Decimal("-0.03")
    assert perpetual.differences() == []
