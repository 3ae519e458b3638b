"""What the suite knows of an adapter: the port, the simulator behind it, and how orders are made."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from runtime.domain.identity import BotId, OrderId, order_id
from runtime.domain.market import Accepted, MarketKind, VenueOrder
from runtime.domain.order import Intent, Kind, Side
from runtime.exchanges.port import Exchange
from runtime.exchanges.profiles import Profile
from tests.venue import RunningSimulator

BOT = BotId(UUID("00000000-0000-4000-8000-000000000001"))
PRICE = Decimal(50_000)
_keys = itertools.count()


@dataclass
class Rig:
    profile: Profile
    exchange: Exchange
    venue: RunningSimulator
    symbol: str
    ids: list[OrderId] = field(default_factory=list)

    @property
    def is_spot(self) -> bool:
        return self.profile.kind is MarketKind.SPOT

    @property
    def product(self) -> str:
        return "spot" if self.is_spot else "mix"

    def intent(
        self,
        side: Side = Side.BUY,
        quantity: str = "0.01",
        price: str | None = "40000",
        *,
        reduce_only: bool = False,
        within: timedelta = timedelta(seconds=5),
    ) -> Intent:
        """A limit order that rests unless told otherwise; without a price a market order."""
        identity = order_id(BOT, f"key-{next(_keys)}")
        now = self.exchange.now()
        return Intent(
            order_id=identity,
            bot_id=BOT,
            client_order_id=self.exchange.render_client_order_id(identity),
            key="test",
            symbol=self.symbol,
            side=side,
            kind=Kind.MARKET if price is None else Kind.LIMIT,
            quantity=Decimal(quantity),
            price=None if price is None else Decimal(price),
            reduce_only=reduce_only,
            created_at=now,
            send_before=now + within,
        )

    def accepted(self, intent: Intent) -> Accepted:
        answer = self.exchange.submit(intent)
        assert isinstance(answer, Accepted), answer
        return answer

    def fault(self, kind: str, route: str = "place-order", **more: object) -> None:
        self.venue.control("faults", {"kind": kind, "route": route, **more})

    def at_venue(self, intent: Intent) -> list[dict[str, Any]]:
        """The venue's own books: every order with this client id, whatever the API shows."""
        orders = self.venue.books()["orders"]
        return [each for each in orders if each["client_oid"] == intent.client_order_id]

    def requests(self, route: str) -> int:
        counts: dict[str, int] = self.venue.control("requests")["counts"]
        return sum(count for path, count in counts.items() if path.endswith(route))

    def found_in_history(self, intent: Intent) -> VenueOrder | None:
        since = self.exchange.now() - timedelta(minutes=5)
        listed = self.exchange.fetch_order_history(self.symbol, since)
        return next((each for each in listed if each.client_order_id == intent.client_order_id), None)

    def prove(self, intent: Intent) -> VenueOrder | None:
        """The whole proof, as the engine does it: look-up, open orders, history."""
        found = self.exchange.fetch_order(
            self.symbol, client_order_id=intent.client_order_id, venue_order_id=None
        )
        listed = self.exchange.fetch_open_orders((self.symbol,))
        resting = [each for each in listed if each.client_order_id == intent.client_order_id]
        return found or (resting[0] if resting else None) or self.found_in_history(intent)

    def earlier(self, **span: int) -> datetime:
        return self.exchange.now() - timedelta(**span)
