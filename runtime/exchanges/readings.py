"""From the client's dictionaries to our values, believing nothing.

Pure. A field that is missing, of the wrong kind, not finite or not plausible is `Unreadable`; nothing is guessed, so an
unreadable answer can never look like an absence or a zero.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from runtime.domain import money
from runtime.domain.identity import ClientOrderId, VenueOrderId, VenueTradeId
from runtime.domain.market import (
    Candle,
    Market,
    MarketKind,
    Quote,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from runtime.domain.money import ZERO
from runtime.domain.order import Kind, Side, Status

_ID = re.compile(r"[!-~]{1,128}")
_YEARS = range(2009, 2100)
_ENDED = {
    "closed": Status.FILLED,
    "canceled": Status.CANCELLED,
    "rejected": Status.REJECTED,
    "expired": Status.EXPIRED,
}

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A symbol as we may trade it; `contract_size` is what one unit of the venue's sizes is in the base coin."""

    market: Market
    contract_size: Decimal


class Unreadable(ValueError):
    """What a venue answered cannot be understood; names the field, never its content."""

    def __init__(self, field: str, why: str = "") -> None:
        super().__init__(f"it answered something unreadable: {field}" + (f" ({why})" if why else ""))


def amount(value: object, field: str) -> Decimal:
    try:
        return money.parse(value) + ZERO  # "-0" becomes 0
    except ValueError:
        raise Unreadable(field) from None


def positive(value: object, field: str) -> Decimal:
    number = amount(value, field)
    if number <= 0:
        raise Unreadable(field, "not above zero")
    return number


