"""A venue that shows old prices: nothing new is risked on them, and whoever wants to get out gets out."""

import pytest

from runtime.domain.order import Side
from runtime.engine import gauging
from runtime.telemetry import table
from tests.engine.rig import ETHER, Rig, blocked_limits, limit, market

OLD_SECONDS = 60
RESTS = limit("rests", Side.BUY, "0.02", "45000")


def make_old(rig: Rig) -> None:
    rig.fault("stale_data", route="tickers", seconds=OLD_SECONDS, times=-1)


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in caplog.records)


def test_old_quotes__lead_to_no_new_risk_until_they_are_of_this_time_again(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    make_old(rig)
    rig.trade(RESTS, market("takes", Side.BUY, "0.02"))
    rig.trade(market("of the other", Side.BUY, "0.5", symbol=ETHER), bot="two")
    assert rig.sends() == 0
    assert blocked_limits(caplog) == ["quote_age_seconds"] * 3
    assert said(caplog, "quotes are too old: no new risk there") == 1  # and not in every tick
    gauging.tell(rig.desk)
    assert rig.desk.meters.values()[table.STALE_QUOTES] == {(): 2}
    rig.venue.control("faults", method="DELETE")
    rig.trade(RESTS)
    assert rig.sends() == 1
    assert said(caplog, "quotes are of this time again") == 1


def test_old_quotes__let_exits_and_cancels_through(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    rig.trade(market("in", Side.BUY, "0.04"))
    rig.trade(RESTS)
    make_old(rig)
    rig.trade(market("half out", Side.SELL, "0.02"))
    assert rig.path("half out")[-1] == "submitted"
    assert blocked_limits(caplog) == []
    assert rig.obey("flatten", "one")[0] == "done"
    rig.tick()
    assert rig.position() < 1
    assert sorted(rig.statuses()) == ["cancelled", "filled", "filled", "filled"]


def test_quotes__that_claim_to_be_of_the_future_are_not_believed_either(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rig.pass_time(OLD_SECONDS)  # the venue's clock jumps, and the desk has not measured it again
    rig.trade(RESTS)
    assert rig.sends() == 0
    assert blocked_limits(caplog) == ["quote_age_seconds"]
    rig.desk.exchange.measure_clock()
    rig.trade(RESTS)
    assert rig.sends() == 1
