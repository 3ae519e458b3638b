"""When a phantom closes and how, worked out by hand; laws that hold for every way of a price; counts of what was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import phantom
from runtime.domain.market import Quote
from runtime.domain.order import Side
from runtime.domain.phantom import GRACE, LIFE, ROLLING, Outcome, Phantom, Statistics, Told
from tests.domain.samples import BOT, BTC

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
prices = st.decimals(min_value="0.01", max_value=10**9, places=2)


def quote(bid: str | Decimal, ask: str | Decimal) -> Quote:
    return Quote(BTC, Decimal(bid), Decimal(ask), Decimal(bid), NOW)


def signal(side: Side = Side.BUY, price: str | Decimal = "100", number: int = 1) -> Phantom:
    opened = Decimal(price)
    marks = phantom.barriers(side, opened)
    return Phantom(
        phantom_id=UUID(int=number),
        bot_id=BOT,
        at=NOW,
        symbol=BTC,
        side=side,
        opened_price=opened,
        take_profit=marks["take_profit"],
        stop_loss=marks["stop_loss"],
    )


def told(number: int, result: str | None, outcome: Outcome | None = Outcome.EXPIRED, **more: object) -> Told:
    closed = None if result is None else Decimal(result)
    made = Told(
        phantom_id=UUID(int=number),
        strategy="grid",
        executed=True,
        closed_at=NOW + timedelta(minutes=number) if result is not None else None,
        outcome=outcome if result is not None else None,
        result=closed,
    )
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "bid", "ask", "outcome", "result"),
    [
        (Side.BUY, "101", "102", Outcome.WON, "0.01"),
        (Side.BUY, "100.99", "101.5", None, None),
        (Side.BUY, "99", "101", Outcome.LOST, "-0.01"),
        (Side.BUY, "90", "91", Outcome.LOST, "-0.1"),
        (Side.SELL, "98", "99", Outcome.WON, "0.01"),
        (Side.SELL, "98", "99.01", None, None),
        (Side.SELL, "100", "101", Outcome.LOST, "-0.01"),
    ],
)
def test_judge__a_barrier_is_reached_by_the_price_at_which_one_gets_out(
    side: Side, bid: str, ask: str, outcome: Outcome | None, result: str | None
) -> None:
    end = phantom.judge(signal(side), quote(bid, ask), SOON)
    assert (end and end.outcome, end and end.result) == (outcome, result and Decimal(result))


def test_judge__time_ends_what_no_price_did() -> None:
    calm = quote("100.5", "100.6")
    just_before = NOW + LIFE - timedelta(microseconds=1)
    assert phantom.judge(signal(), calm, just_before) is None
    end = phantom.judge(signal(), calm, NOW + LIFE)
    assert end is not None
    assert (end.outcome, end.price, end.result) == (Outcome.EXPIRED, Decimal("100.5"), Decimal("0.005"))


def test_judge__what_nobody_saw_is_void_and_not_made_up() -> None:
    assert phantom.judge(signal(), None, NOW + LIFE) is None, "a quote may come yet"
    assert phantom.judge(signal(), quote("0", "101"), SOON) is None, "an empty side of a book is no price"
    end = phantom.judge(signal(), quote("150", "151"), NOW + LIFE + GRACE)
    assert end is not None
    assert (end.outcome, end.price, end.result) == (Outcome.VOID, Decimal(100), Decimal(0))


def test_judge__a_result_that_no_ledger_could_hold_is_void() -> None:
    tiny = replace(signal(), opened_price=Decimal("1e-18"))
    end = phantom.judge(tiny, quote("1e19", "1e19"), SOON)
    assert end is not None
    assert end.outcome is Outcome.VOID


@given(opened=prices, seen=prices)
def test_judge__both_sides_are_mirrors_and_the_sign_is_the_outcome_s(opened: Decimal, seen: Decimal) -> None:
    there = quote(seen, seen)
    bought, sold = (phantom.judge(signal(side, opened), there, SOON) for side in Side)
    for end in (bought, sold):
        if end is not None:
            assert end.outcome is (Outcome.WON if end.result > 0 else Outcome.LOST)
    if bought is not None and sold is not None:
        assert bought.result == -sold.result
        assert {bought.outcome, sold.outcome} == {Outcome.WON, Outcome.LOST}


def test_barriers__none_lies_where_no_price_is() -> None:
    assert phantom.barriers(Side.BUY, Decimal(100)) == {
        "take_profit": Decimal(101),
        "stop_loss": Decimal(99),
    }
    assert phantom.barriers(Side.SELL, Decimal(100)) == {
        "take_profit": Decimal(99),
        "stop_loss": Decimal(101),
    }
    assert phantom.barriers(Side.BUY, Decimal(0)) == {}


def test_count__what_a_person_would_count() -> None:
    found = phantom.count(
        [
            told(1, "0.01", Outcome.WON),
            told(2, "-0.01", Outcome.LOST),
            told(3, "0.002"),
            told(4, "0.01", Outcome.WON, executed=False),
            told(5, "0", Outcome.VOID, executed=False),
            told(6, None),
        ]
    )
    assert (found.total, found.executed, found.rejected, found.open) == (6, 4, 2, 1)
    assert (found.won, found.lost, found.expired, found.void) == (2, 1, 1, 1)
    assert found.accuracy == Decimal("0.75")
    assert found.accuracy_executed == Decimal("0.666666666666666667")
    assert found.accuracy_rejected == 1


def test_count__the_rolling_rate_is_that_of_the_newest() -> None:
    old = [told(number, "0.01", Outcome.WON) for number in range(1, 100)]
    new = [told(1000 + number, "-0.01", Outcome.LOST) for number in range(ROLLING - 1)]
    found = phantom.count([*new, *old])
    assert (found.rolling, found.right_rolling, found.rolling_win_rate) == (ROLLING, 1, Decimal("0.02"))


def test_count__nothing_is_no_claim() -> None:
    nothing = phantom.count([])
    assert nothing == Statistics()
    assert (nothing.accuracy, nothing.accuracy_rejected, nothing.rolling_win_rate) == (None, None, None)


def test_count_by_strategy__each_is_counted_alone() -> None:
    found = phantom.count_by_strategy([told(1, "1"), told(2, "-1", strategy="momentum")])
    assert {name: each.accuracy for name, each in found.items()} == {"grid": 1, "momentum": 0}
