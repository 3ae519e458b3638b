"""Orders and the chain of their events. Orders move by guarded updates; each move appends an event with it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from runtime.domain.decision import Memory
from runtime.domain.identity import AccountId, BotId, ClientOrderId, OrderId, VenueOrderId
from runtime.domain.order import CHAIN_START, Event, Intent, Kind, Link, Order, Side, Status
from runtime.store import columns, queries
from runtime.store.pool import Fence, Row, Tx

_SQL = queries.load("orders")
# Asking an enumeration for a member by its value is slow; there are many orders.
_SIDES: Mapping[str, Side] = {str(side): side for side in Side}
_KINDS: Mapping[str, Kind] = {str(kind): kind for kind in Kind}
_STATUSES: Mapping[str, Status] = {str(status): status for status in Status}


def record_intents(
    tx: Tx,
    fence: Fence,
    bot_id: BotId,
    job_id: UUID,
    intents: Sequence[Intent],
    events: Sequence[Event],
    *,
    memory: Memory | None,
    trigger_reason: str,
) -> None:
    """All of them or none. AlreadyRecorded if one stands in the ledger from before."""
    tx.rows(
        _SQL["record_intents"],
        {
            "account_id": fence.account_id,
            "epoch": fence.epoch,
            "bot_id": bot_id,
            "job_id": job_id,
            "trigger_reason": trigger_reason,
            "at": intents[0].created_at,
            "memory": None if memory is None else json.dumps(memory),
            "orders": json.dumps(
                [_intent_row(intent, event) for intent, event in zip(intents, events, strict=True)]
            ),
        },
    )


def advance_order(
    tx: Tx,
    fence: Fence,
    event: Event,
    *,
    venue_order_id: VenueOrderId | None = None,
    cancel_requested_at: datetime | None = None,
) -> None:
    """Move an order as its event says: from the status it is in, or not at all."""
    tx.rows(
        _SQL["advance_order"],
        {
            "account_id": fence.account_id,
            "epoch": fence.epoch,
            "order_id": event.order_id,
            "venue_order_id": venue_order_id,
            "cancel_requested_at": cancel_requested_at,
            "before": event.before,
            "after": event.after,
            "at": event.at,
            "sequence": event.sequence,
            "detail": event.detail,
            "previous": event.previous,
            "digest": event.digest,
        },
    )


def load_unsettled(tx: Tx, account_id: AccountId) -> list[Order]:
    """All of them, at every start: many, and a desk waits for them."""
    made, known = list[Order](), _Known()
    with columns.uncollected():
        for row in tx.streamed(_SQL["load_unsettled"], {"account_id": account_id, "count": columns.COUNT}):
            made += columns.build(Order, _parse_columns(known, *row))
    return made


def load_recent(tx: Tx, account_id: AccountId, since: datetime) -> list[Order]:
    return [_order(row) for row in tx.rows(_SQL["load_recent"], {"account_id": account_id, "since": since})]


def load_matching(
    tx: Tx,
    account_id: AccountId,
    venue_order_ids: Iterable[VenueOrderId],
    client_order_ids: Iterable[ClientOrderId],
) -> list[Order]:
    parameters = {
        "account_id": account_id,
        "venue_order_ids": list(venue_order_ids),
        "client_order_ids": list(client_order_ids),
    }
    return [_order(row) for row in tx.rows(_SQL["load_matching"], parameters)]


def load_known_ids(tx: Tx, order_ids: Iterable[OrderId]) -> frozenset[OrderId]:
    return frozenset(
        OrderId(row[0]) for row in tx.rows(_SQL["load_known_ids"], {"order_ids": list(order_ids)})
    )


def load_last_times(tx: Tx, account_id: AccountId, since: datetime) -> dict[tuple[BotId, str], datetime]:
    rows = tx.rows(_SQL["load_last_times"], {"account_id": account_id, "since": since})
    return {(BotId(bot_id), symbol): at for bot_id, symbol, at in rows}


def load_chain_end(tx: Tx, account_id: AccountId) -> Link:
    row = tx.row(_SQL["load_chain_end"], {"account_id": account_id})
    return CHAIN_START if row is None else Link(row[0], bytes(row[1]))


def load_events(tx: Tx, account_id: AccountId, *, after: int, count: int) -> list[Event]:
    rows = tx.rows(_SQL["load_events"], {"account_id": account_id, "after": after, "count": count})
    return [_event(row) for row in rows]


def load_final_events(
    tx: Tx, account_id: AccountId, count: int
) -> list[tuple[ClientOrderId, Status, Status]]:
    """Orders whose row does not say what their last event says: (client order id, row, event)."""
    rows = tx.rows(_SQL["load_final_events"], {"account_id": account_id, "count": count})
    return [(ClientOrderId(name), Status(row), Status(event)) for name, row, event in rows]


def _intent_row(intent: Intent, event: Event) -> dict[str, str | int | bool | None]:
    return {
        "order_id": str(intent.order_id),
        "client_order_id": intent.client_order_id,
        "intent_key": intent.key,
        "symbol": intent.symbol,
        "side": intent.side,
        "kind": intent.kind,
        "quantity": f"{intent.quantity:f}",
        "price": None if intent.price is None else f"{intent.price:f}",
        "reduce_only": intent.reduce_only,
        "reason": intent.reason,
        "created_at": intent.created_at.isoformat(),
        "send_before": intent.send_before.isoformat(),
        "sequence": event.sequence,
        "detail": event.detail,
        "previous": event.previous.hex(),
        "digest": event.digest.hex(),
    }


def _order(row: Row) -> Order:
    (
        order_id,
        bot_id,
        client_id,
        symbol,
        side,
        kind,
        quantity,
        price,
        reduce_only,
        created,
        before,
        status,
        *rest,
    ) = row
    venue_order_id, filled_quantity, cancel_requested = rest
    return Order(
        order_id=OrderId(order_id),
        bot_id=BotId(bot_id),
        client_order_id=ClientOrderId(client_id),
        symbol=symbol,
        side=Side(side),
        kind=Kind(kind),
        quantity=quantity,
        price=price,
        reduce_only=reduce_only,
        created_at=created,
        send_before=before,
        status=Status(status),
        venue_order_id=venue_order_id,
        filled_quantity=filled_quantity,
        cancel_requested=cancel_requested,
    )


class _Known:
    """Of which there are few different ones among many orders."""

    def __init__(self) -> None:
        self.bots = columns.Known(UUID)
        self.numbers = columns.Known(Decimal)


def _parse_columns(known: _Known, *values: Any) -> list[Iterable[Any]]:
    (
        ids,
        bots,
        clients,
        symbols,
        sides,
        kinds,
        quantities,
        prices,
        reduce_only,
        created,
        before,
        statuses,
        *rest,
    ) = values
    venue_order_ids, filled, cancel_requested = rest
    return [
        ids,
        columns.look_up(columns.split(bots), known.bots),
        clients,
        symbols,
        columns.look_up(sides, _SIDES),
        columns.look_up(kinds, _KINDS),
        map(Decimal, columns.split(quantities)),
        columns.look_up(columns.split(prices), known.numbers),
        reduce_only,
        created,
        before,
        columns.look_up(statuses, _STATUSES),
        venue_order_ids,
        columns.look_up(columns.split(filled), known.numbers),
        cancel_requested,
    ]


def _event(row: Row) -> Event:
    sequence, order_id, at, before, after, detail, previous, digest = row
    return Event(
        order_id=OrderId(order_id),
        sequence=sequence,
        at=at,
        before=None if before is None else Status(before),
        after=Status(after),
        detail=detail,
        previous=bytes(previous),
        digest=bytes(digest),
    )
