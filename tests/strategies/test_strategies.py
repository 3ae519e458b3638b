"""What every strategy owes the engine: the same answer to the same question, usable orders, a memory that survives."""

import json
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.domain import decision as decisions
from runtime.domain import risk
from runtime.domain.decision import Decision, Strategy
from runtime.domain.market import Market, MarketKind
from runtime.domain.risk import Limits, RiskState
from runtime.simulator import markets as simulated
from runtime.simulator.prices import Feed
from runtime.strategies.catalogue import STRATEGIES, build
from tests.strategies.worlds import LINEAR, SPOT, MarketPlace, keys

MARKETS = [SPOT, LINEAR]
# Rises, falls, swings sideways, jumps and returns: every strategy trades somewhere on it.
PATH = [
    Decimal(60000 + offset)
    for offset in (
        *range(0, 600, 50), *range(600, -600, -75), *(80 * (-1) ** n * (n % 5) for n in range(60)),
        3000, 3050, 3100, 3020, *range(3000, -900, -130),
    )
]  # fmt: skip


def make_strategy(name: str, market: Market, **parameters: object) -> Strategy:
    return build(name, {"order_quote": "100", **parameters}, (market.symbol,))


def wrong_with(decision: Decision, market: Market, name: str) -> list[str]:
    found = [decisions.fault(decision, name, frozenset({market.symbol}))]
    found += [market.fault(each.kind, each.quantity, each.price) for each in decision.proposals]
    return [sentence for sentence in found if sentence]


@pytest.fixture(
    params=[(name, market) for name in STRATEGIES for market in MARKETS], ids=lambda p: f"{p[0]}-{p[1].kind}"
)
def place(request) -> MarketPlace:
    name, market = request.param
    return MarketPlace(make_strategy(name, market), market)


def test_strategy__trades_in_both_directions_on_a_lively_path(place):
    place.run(PATH)
    sides = {fill.side.value for fill in place.fills}
    assert sides == {"buy", "sell"}
    assert place.position.trade_count >= 3
    quantities = [fill.side.sign * fill.quantity for fill in place.fills]
    lowest = min(sum(quantities[: n + 1]) for n in range(len(quantities)))
    assert (lowest < 0) == (place.market.kind is MarketKind.LINEAR)


def test_strategy__every_order_it_proposes_can_be_sent(place):
    place.run(PATH)
    assert place.intents
    for decision in place.decisions:
        assert wrong_with(decision, place.market, place.strategy.name) == []


def test_decide__same_view_and_memory_give_the_same_decision(place):
    for price in PATH:
        place.close_candle(price)
        view = place.view()
        assert place.strategy.decide(view, place.memory) == place.strategy.decide(view, place.memory)
        place.tick()


def test_decide__after_a_crash_before_the_commit_gives_the_same_keys(place):
    """The process died with nothing written: memory and ledger are those of before."""
    proposed = 0
    for price in PATH:
        place.close_candle(price)
        view, before = place.view(), json.loads(json.dumps(place.memory))
        decision = place.tick()
        proposed += len(decision.proposals)
        assert keys(place.strategy.decide(view, before)) == keys(decision)
    assert proposed


def test_decide__after_a_crash_past_the_commit_gives_no_other_keys(place):
    """The intents and the memory stand, but what the venue shows is still the view of before."""
    for price in PATH:
        place.close_candle(price)
        view = place.view()
        decision = place.tick()
        again = place.strategy.decide(view, json.loads(json.dumps(decision.memory)))
        assert set(keys(again)) <= set(keys(decision))


@pytest.mark.parametrize("refuse_every", [0, 1, 2, 3])
def test_decide__never_uses_a_key_twice(place, refuse_every):
    """A key names one cause: a refused order is not tried again before the next candle, however often it ticks."""
    place.refuse_every = refuse_every
    place.run(PATH)
    assert place.intents
    assert len(place.intents) == len(set(place.intents))


def test_decide__with_a_lost_memory_repeats_only_keys_of_this_candle(place):
    """A restored backup may have an old memory: what was sent for this candle meets the unique key."""
    for price in PATH:
        place.close_candle(price)
        place.tick()
        again = place.strategy.decide(place.view(), {})
        newest = place.candles[-1].opened_at.isoformat()
        assert all(f":{newest}:" in key for key in keys(again))


def test_memory__survives_json_and_stays_small(place):
    largest = 0
    for price in PATH:
        place.close_candle(price)
        memory = place.tick().memory
        text = json.dumps(memory)
        assert json.loads(text) == memory
        largest = max(largest, len(text))
    assert largest < 1500


