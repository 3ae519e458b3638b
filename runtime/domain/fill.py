"""A fill: the one thing at a venue that changes what we own."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from runtime.domain.identity import BotId, OrderId, VenueOrderId, VenueTradeId
from runtime.domain.order import Side


@dataclass(frozen=True, slots=True)
class Fill:
    order_id: OrderId
    bot_id: BotId
    venue_trade_id: VenueTradeId
    venue_order_id: VenueOrderId
    symbol: str
    base: str
    quote: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_coin: str
    quantity_step: (
        Decimal  # the smallest tradable quantity at that time: less than this is dust, and a position is flat
    )
    traded_at: datetime

    @property
    def sort_key(self) -> tuple[datetime, int, str]:
        """The order in which fills count, whenever they arrive. Venue ids are numbers written as text."""
        return (self.traded_at, len(self.venue_trade_id), self.venue_trade_id)
