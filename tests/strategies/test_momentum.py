"""Momentum: which way it goes, how it turns round, when it keeps still."""

from dataclasses import replace
from decimal import Decimal

import pytest

from runtime.domain.order import Kind, Side, Status
from runtime.strategies.catalogue import build
from tests.strategies.worlds import LINEAR, SPOT, make_candles, make_order, make_view

RISING = make_candles(range(60000, 60800, 100))
FALLING = make_candles(range(60800, 60000, -100))
FLAT = make_candles([60000] * 8)


def decide(market, candles, **changes):
    strategy = build("momentum", {"order_quote": "120"}, (market.symbol,))
    return strategy.decide(make_view(market, candles, **changes), {})


def legs(decision):
    return [
        (each.key.rpartition(":")[2], each.side, each.quantity, each.reduce_only)
        for each in decision.proposals
    ]


def test_momentum__flat_and_rising_buys_at_the_market():
    (proposal,) = decide(SPOT, RISING).proposals
    assert proposal.key == f"momentum:BTC/USDT:{RISING[-1].opened_at.isoformat()}:entry"
    assert (proposal.side, proposal.kind, proposal.price) == (Side.BUY, Kind.MARKET, None)
    assert proposal.quantity == Decimal("0.001976")  # 120 / 60700, rounded down to the step


@pytest.mark.parametrize(("market", "expected"), [
    (SPOT, []), (LINEAR, [("entry", Side.SELL, Decimal("0.0019"), False)]),
])  # fmt: skip
def test_momentum__flat_and_falling_sells_short_only_on_perpetuals(market, expected):
    assert legs(decide(market, FALLING)) == expected


def test_momentum__long_and_falling_leaves_on_spot():
    assert legs(decide(SPOT, FALLING, quantity="0.0019995")) == [
        ("exit", Side.SELL, Decimal("0.001999"), True)
    ]


def test_momentum__long_and_falling_turns_round_on_perpetuals():
    assert legs(decide(LINEAR, FALLING, quantity="0.003")) == [
        ("exit", Side.SELL, Decimal("0.003"), True),
        ("entry", Side.SELL, Decimal("0.0019"), False),
    ]


@pytest.mark.parametrize(
    ("candles", "quantity"), [(RISING, "0.002"), (FALLING, "-0.002"), (FLAT, "0"), (FLAT, "0.1")]
)
def test_momentum__with_the_trend_or_without_one_keeps_still(candles, quantity):
    assert decide(LINEAR, candles, quantity=quantity).proposals == ()


def test_momentum__dust_is_no_position():
    assert legs(decide(SPOT, FALLING, quantity="0.0000004")) == []
    assert legs(decide(SPOT, FALLING, quantity="0.000011")) == []  # worth less than the venue takes
    assert [leg for leg, *_ in legs(decide(SPOT, RISING, quantity="0.000011"))] == ["entry"]


@pytest.mark.parametrize("status", [Status.PENDING, Status.UNKNOWN, Status.SUBMITTED])
def test_momentum__waits_while_an_order_is_not_settled(status):
    (proposal,) = decide(SPOT, RISING).proposals
    order = replace(make_order(proposal, RISING[-1].opened_at), status=status)
    assert decide(SPOT, RISING, orders=(order,)).proposals == ()


def test_momentum__another_symbol_is_decided_on_its_own():
    strategy = build("momentum", {}, ("ETH/USDT", SPOT.symbol))
    decision = strategy.decide(make_view(SPOT, RISING), {})
    assert [each.symbol for each in decision.proposals] == [SPOT.symbol]


def test_momentum__an_order_worth_less_than_the_minimum_is_not_proposed():
    """A market order carries no price to judge it by; it must clear the minimum even where it fills a little lower."""
    fine = replace(LINEAR, quantity_step=Decimal("0.00000001"), quantity_min=Decimal("0.00000001"))
    for quote, count in (("5", 0), ("5.4", 0), ("5.6", 1)):
        strategy = build("momentum", {"order_quote": quote}, (fine.symbol,))
        assert len(strategy.decide(make_view(fine, RISING), {}).proposals) == count
