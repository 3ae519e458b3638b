"""What a venue lets us trade and what it shows us: markets, quotes, candles, orders, fills and holdings."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from runtime.domain import money
from runtime.domain.identity import ClientOrderId, VenueOrderId, VenueTradeId
from runtime.domain.order import Kind, Side, Status


class MarketKind(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"  # perpetuals that are margined and settled in the quote coin


@dataclass(frozen=True, slots=True)
class Market:
    """The rules of one symbol. Quantities are in the base coin, whatever contract size the venue counts in."""

    symbol: str
    kind: MarketKind
    base: str
    quote: str
    price_step: Decimal
    quantity_step: Decimal
    quantity_min: Decimal
    notional_min: Decimal

    def fault(self, kind: Kind, quantity: Decimal, price: Decimal | None) -> str | None:
        """Why an order of this size and price may not be sent, or None."""
        if not money.is_plausible(quantity) or quantity <= 0:
            return f"the quantity {quantity!s:.40} of {self.symbol} is not a positive, plausible number"
        if not money.is_multiple(quantity, self.quantity_step):
            return f"the quantity {quantity} of {self.symbol} is not a multiple of {self.quantity_step}"
        if quantity < self.quantity_min:
            return (
                f"the quantity {quantity} of {self.symbol} is below the venue's minimum {self.quantity_min}"
            )
        if kind is Kind.MARKET:
            return None if price is None else f"a market order of {self.symbol} carries the price {price}"
        if price is None or not money.is_plausible(price) or price <= 0:
            return f"the price {price!s:.40} of {self.symbol} is not a positive, plausible number"
        if not money.is_multiple(price, self.price_step):
            return f"the price {price} of {self.symbol} is not a multiple of {self.price_step}"
        if money.product(price, quantity) < self.notional_min:
            return f"{quantity} {self.symbol} at {price} is worth less than the venue's minimum {self.notional_min}"
        return None


@dataclass(frozen=True, slots=True)
class Quote:
    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: datetime

    def age_seconds(self, now: datetime) -> float:
        return (now - self.at).total_seconds()


@dataclass(frozen=True, slots=True)
class Candle:
    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue reports it."""

    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    symbol: str
    side: Side
    kind: Kind
    quantity: Decimal | None  # None where the venue only knows the quote amount of a market buy
    price: Decimal | None
    filled_quantity: Decimal
    status: Status  # one of submitted, open, partially_filled, filled, cancelled, rejected, expired
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VenueFill:
    venue_trade_id: VenueTradeId
    venue_order_id: VenueOrderId
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal  # positive is paid, negative is a rebate
    fee_coin: str
    traded_at: datetime


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A perpetual's net position at the venue; signed, in the base coin."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    leverage: Decimal


@dataclass(frozen=True, slots=True)
class VenueBalance:
    coin: str
    total: Decimal
    free: Decimal


# What came of one submission. There is no fourth answer.


@dataclass(frozen=True, slots=True)
class Accepted:
    venue_order_id: VenueOrderId


@dataclass(frozen=True, slots=True)
class RefusedByVenue:
    """The venue proved that no order exists: the code stands on its profile's allow-list."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unproved:
    """Everything else. The order may or may not exist."""

    detail: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """We did not touch the socket."""

    detail: str


Answer = Accepted | RefusedByVenue | Unproved | NotSent
