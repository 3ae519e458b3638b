"""Numbers: what is let in, and that rounding is what it says."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import money

AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, places=8)
STEPS = st.sampled_from([Decimal(step) for step in ("1", "0.1", "0.001", "0.00000001", "5", "0.25", "100")])

NOT_NUMBERS: list[object] = [
    "NaN",
    "sNaN",
    "inf",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e-400",
    "1" * 5000,
    "0." + "1" * 70,
    "",
    "ten",
    "1,5",
    "1\0",
    "\ud800",
    True,
    False,
    None,
    1.5,
    float("nan"),
    [],
    {},
    b"1",
    10**5000,
    10**20,
    -(10**20),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("1e400"),
    Decimal("1e-19"),
    Decimal("0." + "1" * 5000),
]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=range(len(NOT_NUMBERS)))
def test_parse__refuses_what_is_not_a_plausible_amount_in_a_short_sentence(value: object) -> None:
    with pytest.raises(ValueError) as refused:
        money.parse(value)
    assert 5 < len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "1e3", "0.000000000000000001", "99999999999999999999.999999999999999999", 7, Decimal("1.50")],
)
def test_parse__keeps_an_amount_to_the_last_digit(value: str | int | Decimal) -> None:
    assert money.parse(value) == Decimal(value)


@given(AMOUNTS)
def test_parse__gives_back_what_was_written(number: Decimal) -> None:
    assert money.parse(f"{number:f}") == number


@given(AMOUNTS, STEPS)
def test_round_down__is_the_nearest_multiple_towards_zero(number: Decimal, step: Decimal) -> None:
    rounded = money.round_down(number, step)
    assert money.is_multiple(rounded, step)
    assert abs(rounded) <= abs(number) < abs(rounded) + step


@given(AMOUNTS, STEPS)
def test_round_nearest__is_a_multiple_at_most_half_a_step_away(number: Decimal, step: Decimal) -> None:
    rounded = money.round_nearest(number, step)
    assert money.is_multiple(rounded, step)
    assert abs(rounded - number) <= step / 2


def test_round_nearest__halves_go_to_the_even_step() -> None:
    assert money.round_nearest(Decimal("0.5"), Decimal(1)) == 0
    assert money.round_nearest(Decimal("1.5"), Decimal(1)) == 2


@given(AMOUNTS, AMOUNTS)
def test_product__does_not_depend_on_the_context_of_its_caller(left: Decimal, right: Decimal) -> None:
    with localcontext() as context:
        context.prec = 3
        coarse = money.product(left, right)
    assert coarse == money.product(left, right) == money.product(right, left)


@given(AMOUNTS, AMOUNTS.filter(bool))
def test_share__of_the_whole_is_the_whole(total: Decimal, whole: Decimal) -> None:
    assert money.share(total, whole, whole) == total
    assert money.share(total, Decimal(0), whole) == 0


@given(AMOUNTS, STEPS)
def test_is_multiple__tells_a_multiple_from_its_neighbour(number: Decimal, step: Decimal) -> None:
    assert money.is_multiple(money.round_down(number, step), step)
    assert not money.is_multiple(money.round_down(number, step) + step / 2, step)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "1e20", "-1e20", "1e999"])
def test_is_plausible__refuses(text: str) -> None:
    assert not money.is_plausible(Decimal(text))


def test_precisely__keeps_digits_that_pythons_context_drops() -> None:
    large, small = Decimal("12345678901234567890"), Decimal("0.000000000000000001")
    assert large + small == large
    with money.precisely():
        assert large + small - large == small