def identifier(value: object, field: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Unreadable(field)
    return value


def table(value: object, field: str) -> Raw:
    if not isinstance(value, Mapping):
        raise Unreadable(field)
    return value


def instant(value: object, field: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(field)
    try:
        moment = datetime.fromtimestamp(value // 1000, UTC).replace(microsecond=value % 1000 * 1000)
    except (ValueError, OverflowError, OSError):
        raise Unreadable(field) from None
    if moment.year not in _YEARS:
        raise Unreadable(field)
    return moment


def side(value: object) -> Side:
    if value not in (Side.BUY.value, Side.SELL.value):
        raise Unreadable("side")
    return Side(str(value))


def order(raw: Raw, listed: Listed, *, needs_client_id: bool, closed_in_part: bool = False) -> VenueOrder:
    """`closed_in_part`: the client says `closed` also of an order that was cancelled with a part filled."""
    market, contract_size = listed.market, listed.contract_size
    bought, kind = side(raw.get("side")), Kind.MARKET if raw.get("type") == "market" else Kind.LIMIT
    quote_sized = market.kind is MarketKind.SPOT and kind is Kind.MARKET and bought is Side.BUY
    filled = amount(raw.get("filled"), "filled") * contract_size
    if filled < 0:
        raise Unreadable("filled", "below zero")
    quantity = None if quote_sized else positive(raw.get("amount"), "amount") * contract_size
    status = _status(raw.get("status"), filled)
    if status is Status.FILLED and quantity is not None and filled < quantity:
        if not closed_in_part:
            raise Unreadable("status", "it contradicts the quantity that is filled")
        status = Status.CANCELLED
    client_id = raw.get("clientOrderId")
    if client_id is None and needs_client_id:
        raise Unreadable("clientOrderId")
    return VenueOrder(
        venue_order_id=VenueOrderId(identifier(raw.get("id"), "id")),
        client_order_id=None if client_id is None else ClientOrderId(identifier(client_id, "clientOrderId")),
        symbol=market.symbol,
        side=bought,
        kind=kind,
        quantity=quantity,
        price=_optional_price(raw.get("price")),
        filled_quantity=filled,
        status=status,
        created_at=instant(raw.get("timestamp"), "timestamp"),
    )


def fill(raw: Raw, listed: Listed) -> VenueFill:
    fee = table(raw.get("fee"), "fee")
    return VenueFill(
        venue_trade_id=VenueTradeId(identifier(raw.get("id"), "id")),
        venue_order_id=VenueOrderId(identifier(raw.get("order"), "order")),
        symbol=listed.market.symbol,
        side=side(raw.get("side")),
        quantity=positive(raw.get("amount"), "amount") * listed.contract_size,
        price=positive(raw.get("price"), "price"),
        fee=amount(fee.get("cost"), "fee"),
        fee_coin=identifier(fee.get("currency"), "fee coin"),
        traded_at=instant(raw.get("timestamp"), "timestamp"),
    )


def position(raw: Raw, listed: Listed) -> VenuePosition:
    held = amount(raw.get("contracts"), "contracts") * listed.contract_size
    which = raw.get("side")
    if which not in ("long", "short") or held < 0:
        raise Unreadable("position side")
    return VenuePosition(
        symbol=listed.market.symbol,
        quantity=held if which == "long" else -held,
        entry_price=positive(raw.get("entryPrice"), "entryPrice"),
        leverage=positive(raw.get("leverage"), "leverage"),
    )


def balance(coin: str, raw: Raw) -> VenueBalance:
    return VenueBalance(
        identifier(coin, "coin"), amount(raw.get("total"), "total"), amount(raw.get("free"), "free")
    )


def balances(raw: object) -> dict[str, VenueBalance]:
    accounts = {name: each for name, each in table(raw, "balances").items() if name != "info"}
    return {name: balance(name, each) for name, each in accounts.items() if _is_account(each)}


def quote(ticker: object, symbol: str, now: datetime) -> Quote:
    raw = table(ticker, f"quote of {symbol}")
    if raw.get("symbol") != symbol:
        raise Unreadable("symbol")
    bid, ask = positive(raw.get("bid"), "bid"), positive(raw.get("ask"), "ask")
    if bid > ask:
        raise Unreadable("bid and ask", "the bid is above the ask")
    stamped = raw.get("timestamp")
    return Quote(
        symbol,
        bid,
        ask,
        positive(raw.get("last"), "last"),
        now if stamped is None else instant(stamped, "timestamp"),
    )


def candle(row: object) -> Candle:
    if not isinstance(row, list) or len(row) < 6:
        raise Unreadable("candle")
    opened, high, low, close = (
        positive(value, name) for value, name in zip(row[1:5], ("open", "high", "low", "close"), strict=True)
    )
    if not low <= min(opened, close) <= max(opened, close) <= high:
        raise Unreadable("candle", "its low and high do not enclose it")
    return Candle(instant(row[0], "candle time"), opened, high, low, close, amount(row[5], "volume"))


def candles(rows: object) -> tuple[Candle, ...]:
    if not isinstance(rows, list):
        raise Unreadable("candles")
    read = tuple(candle(row) for row in rows)
    opened = [each.opened_at for each in read]
    if sorted(set(opened)) != opened:
        raise Unreadable("candles", "they are not in the order of time")
    return read


def listed(raw: Raw, kind: MarketKind) -> Listed:
    precision, limits = table(raw.get("precision"), "precision"), table(raw.get("limits"), "limits")
    size = positive(raw.get("contractSize"), "contractSize") if kind is MarketKind.LINEAR else Decimal(1)
    step = positive(precision.get("amount"), "amount step") * size
    smallest = table(limits.get("amount"), "amount limits").get("min")
    cheapest = table(limits.get("cost"), "cost limits").get("min")
    rules = Market(
        symbol=identifier(raw.get("symbol"), "symbol"),
        kind=kind,
        base=identifier(raw.get("base"), "base"),
        quote=identifier(raw.get("quote"), "quote"),
        price_step=positive(precision.get("price"), "price step"),
        quantity_step=step,
        quantity_min=max(step, ZERO if smallest is None else amount(smallest, "smallest amount") * size),
        notional_min=ZERO if cheapest is None else amount(cheapest, "smallest cost"),
    )
    return Listed(rules, size)


def _is_account(value: object) -> bool:
    return isinstance(value, Mapping) and "free" in value and "total" in value


def _status(word: object, filled: Decimal) -> Status:
    if word == "open":
        return Status.PARTIALLY_FILLED if filled else Status.OPEN
    ended = _ENDED.get(word) if isinstance(word, str) else None
    if ended is None:
        raise Unreadable("status")
    return ended


def _optional_price(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    return amount(value, "price") or None
