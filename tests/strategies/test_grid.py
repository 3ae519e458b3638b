"""The grid: its ladder, the answer to a fill, and what happens when the price leaves it."""

from dataclasses import replace
from decimal import Decimal

from runtime.domain.order import Kind, Side
from runtime.strategies.catalogue import build
from tests.strategies.worlds import LINEAR, SPOT, MarketPlace, make_candles, make_order, make_view, only

AT_ANCHOR = make_candles([60000])
LATER = make_candles([60000, 60010])


def make_strategy(market, **parameters):
    return build("grid", {"order_quote": "120", "levels": 2, **parameters}, (market.symbol,))


def decide(market, candles=AT_ANCHOR, memory=None, **changes):
    return make_strategy(market).decide(make_view(market, candles, **changes), memory or {})


def rungs(decision):
    return {(each.key.rpartition(":")[2], each.price) for each in decision.proposals}


def test_grid__flat_on_spot_rests_buys_below_the_anchor():
    decision = decide(SPOT)
    assert rungs(decision) == {("buy-1", Decimal(59940)), ("buy-2", Decimal(59880))}
    assert {each.quantity for each in decision.proposals} == {Decimal("0.002")}
    assert only(SPOT.symbol, decision.memory)["kept"] == {"anchor": "60000", "unit": "0.002000"}


def test_grid__flat_on_perpetuals_rests_orders_on_both_sides():
    assert rungs(decide(LINEAR)) == {
        ("buy-1", Decimal(59940)), ("buy-2", Decimal(59880)), ("sell+1", Decimal(60060)), ("sell+2", Decimal(60120)),
    }  # fmt: skip


def test_grid__the_anchor_stays_where_it_was_when_the_price_moves():
    memory = decide(LINEAR).memory
    assert ("sell+1", Decimal(60060)) in rungs(decide(LINEAR, LATER, memory))


def test_grid__a_filled_buy_is_answered_by_a_sell_one_rung_above():
    first = decide(LINEAR)
    resting = tuple(
        make_order(each, AT_ANCHOR[-1].opened_at) for each in first.proposals if "buy-1" not in each.key
    )
    second = decide(LINEAR, LATER, first.memory, quantity="0.002", orders=resting)
    assert (rungs(second), second.cancels) == ({("sell+0", Decimal(60000))}, ())


def test_grid__a_spot_unit_less_its_fee_counts_as_held_and_is_sold_as_far_as_it_goes():
    first = decide(SPOT)
    resting = tuple(
        make_order(each, AT_ANCHOR[-1].opened_at) for each in first.proposals if "buy-2" in each.key
    )
    (answer,) = decide(SPOT, LATER, first.memory, quantity="0.001998", orders=resting).proposals
    assert (answer.side, answer.price, answer.quantity) == (Side.SELL, Decimal(60000), Decimal("0.001998"))


def test_grid__the_rung_nearest_to_the_position_comes_first():
    """Where a limit lets only some of the orders through, it is the ones that fill next."""
    legs = [each.key.rpartition(":")[2] for each in decide(LINEAR).proposals]
    assert {*legs[:2]} == {"sell+1", "buy-1"}
    holding = decide(SPOT, quantity="0.002", memory=decide(SPOT).memory, candles=LATER)
    assert {each.key.rpartition(":")[2] for each in holding.proposals} == {"sell+0", "buy-2"}


def test_grid__on_spot_never_offers_more_than_is_held():
    first = decide(SPOT)
    both = decide(SPOT, LATER, first.memory, quantity="0.003996")
    assert sorted((each.price, each.quantity) for each in both.proposals) == [
        (Decimal(59940), Decimal("0.002")), (Decimal(60000), Decimal("0.001996")),
    ]  # fmt: skip
    offered = make_order(next(each for each in both.proposals if each.price == 59940), LATER[-1].opened_at)
    again = decide(SPOT, make_candles([60000] * 3), both.memory, quantity="0.003996", orders=(offered,))
    assert [(each.price, each.quantity) for each in again.proposals] == [
        (Decimal(60000), Decimal("0.001996"))
    ]


def test_grid__a_unit_off_the_markets_step_is_forgotten():
    """The venue changed its step: a ladder of such units could never be set up again."""
    memory = {SPOT.symbol: {"kept": {"anchor": "60000", "unit": "0.0019999999"}}}
    assert {each.quantity for each in decide(SPOT, memory=memory).proposals} == {Decimal("0.002")}


def test_grid__a_partly_filled_rung_stays():
    first = decide(SPOT)
    orders = [make_order(each, AT_ANCHOR[-1].opened_at) for each in first.proposals]
    orders[0] = replace(orders[0], filled_quantity=Decimal("0.001"))
    again = decide(SPOT, LATER, first.memory, quantity="0.001", orders=tuple(orders))
    assert (again.proposals, again.cancels) == ((), ())


def test_grid__when_the_price_leaves_all_is_cancelled_then_closed_then_set_up_anew():
    first = decide(SPOT)
    order = make_order(first.proposals[-1], AT_ANCHOR[-1].opened_at)
    fallen = make_candles([60000, 59000])
    second = decide(SPOT, fallen, first.memory, quantity="0.002", orders=(order,))
    assert (second.proposals, second.cancels) == ((), (order.client_order_id,))
    (leave,) = decide(SPOT, fallen, second.memory, quantity="0.002").proposals
    assert (leave.side, leave.kind, leave.reduce_only) == (Side.SELL, Kind.MARKET, True)
    anew = decide(SPOT, fallen, second.memory)
    assert only(SPOT.symbol, anew.memory)["kept"]["anchor"] == "59000"
    assert ("buy-1", Decimal("58941.00")) in rungs(anew)


def test_grid__earns_a_step_on_every_round_trip_in_a_range():
    place = MarketPlace(make_strategy(LINEAR), LINEAR, fee_ratio=Decimal(0))
    place.run([Decimal(60000), *[Decimal(59930), Decimal(60010)] * 5, Decimal(60070), Decimal(59990)])
    assert place.position.quantity == 0
    assert place.position.realised == 6 * Decimal(60) * Decimal("0.002")
