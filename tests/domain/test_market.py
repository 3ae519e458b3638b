"""What a market lets through."""

from decimal import Decimal

import pytest

from runtime.domain.order import Kind
from tests.domain.samples import SPOT


@pytest.mark.parametrize(
    ("kind", "quantity", "price"),
    [
        (Kind.MARKET, "0.001", None),
        (Kind.MARKET, "12345.678", None),
        (Kind.LIMIT, "0.01", "100.01"),
        (Kind.LIMIT, "0.010", "100.0100"),
    ],
)
def test_fault__lets_a_sound_order_pass(kind: Kind, quantity: str, price: str | None) -> None:
    assert SPOT.fault(kind, Decimal(quantity), None if price is None else Decimal(price)) is None


@pytest.mark.parametrize(
    "quantity", ["0", "-1", "NaN", "sNaN", "Infinity", "1e20", "1e400", "0.0005", "0.0015", "1e-400"]
)
def test_fault__refuses_the_quantity(quantity: str) -> None:
    assert "the quantity" in (SPOT.fault(Kind.MARKET, Decimal(quantity), None) or "")
    assert "the quantity" in (SPOT.fault(Kind.LIMIT, Decimal(quantity), Decimal(100)) or "")


@pytest.mark.parametrize(
    "price", ["0", "-1", "NaN", "sNaN", "-Infinity", "1e20", "1e400", "100.001", "1e-400"]
)
def test_fault__refuses_the_price_of_a_limit_order(price: str) -> None:
    assert "the price" in (SPOT.fault(Kind.LIMIT, Decimal(1), Decimal(price)) or "")


def test_fault__refuses_a_limit_order_without_a_price_and_a_market_order_with_one() -> None:
    assert SPOT.fault(Kind.LIMIT, Decimal(1), None)
    assert SPOT.fault(Kind.MARKET, Decimal(1), Decimal(100))


def test_fault__refuses_what_is_worth_too_little() -> None:
    assert SPOT.fault(Kind.LIMIT, Decimal("0.001"), Decimal("999.99"))
    assert SPOT.fault(Kind.LIMIT, Decimal("0.001"), Decimal(1000)) is None
