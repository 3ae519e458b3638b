"""Orders and fills as they are shown: in pages, and one order with its life, what caused it and what it brought."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from runtime import errors
from runtime.domain.order import UNSETTLED
from runtime.store import holding_pages, paging, queries, thought_pages
from runtime.store.holding_pages import Trade
from runtime.store.paging import LIMIT, Page
from runtime.store.pool import Tx
from runtime.store.thought_pages import Decision, Phantom

_SQL = queries.load("order_pages")
EVENTS_MAX = FILLS_MAX = 1000

OrderStatus = Literal[
    "pending", "submitted", "open", "partially_filled", "filled", "cancelled", "rejected", "expired", "unknown",
    "failed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    order_id: UUID
    account_id: UUID
    bot_id: UUID
    job_id: UUID | None
    client_order_id: str
    venue_order_id: str | None
    intent_key: str
    symbol: str
    side: str
    kind: str
    quantity: str
    price: str | None
    reduce_only: bool
    status: OrderStatus
    filled_quantity: str
    reason: str
    created_at: datetime
    send_before: datetime
    cancel_requested_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OrderEvent:
    sequence: int
    at: datetime
    status_before: str | None
    status_after: str
    detail: dict[str, Any]
    digest: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Fill:
    account_id: UUID
    bot_id: UUID
    order_id: UUID
    venue_trade_id: str
    venue_order_id: str
    symbol: str
    side: str
    quantity: str
    price: str
    fee: str
    fee_coin: str
    traded_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class OrderStory:
    """`trade` is the round trip that its fills belong to; `signals` are what the strategy saw."""

    order: Order
    events: list[OrderEvent]
    fills: list[Fill]
    decision: Decision | None
    signals: list[Phantom]
    trade: Trade | None


def load_orders(
    tx: Tx,
    *,
    bot: UUID | None = None,
    symbol: str | None = None,
    status: OrderStatus | None = None,
    unsettled: bool = False,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Order]:
    """The last changed first. `unsettled` leaves out those that have ended."""
    query = _SQL["load_unsettled_orders"] if unsettled or status in UNSETTLED else _SQL["load_orders"]
    parameters = {"bot": bot, "symbol": symbol, "status": status}
    return paging.read(tx, query, parameters, limit=limit, after=after, build=Order)


def load_order(tx: Tx, order_id: UUID) -> OrderStory:
    """One order: its life event by event, its fills, the decision that caused it, and what it brought."""
    found = load_orders_by_id(tx, [order_id])
    if not found:
        raise errors.NotFound(noun="order", key=order_id)
    order, fills = found[0], load_order_fills(tx, [order_id])
    events = tx.rows(_SQL["load_order_events"], {"order_id": order_id, "count": EVENTS_MAX})
    return OrderStory(
        order,
        [OrderEvent(*row) for row in events],
        fills,
        thought_pages.load_cause(tx, order.bot_id, order_id, order.created_at),
        thought_pages.load_signals(tx, order.bot_id, order.intent_key, order.created_at),
        holding_pages.load_trade_at(tx, order.bot_id, order.symbol, fills[0].traded_at) if fills else None,
    )


def load_orders_by_id(tx: Tx, order_ids: list[UUID]) -> list[Order]:
    return [Order(*row) for row in tx.rows(_SQL["load_orders_by_id"], {"order_ids": order_ids})]


def load_order_fills(tx: Tx, order_ids: list[UUID], trade_ids: list[str] | None = None) -> list[Fill]:
    """Oldest first; `trade_ids` asks for these alone."""
    parameters = {"order_ids": order_ids, "trade_ids": trade_ids, "count": FILLS_MAX}
    rows = tx.rows(_SQL["load_order_fills"], parameters)
    return [Fill(*row) for row in rows]


def load_fills(
    tx: Tx,
    *,
    bot: UUID | None = None,
    symbol: str | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Fill]:
    """What was executed, the newest first."""
    parameters = {"bot": bot, "symbol": symbol}
    return paging.read(tx, _SQL["load_fills"], parameters, limit=limit, after=after, build=Fill)
