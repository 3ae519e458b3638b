"""What is not ours on the account is shown and never touched, until an operator says what shall become of it."""

from decimal import Decimal
from typing import Any

import pytest

from runtime.domain.order import Side
from tests.engine.rig import Rig, market


def quarantined(rig: Rig) -> list[tuple[Any, ...]]:
    return rig.database.rows("select kind, venue_id, resolution from quarantine order by kind desc, venue_id")


def fill_ids(rig: Rig, order_id: str) -> list[str]:
    return [each["trade_id"] for each in rig.venue.books()["fills"] if each["order_id"] == order_id]


def _filled_foreign(rig: Rig, side: str = "buy") -> str:
    placed = rig.place_foreign(side=side)
    rig.venue.control("fill", {"order_id": placed})
    return placed


def test_quarantine__a_foreign_order_and_its_fill_are_set_aside_and_not_touched(rig: Rig) -> None:
    resting, filled = rig.place_foreign(), _filled_foreign(rig)
    done = rig.reconcile()
    assert done.quarantined == 3
    shown = {(kind, venue_id) for kind, venue_id, _ in quarantined(rig)}
    assert shown == {
        ("order", resting),
        ("order", filled),
        *(("fill", each) for each in fill_ids(rig, filled)),
    }
    rig.tick(2)
    rig.restart()
    assert rig.requests("cancel-order") == 0
    assert [each["status"] for each in rig.at_venue()] == ["live", "filled"]
    assert rig.orders() == []


def test_quarantine__what_was_seen_is_not_set_aside_twice(rig: Rig) -> None:
    rig.place_foreign()
    assert rig.reconcile().quarantined == 1
    assert rig.reconcile().quarantined == 0
    rig.restart()
    assert rig.report.reconciliation.quarantined == 0


def test_quarantine__a_foreign_fill_makes_the_account_unclean_and_blocks_new_risk(rig: Rig) -> None:
    _filled_foreign(rig)
    assert not rig.reconcile().clean
    rig.trade(market("more", Side.BUY, "0.01"))
    assert rig.orders() == []


def test_quarantine__a_second_order_with_our_client_id_is_shown_and_left_alone(rig: Rig) -> None:
    ours = rig.trade(market("takes", Side.BUY, "0.02"))
    rig.tick()
    twin = rig.place_foreign(clientOid=ours["client_order_id"])
    rig.reconcile()
    assert [(kind, venue_id) for kind, venue_id, _ in quarantined(rig)] == [("order", twin)]
    assert rig.orders()[0]["venue_order_id"] == ours["venue_order_id"] != twin
    assert rig.at_venue()[-1]["status"] == "live"


def test_adopt__an_order_with_its_fills_becomes_the_bots(rig: Rig) -> None:
    placed = _filled_foreign(rig)
    rig.reconcile()
    status, outcome = rig.obey("adopt", "one", venue_id=placed)
    assert status == "done", outcome
    assert rig.orders()[0]["status"] == "filled"
    assert rig.position() > Decimal("0.0099")
    assert {resolution for *_, resolution in quarantined(rig)} == {"adopted"}
    assert rig.reconcile().clean
    assert rig.differences() == []


def test_adopt__a_resting_order_is_followed_until_it_is_filled(rig: Rig) -> None:
    placed = rig.place_foreign()
    rig.reconcile()
    assert rig.obey("adopt", "one", venue_id=placed)[0] == "done"
    assert rig.statuses() == ["open"]
    rig.venue.control("fill", {"order_id": placed})
    rig.tick()
    assert rig.statuses() == ["filled"]
    assert rig.restart().reconciliation.clean
    assert rig.differences() == []
    assert rig.sends() == 0


def test_adopt__is_refused_for_whoever_cannot_own_it(rig: Rig) -> None:
    placed = _filled_foreign(rig)
    rig.reconcile()
    [fill] = fill_ids(rig, placed)
    for bot, venue_id, said in [
        (None, placed, "name the bot"),
        ("two", placed, "does not trade BTC/USDT"),
        ("one", fill, "adopt its order"),
        ("one", "12345", "waits in quarantine"),
    ]:
        status, outcome = rig.obey("adopt", bot, venue_id=venue_id)
        assert status == "refused"
        assert said in outcome
    assert rig.orders() == []


def test_ignore__shifts_the_baseline_and_the_account_is_clean_again(rig: Rig) -> None:
    placed = _filled_foreign(rig)
    rig.reconcile()
    for venue_id in (*fill_ids(rig, placed), placed):
        assert rig.obey("ignore", venue_id=venue_id)[0] == "done"
    assert rig.reconcile().clean
    assert rig.position() == 0
    assert rig.restart().reconciliation.clean
    rig.trade(market("more", Side.BUY, "0.01"))
    assert rig.sends() == 1


def test_ignore__of_a_perpetuals_fill_leaves_it_to_others(perpetual: Rig) -> None:
    placed = perpetual.place_foreign(
        product="mix", side="sell", price="55000", marginMode="crossed", marginCoin="USDT"
    )
    perpetual.venue.control("fill", {"order_id": placed})
    assert not perpetual.reconcile().clean
    for venue_id in (*fill_ids(perpetual, placed), placed):
        assert perpetual.obey("ignore", venue_id=venue_id)[0] == "done"
    assert perpetual.reconcile().clean
    assert perpetual.position() == 0


def test_close__cancels_the_order_at_the_venue(rig: Rig) -> None:
    placed = rig.place_foreign()
    rig.reconcile()
    assert rig.obey("close", venue_id=placed)[0] == "done"
    assert rig.at_venue()[0]["status"] == "cancelled"
    assert quarantined(rig) == [("order", placed, "closed")]
    assert rig.reconcile().clean


@pytest.mark.parametrize("verb", ["close", "ignore"])
def test_quarantine__a_verb_for_something_unknown_is_refused(rig: Rig, verb: str) -> None:
    status, outcome = rig.obey(verb, venue_id="nothing")
    assert status == "refused"
    assert "'nothing' waits in quarantine" in outcome
