"""The strategies on the simulator's own prices: they trade often enough to be looked at, and risk lets them leave."""

from decimal import Decimal
from itertools import product

import pytest

from runtime.domain import risk
from runtime.domain.market import Market, MarketKind
from runtime.domain.risk import Limits, RiskState
from runtime.simulator import markets
from runtime.simulator.prices import Feed
from runtime.strategies.catalogue import STRATEGIES, build
from tests.strategies.worlds import LINEAR, SPOT, MarketPlace

HOURS = 3
SECOND = 1_772_000_040  # the start of a minute
LIMITS = Limits(
    position_quote_max=Decimal(400),
    order_quote_max=Decimal(150),
    open_orders_max=10,
    daily_loss_quote_max=Decimal(1000),
    cooldown_seconds=0,
    price_collar_ratio=Decimal("0.05"),
)
CALM = RiskState(realised_today=Decimal(0), breaker_tripped=False, last_order_at={})
LOST = RiskState(realised_today=Decimal(-1000), breaker_tripped=True, last_order_at={})


def venue_closes(market: Market, seed: int) -> list[Decimal]:
    """What the one-minute candles of the simulated venue close at."""
    listed = markets.SPOT if market.kind is MarketKind.SPOT else markets.MIX
    feed = Feed(seed, listed, {})
    return [feed.quote(listed["BTCUSDT"], SECOND + 60 * n - 1).last for n in range(1, HOURS * 60 + 1)]


def make_place(name: str, market: Market) -> MarketPlace:
    return MarketPlace(build(name, {}, (market.symbol,)), market)


@pytest.mark.parametrize(
    ("name", "market", "seed"), list(product(STRATEGIES, (SPOT, LINEAR), (1, 7))), ids=str
)
def test_strategy__as_it_comes_trades_every_half_hour_at_least(name: str, market: Market, seed: int) -> None:
    place = make_place(name, market)
    place.run(venue_closes(market, seed), ticks=2)
    assert len(place.fills) >= 2 * HOURS
    assert place.position.trade_count >= 2


@pytest.mark.parametrize(("name", "market"), list(product(STRATEGIES, (SPOT, LINEAR))), ids=str)
def test_risk__admits_what_a_strategy_proposes_within_limits_that_fit_it(name: str, market: Market) -> None:
    place, admitted = make_place(name, market), 0
    for close in venue_closes(market, seed=3):
        place.close_candle(close)
        view = place.view()
        judged = risk.admit(place.tick().proposals, view, LIMITS, CALM)
        assert judged.blocked == ()
        admitted += len(judged.admitted)
    assert admitted


@pytest.mark.parametrize(("name", "market"), list(product(STRATEGIES, (SPOT, LINEAR))), ids=str)
def test_risk__lets_an_exit_pass_when_the_day_is_lost(name: str, market: Market) -> None:
    """An exit that a limit refused would leave the loss running."""
    place, exits = make_place(name, market), 0
    for close in venue_closes(market, seed=3):
        place.close_candle(close)
        view = place.view()
        judged = risk.admit(place.tick().proposals, view, LIMITS, LOST)
        assert not any(each.proposal.reduce_only for each in judged.blocked)
        assert all(risk.reduces(each, view, judged.admitted[:n]) for n, each in enumerate(judged.admitted))
        exits += len(judged.admitted)
    assert exits
