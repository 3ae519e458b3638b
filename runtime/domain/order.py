"""An order's life: what may be asked for, which states it passes, and the chain of events that proves it.

The table of legal moves stands here, in the trigger of the database and in the guarded updates of the store; a test
walks all pairs and holds the three against each other.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from runtime.domain.identity import BotId, ClientOrderId, OrderId, VenueOrderId


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class Kind(StrEnum):
    MARKET = "market"
    LIMIT = "limit"


class Status(StrEnum):
    PENDING = "pending"  # the intent is committed; nothing was proved to have left
    SUBMITTED = "submitted"  # the venue answered with its order id
    OPEN = "open"  # seen resting in the venue's book
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"  # the venue proved its refusal
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # sent, or perhaps sent, and not proved: blocks new risk on its symbol
    FAILED = "failed"  # proved never to have reached the venue


_S = Status
_LIVE_OR_ENDED = frozenset({_S.OPEN, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED})

# `failed` and `rejected` may only go back to `unknown`: a venue that shows an order it had denied contradicts our
# proof, and the order must stand visibly open again rather than stay wrongly closed.
MOVES: Mapping[Status, frozenset[Status]] = {
    _S.PENDING: frozenset({_S.SUBMITTED, _S.UNKNOWN, _S.REJECTED, _S.FAILED}),
    _S.UNKNOWN: _LIVE_OR_ENDED | {_S.SUBMITTED, _S.REJECTED, _S.FAILED},
    _S.SUBMITTED: _LIVE_OR_ENDED | {_S.REJECTED, _S.UNKNOWN},
    _S.OPEN: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}),
    _S.PARTIALLY_FILLED: frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}),
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset({_S.FILLED}),  # the fill that completed it was reported after the cancel
    _S.EXPIRED: frozenset({_S.FILLED}),
    _S.REJECTED: frozenset({_S.UNKNOWN}),
    _S.FAILED: frozenset({_S.UNKNOWN}),
}

TERMINAL = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.FAILED})
RESTING = frozenset({_S.SUBMITTED, _S.OPEN, _S.PARTIALLY_FILLED})
UNSETTLED = frozenset(_S) - TERMINAL


def after_fill(order: "Order", quantity: Decimal) -> Status:
    """The status of an order once `quantity` more of it is filled. What has ended stays ended unless it is complete."""
    if order.filled_quantity + quantity == order.quantity:
        return Status.FILLED
    return order.status if order.status in TERMINAL else Status.PARTIALLY_FILLED


def may_move(before: Status, after: Status) -> bool:
    return after in MOVES[before]


@dataclass(frozen=True, slots=True)
class Intent:
    """An order as it is written down before anything is sent."""

    order_id: OrderId
    bot_id: BotId
    client_order_id: ClientOrderId
    key: str  # the cause: strategy, symbol, candle time, leg
    symbol: str
    side: Side
    kind: Kind
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool
    created_at: datetime
    send_before: datetime  # never signed after this instant of the venue's clock
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """An intent and what became of it."""

    order_id: OrderId
    bot_id: BotId
    client_order_id: ClientOrderId
    symbol: str
    side: Side
    kind: Kind
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool
    created_at: datetime
    send_before: datetime
    status: Status
    venue_order_id: VenueOrderId | None
    filled_quantity: Decimal
    cancel_requested: bool = False

    @classmethod
    def of(cls, intent: Intent) -> "Order":
        return cls(
            order_id=intent.order_id,
            bot_id=intent.bot_id,
            client_order_id=intent.client_order_id,
            symbol=intent.symbol,
            side=intent.side,
            kind=intent.kind,
            quantity=intent.quantity,
            price=intent.price,
            reduce_only=intent.reduce_only,
            created_at=intent.created_at,
            send_before=intent.send_before,
            status=Status.PENDING,
            venue_order_id=None,
            filled_quantity=Decimal(0),
        )

    @property
    def is_settled(self) -> bool:
        return self.status in TERMINAL

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled_quantity


@dataclass(frozen=True, slots=True)
class Link:
    """The end of an account's chain of order events."""

    sequence: int
    digest: bytes


CHAIN_START = Link(0, bytes(32))


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an order; its digest covers the event before it in the account."""

    order_id: OrderId
    sequence: int
    at: datetime
    before: Status | None
    after: Status
    detail: str  # JSON text, hashed as it stands
    previous: bytes
    digest: bytes

    @property
    def link(self) -> Link:
        return Link(self.sequence, self.digest)


def chain(
    end: Link, order: OrderId, at: datetime, before: Status | None, after: Status, facts: Mapping[str, str]
) -> Event:
    """The event that follows `end`."""
    detail = json.dumps(dict(facts), sort_keys=True, separators=(",", ":"))
    sequence = end.sequence + 1
    digest = event_digest(end.digest, order, sequence, at, before, after, detail)
    return Event(order, sequence, at, before, after, detail, end.digest, digest)


def event_digest(
    previous: bytes,
    order: OrderId,
    sequence: int,
    at: datetime,
    before: Status | None,
    after: Status,
    detail: str,
) -> bytes:
    instant = at.astimezone(UTC).isoformat(timespec="microseconds")
    body = f"{order}|{sequence}|{instant}|{before or ''}|{after}|{detail}"
    return hashlib.sha256(previous + body.encode()).digest()
