"""Each limit stops new risk; what reduces a position passes wherever a limit guards against new risk only."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import risk
from runtime.domain.decision import Proposal, View
from runtime.domain.order import Kind, Side, Status
from runtime.domain.risk import Limits, RiskState
from tests.domain.samples import BTC, CALM, ETH, LIMITS, NOW, make_order, make_view, propose


def blocked_by(
    proposal: Proposal, view: View, limits: Limits = LIMITS, state: RiskState = CALM
) -> str | None:
    """The name of the limit that stops it, or None."""
    judged = risk.admit((proposal,), view, limits, state)
    assert len(judged.admitted) + len(judged.blocked) == 1
    return judged.blocked[0].limit if judged.blocked else None


def test_admit__nothing_proposed_is_nothing_admitted() -> None:
    assert risk.admit((), make_view(), LIMITS, CALM) == risk.Admission((), ())


def test_admit__lets_a_sound_proposal_pass_unchanged() -> None:
    proposal = propose()
    assert risk.admit((proposal,), make_view(), LIMITS, CALM).admitted == (proposal,)


NEW_RISK = [
    ("unknown", {}, make_view("2", unsafe_symbols=frozenset({BTC})), CALM),
    ("quote_age_seconds", {}, make_view("2", stale_symbols=frozenset({BTC})), CALM),
    ("daily_loss_quote_max", {}, make_view("2"), replace(CALM, breaker_tripped=True)),
    ("daily_loss_quote_max", {}, make_view("2"), replace(CALM, realised_today=Decimal(-100))),
    (
        "drawdown_quote_max",
        {"drawdown_quote_max": Decimal(9)},
        make_view("2"),
        replace(CALM, drawdown=Decimal(9)),
    ),
    ("open_orders_max", {"open_orders_max": 0}, make_view("2"), CALM),
    ("cooldown_seconds", {"cooldown_seconds": 60}, make_view("2"), replace(CALM, last_order_at={BTC: NOW})),
    ("order_quote_max", {"order_quote_max": Decimal(99)}, make_view("2"), CALM),
    ("position_quote_max", {"position_quote_max": Decimal(250)}, make_view("2"), CALM),
]


@pytest.mark.parametrize(("limit", "change", "view", "state"), NEW_RISK, ids=[each[0] for each in NEW_RISK])
def test_limit__stops_new_risk_and_lets_a_reduction_pass(
    limit: str, change: dict[str, Any], view: View, state: RiskState
) -> None:
    limits = replace(LIMITS, **change)
    assert blocked_by(propose("buy"), view, limits, state) == limit
    assert blocked_by(propose("sell"), view, limits, state) is None
    assert blocked_by(propose("sell", "2", reduce_only=True), view, limits, state) is None


@pytest.mark.parametrize(("limit", "change", "view", "state"), NEW_RISK, ids=[each[0] for each in NEW_RISK])
def test_limit__holds_for_the_short_side_too(
    limit: str, change: dict[str, Any], view: View, state: RiskState
) -> None:
    limits, short = (
        replace(LIMITS, **change),
        replace(view, positions=make_view("-2", cost="-200").positions),
    )
    assert blocked_by(propose("sell"), short, limits, state) == limit
    assert blocked_by(propose("buy"), short, limits, state) is None


def test_order_quote_max__does_not_lock_a_position_that_gained() -> None:
    """Bought for 400 under a limit of 500, worth 800 now: the one order that closes it was refused."""
    view = make_view("4", cost="400", last="200")
    assert blocked_by(propose("sell", "4"), view) is None
    assert blocked_by(propose("sell", "9"), view) == "order_quote_max"


def test_order_quote_max__counts_a_limit_order_at_its_price() -> None:
    dear = propose(quantity="4.6", kind=Kind.LIMIT, price=Decimal(109))
    assert blocked_by(dear, make_view()) == "order_quote_max"
    assert blocked_by(replace(dear, price=Decimal(100)), make_view()) is None


def test_orders_per_tick_max__stops_reductions_too() -> None:
    """It guards against a strategy that has gone wild, whatever that proposes."""
    sells = tuple(propose("sell", "0.1", key=str(number)) for number in range(4))
    judged = risk.admit(sells, make_view("2"), replace(LIMITS, orders_per_tick_max=3), CALM)
    assert judged.admitted == sells[:3]
    assert [each.limit for each in judged.blocked] == ["orders_per_tick_max"]


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(("price", "limit"), [("90", None), ("110", None), ("89.99", "x"), ("110.01", "x")])
def test_price_collar__stops_a_price_that_is_far_from_the_last(
    side: str, price: str, limit: str | None
) -> None:
    proposal = propose(side, kind=Kind.LIMIT, price=Decimal(price))
    assert blocked_by(proposal, make_view("2")) == (limit and "price_collar_ratio")


def test_open_orders_max__counts_what_rests_and_what_was_admitted_before() -> None:
    resting = tuple(make_order(str(number), quantity=Decimal("0.1")) for number in range(3))
    three = tuple(propose(quantity="0.1", key=str(number)) for number in range(3))
    judged = risk.admit(three, make_view(orders=resting), LIMITS, CALM)
    assert judged.admitted == three[:2]
    assert judged.blocked[0].limit == "open_orders_max"


def test_cooldown__ends_after_its_seconds_and_is_kept_for_each_symbol() -> None:
    limits = replace(LIMITS, cooldown_seconds=60)
    recent = replace(CALM, last_order_at={BTC: NOW - timedelta(seconds=59)})
    assert blocked_by(propose(), make_view(), limits, recent) == "cooldown_seconds"
    assert blocked_by(propose(symbol=ETH), make_view(), limits, recent) is None
    over = replace(CALM, last_order_at={BTC: NOW - timedelta(seconds=60)})
    assert blocked_by(propose(), make_view(), limits, over) is None


def test_unknown__stops_its_own_symbol_only() -> None:
    view = make_view(unsafe_symbols=frozenset({BTC}))
    assert blocked_by(propose(symbol=ETH), view) is None


def test_breaker__trips_on_open_losses_and_says_so_once() -> None:
    losing = make_view("2", cost="300", last="100")
    judged = risk.admit((propose(),), losing, LIMITS, CALM)
    assert judged.breaker_trips
    assert judged.blocked[0].limit == "daily_loss_quote_max"
    again = risk.admit((propose(),), losing, LIMITS, replace(CALM, breaker_tripped=True))
    assert not again.breaker_trips
    assert again.blocked


def test_breaker__open_gains_do_not_hide_realised_losses() -> None:
    winning = make_view("2", cost="100", last="100")
    assert risk.admit((), winning, LIMITS, replace(CALM, realised_today=Decimal(-100))).breaker_trips
    assert not risk.admit((), winning, LIMITS, replace(CALM, realised_today=Decimal("-99.99"))).breaker_trips


def test_reduce_only__is_refused_where_it_would_do_more_than_close() -> None:
    assert blocked_by(propose("sell", "2", reduce_only=True), make_view("1")) == "reduce_only"
    assert blocked_by(propose("sell", "1", reduce_only=True), make_view("0")) == "reduce_only"
    assert blocked_by(propose("buy", "1", reduce_only=True), make_view("1")) == "reduce_only"


def test_reduces__counts_what_rests_and_what_was_admitted_on_the_same_side() -> None:
    resting = make_order("one", side=Side.SELL, quantity=Decimal("0.6"), filled_quantity=Decimal("0.1"))
    view = make_view("1", orders=(resting, make_order("two", symbol=ETH, side=Side.SELL)))
    assert risk.reduces(propose("sell", "0.5"), view)
    assert not risk.reduces(propose("sell", "0.501"), view)
    assert not risk.reduces(propose("sell", "0.2"), view, (propose("sell", "0.301", key="other"),))


def test_position__several_proposals_of_one_tick_count_together() -> None:
    parts = tuple(propose(quantity="4", key=str(number)) for number in range(3))
    judged = risk.admit(parts, make_view(), LIMITS, CALM)
    assert judged.admitted == parts[:2]
    assert [each.limit for each in judged.blocked] == ["position_quote_max"]


def test_position__a_flip_counts_by_what_is_left_beyond_zero() -> None:
    """Exit and entry in one tick: the short of 5 becomes a long of 5, not of 10."""
    short, limits = make_view("-5", cost="-500"), replace(LIMITS, position_quote_max=Decimal(500))
    both = (propose("buy", "5", key="exit"), propose("buy", "5", key="enter"))
    assert risk.admit(both, short, limits, CALM).admitted == both
    more = (*both, propose("buy", "0.001", key="more"))
    assert [each.limit for each in risk.admit(more, short, limits, CALM).blocked] == ["position_quote_max"]


QUANTITIES = st.integers(1, 60).map(lambda tenths: Decimal(tenths) / 10)
SIDES = st.sampled_from(["buy", "sell"])
BOUND = replace(
    LIMITS, order_quote_max=Decimal(10_000), open_orders_max=100, daily_loss_quote_max=Decimal(10_000)
)


@given(
    st.integers(-100, 100).map(lambda tenths: Decimal(tenths) / 10),
    st.lists(st.tuples(SIDES, QUANTITIES), max_size=3),
    st.lists(st.tuples(SIDES, QUANTITIES), max_size=4),
)
def test_position__no_set_of_fills_reaches_beyond_the_limit(held, resting, proposed) -> None:
    """Brute force: every subset of resting and admitted orders may fill. None takes the position beyond its limit,
    unless it was reachable without the new orders; and what is blocked would have made such a set possible."""
    orders = tuple(
        make_order(str(number), side=Side(side), quantity=quantity, status=Status.OPEN)
        for number, (side, quantity) in enumerate(resting)
    )
    proposals = tuple(propose(side, f"{quantity}", key=str(n)) for n, (side, quantity) in enumerate(proposed))
    view = make_view(f"{held}", cost=f"{held * 100}", orders=orders)
    judged = risk.admit(proposals, view, BOUND, CALM)
    bound, before = Decimal(10), [Side(side).sign * quantity for side, quantity in resting]
    after = before + [each.side.sign * each.quantity for each in judged.admitted]
    assert farthest(held, after) <= max(bound, farthest(held, before))
    for each in judged.blocked:
        assert each.limit == "position_quote_max"
        assert farthest(held, [*after, each.proposal.side.sign * each.proposal.quantity]) > bound


def farthest(held: Decimal, moves: list[Decimal]) -> Decimal:
    subsets = (each for count in range(len(moves) + 1) for each in combinations(moves, count))
    return max(abs(held + sum(subset, Decimal(0))) for subset in subsets)


RAW = {
    "position_quote_max": "1000",
    "order_quote_max": 500,
    "open_orders_max": "5",
    "daily_loss_quote_max": Decimal(100),
    "cooldown_seconds": 0,
    "price_collar_ratio": "0.1",
}


def test_parse_limits__reads_numbers_and_texts() -> None:
    assert risk.parse_limits(RAW) == (LIMITS, ())
    more, faults = risk.parse_limits({**RAW, "leverage": "2.5", "orders_per_tick_max": 3})
    assert not faults
    assert more == replace(LIMITS, leverage=Decimal("2.5"), orders_per_tick_max=3)


def test_parse_limits__names_every_fault_at_once() -> None:
    raw = {
        "position_quote_max": "NaN",
        "order_quote_max": 1.5,
        "open_orders_max": "2.5",
        "cooldown_seconds": -1,
        "price_collar_ratio": True,
        "leverage": 0,
        "colour": "red",
    }
    limits, faults = risk.parse_limits(raw)
    assert limits is None
    text = "\n".join(faults)
    assert len(faults) == 8
    assert all(name in text for name in (*raw, "daily_loss_quote_max"))


@given(
    st.dictionaries(
        st.sampled_from([*RAW, "leverage", "x"]), st.none() | st.floats() | st.integers() | st.text()
    )
)
def test_parse_limits__never_raises_and_is_either_a_value_or_faults(raw: dict[str, object]) -> None:
    limits, faults = risk.parse_limits(raw)
    assert (limits is None) == bool(faults)