@pytest.mark.parametrize("memory", [
    {"BTC/USDT": None}, {"BTC/USDT": "x"}, {"BTC/USDT": []}, {"BTC/USDT": {"legs": 3, "kept": 4}}, {"other": {}},
    {"BTC/USDT": {"legs": [None, 1], "kept": {"anchor": "NaN", "unit": "-1"}}},
    {"BTC/USDT": {"candle": 5, "kept": {"anchor": "60000"}}}, {"BTC/USDT": {"kept": {"anchor": "1e400", "unit": "0"}}},
    {"BTC/USDT": {"kept": {"anchor": "60000", "unit": "0.0000005"}}},
])  # fmt: skip
@pytest.mark.parametrize("name", STRATEGIES)
def test_decide__takes_a_memory_of_another_shape_as_none(name, memory):
    place = MarketPlace(make_strategy(name, SPOT), SPOT, memory=memory)
    place.run(PATH[:30])
    for decision in place.decisions:
        assert wrong_with(decision, SPOT, name) == []


@pytest.mark.parametrize("name", STRATEGIES)
def test_decide__without_candles_or_market_proposes_nothing_and_forgets_nothing(name):
    place = MarketPlace(make_strategy(name, SPOT), SPOT, memory={"BTC/USDT": {"kept": {"a": "b"}}, "gone": 1})
    assert place.strategy.decide(place.view(), place.memory) == Decision(
        memory={"BTC/USDT": {"kept": {"a": "b"}}}
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_decide__an_order_too_small_for_the_venue_is_not_proposed(name):
    place = MarketPlace(make_strategy(name, LINEAR, order_quote="3"), LINEAR)
    place.run(PATH)
    assert place.intents == []


steps = st.lists(st.integers(-4000, 4000), min_size=1, max_size=60)
small_parameters: Mapping[str, Mapping[str, object]] = {
    "momentum": {"fast": 1, "slow": 2},
    "mean_reversion": {"lookback": 2},
    "grid": {"levels": 5, "step_ratio": "0.01"},
}


@given(
    st.sampled_from(sorted(STRATEGIES)),
    st.sampled_from(MARKETS),
    st.integers(1, 10**12),
    steps,
    st.integers(1, 10**6),
)
@settings(max_examples=120)
def test_strategy__on_any_path_never_raises_nor_proposes_nonsense(name, market, start, moves, quote):
    strategy = make_strategy(name, market, order_quote=str(quote), **small_parameters[name])
    place = MarketPlace(strategy, market)
    price = Decimal(start) / 100
    for move in moves:
        place.close_candle(price)
        for _ in range(2):
            assert wrong_with(place.tick(), market, name) == []
        price = max(Decimal("0.01"), (price * (10_000 + move) / 10_000).quantize(Decimal("0.01")))
    if market is SPOT:
        assert place.position.quantity >= 0
    assert len(place.intents) == len(set(place.intents))


@given(st.sampled_from(sorted(STRATEGIES)), steps, st.integers(0, 59))
@settings(max_examples=60)
def test_strategy__restarted_at_any_candle_goes_on_as_if_it_had_not_been(name, moves, crash_at):
    """A new process has only the memory as JSON and the ledger; the orders that follow are the same."""
    steady = MarketPlace(make_strategy(name, LINEAR, **small_parameters[name]), LINEAR)
    crashed = MarketPlace(make_strategy(name, LINEAR, **small_parameters[name]), LINEAR)
    price = Decimal(60000)
    for number, move in enumerate(moves):
        for place in (steady, crashed):
            place.close_candle(price)
            place.tick()
        if number == crash_at:
            crashed.strategy = make_strategy(name, LINEAR, **small_parameters[name])
            crashed.memory = json.loads(json.dumps(crashed.memory))
        price = (price * (10_000 + move) / 10_000).quantize(Decimal("0.1"))
    assert crashed.intents == steady.intents
    assert crashed.memory == steady.memory


def test_close__is_let_through_by_risk_when_nothing_new_may_be_opened(place):
    """The breaker has tripped and every limit is zero: what closes a position must still leave."""
    nothing = Limits(
        position_quote_max=Decimal(0),
        order_quote_max=Decimal(0),
        open_orders_max=0,
        daily_loss_quote_max=Decimal(0),
        cooldown_seconds=3600,
        price_collar_ratio=Decimal("0.5"),
    )
    tripped = RiskState(Decimal(0), breaker_tripped=True, last_order_at={})
    closing = 0
    for price in PATH:
        place.close_candle(price)
        view = place.view()
        proposals = place.tick().proposals
        admission = risk.admit(proposals, view, nothing, tripped)
        leaving = [each for each in proposals if each.reduce_only]
        closing += len(leaving)
        assert set(leaving) <= set(admission.admitted)
    assert closing


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(
    ("market", "instruments"), [(SPOT, simulated.SPOT), (LINEAR, simulated.MIX)], ids=["spot", "linear"]
)
def test_strategy__with_its_defaults_trades_within_an_hour_of_the_simulators_market(
    name, market, instruments
):
    """What `make run` shows should move while somebody looks at it."""
    feed, instrument = Feed(7, instruments, {}), instruments["BTCUSDT"]
    place = MarketPlace(build(name, {}, (market.symbol,)), market)
    opened = [1_700_000_040 + 60 * minute for minute in range(75)]
    place.run(feed.candle(instrument, second, 60, second + 59).close for second in opened)
    assert len(place.fills) >= 2
