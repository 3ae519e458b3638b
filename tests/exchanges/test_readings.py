"""Values of a client that are missing, of the wrong kind or absurd: never guessed, never zero, never now."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from runtime.domain.market import Market, MarketKind
from runtime.domain.order import Status
from runtime.exchanges import readings
from runtime.exchanges.readings import Listed, Unreadable

MARKET = Market(
    symbol="BTC/USDT:USDT",
    kind=MarketKind.LINEAR,
    base="BTC",
    quote="USDT",
    price_step=Decimal("0.1"),
    quantity_step=Decimal("0.01"),
    quantity_min=Decimal("0.01"),
    notional_min=Decimal(5),
)
LISTED = Listed(MARKET, Decimal("0.1"))  # ten contracts are one coin
ORDER: dict[str, Any] = {
    "id": "1",
    "clientOrderId": "abc",
    "side": "buy",
    "type": "limit",
    "amount": "10",
    "filled": "4",
    "price": "50000",
    "status": "open",
    "timestamp": 1_700_000_000_000,
}
FILL: dict[str, Any] = {
    "id": "7",
    "order": "1",
    "side": "sell",
    "amount": "3",
    "price": "50000",
    "fee": {"cost": "-0.5", "currency": "USDT"},
    "timestamp": 1_700_000_000_123,
}
CANDLE = [1_700_000_000_000, "10", "12", "9", "11", "3"]
BAD: list[object] = [
    None,
    "",
    "x",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "9" * 400,
    "1\x00",
    1.5,
    True,
    [],
    {},
    b"1",
]


def read_order(raw: dict[str, Any]) -> object:
    return readings.order(raw, LISTED, needs_client_id=True)


def read_fill(raw: dict[str, Any]) -> object:
    return readings.fill(raw, LISTED)


def test_contracts__become_base_coins() -> None:
    order = readings.order(ORDER, LISTED, needs_client_id=True)
    fill = readings.fill(FILL, LISTED)
    assert (order.quantity, order.filled_quantity) == (Decimal(1), Decimal("0.4"))
    assert order.status is Status.PARTIALLY_FILLED
    assert (fill.quantity, fill.fee) == (Decimal("0.3"), Decimal("-0.5"))
    assert fill.traded_at == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)


def _may_be_an_id(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) < 128


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (field, value)
        for field in ("id", "clientOrderId", "side", "amount", "filled", "status", "timestamp")
        for value in BAD
        if field not in ("id", "clientOrderId") or not _may_be_an_id(value)
    ],
    ids=lambda value: f"{value!r:.12}",
)
def test_order__with_a_bad_field_is_unreadable(field: str, value: object) -> None:
    with pytest.raises(Unreadable):
        read_order({**ORDER, field: value})


@pytest.mark.parametrize("field", ["amount", "price", "timestamp", "side"])
@pytest.mark.parametrize("value", [*BAD, "0", "-1"], ids=lambda value: f"{value!r:.12}")
def test_fill__with_a_bad_field_is_unreadable(field: str, value: object) -> None:
    with pytest.raises(Unreadable):
        read_fill({**FILL, field: value})


@pytest.mark.parametrize("value", BAD, ids=lambda value: f"{value!r:.12}")
def test_fee__that_is_not_a_number_is_unreadable_and_not_zero(value: object) -> None:
    raw = deepcopy(FILL)
    raw["fee"]["cost"] = value
    with pytest.raises(Unreadable):
        read_fill(raw)


def test_filled_order__that_is_not_full_is_a_contradiction_unless_the_client_is_known_for_it() -> None:
    raw = {**ORDER, "status": "closed"}
    with pytest.raises(Unreadable):
        read_order(raw)
    read = readings.order(raw, LISTED, needs_client_id=True, closed_in_part=True)
    assert read.status is Status.CANCELLED


def test_unknown_status__is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read_order({**ORDER, "status": "melting"})


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("value", BAD, ids=lambda value: f"{value!r:.12}")
def test_candle__with_a_bad_field_is_unreadable(place: int, value: object) -> None:
    row: list[object] = [*CANDLE]
    row[place] = value
    with pytest.raises(Unreadable):
        readings.candle(row)


def test_candle__that_its_low_and_high_do_not_enclose_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        readings.candle([CANDLE[0], "10", "10.5", "9", "11", "3"])


def test_message_of_an_unreadable_value__never_repeats_it() -> None:
    with pytest.raises(Unreadable) as caught:
        read_order({**ORDER, "amount": "canary"})
    assert "canary" not in str(caught.value)


def test_quote__with_its_bid_above_its_ask_is_unreadable() -> None:
    now = datetime.now(UTC)
    raw = {"symbol": "BTC/USDT", "bid": "11", "ask": "10", "last": "10", "timestamp": None}
    with pytest.raises(Unreadable):
        readings.quote(raw, "BTC/USDT", now)
    assert readings.quote({**raw, "bid": "9"}, "BTC/USDT", now).at == now
