"""Mean reversion: where its orders stand, when they leave, and that no two rest for one purpose."""

from dataclasses import replace
from decimal import Decimal

import pytest

from runtime.domain.order import Kind, Side, Status
from runtime.strategies.catalogue import build
from tests.strategies.worlds import LINEAR, SPOT, make_candles, make_order, make_view, only

CANDLES = make_candles([59900, 60100] * 6)  # average 60000, mean deviation 100, band 120 wide at 1.2


def make_strategy(market):
    return build("mean_reversion", {"order_quote": "120"}, (market.symbol,))


def decide(market, candles=CANDLES, memory=None, **changes):
    return make_strategy(market).decide(make_view(market, candles, **changes), memory or {})


def places(decision):
    return {(each.side, each.price, each.reduce_only) for each in decision.proposals}


def test_mean_reversion__flat_rests_at_the_edges_of_the_band():
    assert places(decide(SPOT)) == {(Side.BUY, Decimal("59880.00"), False)}
    assert places(decide(LINEAR)) == {(Side.BUY, Decimal(59880), False), (Side.SELL, Decimal(60120), False)}


@pytest.mark.parametrize(("quantity", "side"), [("0.002", Side.SELL), ("-0.002", Side.BUY)])
def test_mean_reversion__holding_leaves_at_the_average(quantity, side):
    (proposal,) = decide(LINEAR, quantity=quantity).proposals
    assert (proposal.side, proposal.price, proposal.reduce_only) == (side, Decimal(60000), True)
    assert proposal.quantity == Decimal("0.002")


def test_mean_reversion__what_is_too_little_for_a_limit_order_leaves_at_the_market():
    """A partly filled entry can leave less than the venue's minimum; resting for ever would block the bot."""
    dear = replace(LINEAR, notional_min=Decimal(50))
    (proposal,) = decide(dear, quantity="0.0001").proposals
    assert (proposal.kind, proposal.price, proposal.quantity) == (Kind.MARKET, None, Decimal("0.0001"))


def test_mean_reversion__an_order_in_its_place_stays():
    first = decide(LINEAR)
    orders = tuple(make_order(each, CANDLES[-1].opened_at) for each in first.proposals)
    again = decide(LINEAR, memory=first.memory, orders=orders)
    assert (again.proposals, again.cancels) == ((), ())


def test_mean_reversion__a_stale_order_is_cancelled_first_and_followed_once_it_is_gone():
    first = decide(SPOT)
    order = make_order(first.proposals[0], CANDLES[-1].opened_at)
    moved = make_candles([60400, 60600] * 7)
    second = decide(SPOT, moved, first.memory, orders=(order,))
    assert (second.proposals, second.cancels) == ((), (order.client_order_id,))
    waiting = decide(SPOT, moved, second.memory, orders=(replace(order, cancel_requested=True),))
    assert (waiting.proposals, waiting.cancels) == ((), ())
    third = decide(SPOT, moved, waiting.memory)
    assert places(third) == {(Side.BUY, Decimal("60380.00"), False)}


def test_mean_reversion__an_order_whose_fate_is_unknown_is_neither_cancelled_nor_followed():
    first = decide(SPOT)
    order = make_order(first.proposals[0], CANDLES[-1].opened_at, status=Status.UNKNOWN)
    again = decide(SPOT, make_candles([60400, 60600] * 7), first.memory, orders=(order,))
    assert (again.proposals, again.cancels) == ((), ())


def test_mean_reversion__the_rest_of_a_filled_entry_is_cancelled_and_what_came_is_offered():
    first = decide(SPOT)
    order = make_order(first.proposals[0], CANDLES[-1].opened_at, filled_quantity=Decimal("0.001"))
    second = decide(SPOT, memory=first.memory, orders=(order,), quantity="0.001")
    assert second.cancels == (order.client_order_id,)
    assert [(each.side, each.quantity) for each in second.proposals] == [(Side.SELL, Decimal("0.001"))]


def test_mean_reversion__the_band_is_never_narrower_than_a_round_trip_costs():
    still = make_candles([60000] * 12)
    assert places(decide(SPOT, still)) == {(Side.BUY, Decimal("59970.00"), False)}


def test_mean_reversion__remembers_the_legs_of_the_newest_candle_only():
    memory = decide(LINEAR).memory
    assert only(LINEAR.symbol, memory)["legs"] == ["buy", "sell"]
    later = decide(LINEAR, make_candles([59900, 60100] * 7), memory, quantity="0.002").memory
    assert only(LINEAR.symbol, later)["legs"] == ["exit"]
