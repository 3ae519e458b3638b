"""What the engine may ask of a venue. Every adapter and every profile passes the same conformance suite.

Reading raises VenueUnavailable or RateLimited and changes nothing. `submit` never raises for what a venue or a network
does: it returns one of four answers, and everything that is not proved is `Unproved`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from runtime.domain.identity import ClientOrderId, OrderId, VenueOrderId
from runtime.domain.market import (
    Answer,
    Candle,
    Market,
    Quote,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from runtime.domain.order import Intent
from runtime.exchanges.profiles import Profile


class Exchange(Protocol):
    @property
    def profile(self) -> Profile: ...

    def connect(self, symbols: Sequence[str]) -> Mapping[str, Market]:
        """Load the markets, measure the clock, assert all that could kill us; VenueUnsafe if it may not be traded."""
        ...

    def close(self) -> None: ...

    def now(self) -> datetime:
        """The venue's clock: measured by `connect` and `measure_clock`, carried on by the monotonic clock."""
        ...

    def measure_clock(self) -> datetime: ...

    def render_client_order_id(self, order_id: OrderId) -> ClientOrderId:
        """The client order id of an order in this venue's alphabet and length; always the same for the same order."""
        ...

    def fetch_quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]: ...

    def fetch_candles(self, symbol: str, timeframe: str, count: int) -> tuple[Candle, ...]:
        """The newest closed candles, oldest first."""
        ...

    def submit(self, intent: Intent) -> Answer:
        """Send an order once. NotSent if its `send_before` has passed; never a second request, whatever happens."""
        ...

    def cancel(self, symbol: str, venue_order_id: VenueOrderId) -> bool:
        """Ask for a cancel; True if the venue confirmed it. What became of the order must still be looked up."""
        ...

    def fetch_order(
        self, symbol: str, *, client_order_id: ClientOrderId | None, venue_order_id: VenueOrderId | None
    ) -> VenueOrder | None:
        """One order by whichever id the venue can look up. None proves nothing."""
        ...

    def fetch_open_orders(self, symbols: Sequence[str]) -> tuple[VenueOrder, ...]: ...

    def fetch_order_history(self, symbol: str, since: datetime) -> Iterable[VenueOrder]:
        """Ended orders of a symbol, newest first, page after page, until everything since `since` was shown."""
        ...

    def fetch_fills(
        self, symbol: str, *, since: datetime, venue_order_id: VenueOrderId | None = None
    ) -> tuple[VenueFill, ...]:
        """All fills since an instant, oldest first, paged to the end; of one order if named."""
        ...

    def fetch_positions(self, symbols: Sequence[str]) -> tuple[VenuePosition, ...]:
        """Perpetuals only; an empty tuple for spot."""
        ...

    def fetch_balances(self) -> Mapping[str, VenueBalance]: ...

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Perpetuals only; asking for what already stands is not an error."""
        ...
