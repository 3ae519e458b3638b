"""Fills, and what follows from each of them, written together."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from runtime.domain.fill import Fill
from runtime.domain.identity import AccountId, BotId, OrderId, VenueOrderId, VenueTradeId
from runtime.domain.order import Event, Side
from runtime.domain.position import Applied, Trade
from runtime.store import queries
from runtime.store.pool import Fence, Row, Tx

_SQL = queries.load("fills")
_FIRST = datetime.min.replace(tzinfo=UTC)


def record_fill(
    tx: Tx, fence: Fence, fill: Fill, event: Event, applied: Applied, *, voided: Sequence[Trade] = ()
) -> bool:
    """The fill and everything it changes, in one statement. False, and nothing written, if it is known already."""
    position = applied.position
    row = tx.row(
        _SQL["record_fill"],
        {
            "account_id": fence.account_id,
            "epoch": fence.epoch,
            "symbol": fill.symbol,
            "venue_trade_id": fill.venue_trade_id,
            "order_id": fill.order_id,
            "bot_id": fill.bot_id,
            "venue_order_id": fill.venue_order_id,
            "base": fill.base,
            "quote": fill.quote,
            "side": fill.side,
            "quantity": fill.quantity,
            "price": fill.price,
            "fee": fill.fee,
            "fee_coin": fill.fee_coin,
            "quantity_step": fill.quantity_step,
            "traded_at": fill.traded_at,
            "at": event.at,
            "before": event.before,
            "after": event.after,
            "sequence": event.sequence,
            "detail": event.detail,
            "previous": event.previous,
            "digest": event.digest,
            "position_quantity": position.quantity,
            "cost": position.cost,
            "realised": position.realised,
            "fees": position.fees,
            "fees_other": json.dumps({coin: f"{fee:f}" for coin, fee in position.fees_other.items()}),
            "day": position.day,
            "day_start_result": position.day_start_result,
            "fill_count": position.fill_count,
            "trade_count": position.trade_count,
            "last_fill_at": position.last_fill_at,
            "last_trade_id": position.last_trade_id,
            "trades": json.dumps(
                [_trade_row(trade, voided=False) for trade in applied.trades]
                + [_trade_row(trade, voided=True) for trade in voided]
            ),
        },
    )
    return row is not None and row[0] == 1


def load_position_fills(tx: Tx, bot_id: BotId, symbol: str) -> list[Fill]:
    return [_fill(row) for row in tx.rows(_SQL["load_position_fills"], {"bot_id": bot_id, "symbol": symbol})]


def load_fills_after(
    tx: Tx, account_id: AccountId, bot_id: BotId, symbol: str, *, after: Fill | None, count: int
) -> list[Fill]:
    """In the order of `Fill.sort_key`; from the first one on if there is none to come after."""
    at, length, trade_id = (_FIRST, 0, "") if after is None else after.sort_key
    parameters = {"account_id": account_id, "bot_id": bot_id, "symbol": symbol, "count": count}
    rows = tx.rows(
        _SQL["load_fills_after"], {**parameters, "traded_at": at, "length": length, "trade_id": trade_id}
    )
    return [_fill(row) for row in rows]


def load_filled_positions(tx: Tx, account_id: AccountId) -> list[tuple[BotId, str]]:
    rows = tx.rows(_SQL["load_filled_positions"], {"account_id": account_id})
    return [(BotId(bot_id), symbol) for bot_id, symbol in rows]


def load_trade_ids(tx: Tx, account_id: AccountId, since: datetime) -> frozenset[tuple[str, str]]:
    rows = tx.rows(_SQL["load_trade_ids"], {"account_id": account_id, "since": since})
    return frozenset((symbol, trade_id) for symbol, trade_id in rows)


def load_filled_sums(tx: Tx, account_id: AccountId, count: int) -> list[Row]:
    """Orders whose filled quantity is not the sum of their fills: (client order id, said, summed)."""
    return list(tx.rows(_SQL["load_filled_sums"], {"account_id": account_id, "count": count}))


def _trade_row(trade: Trade, *, voided: bool) -> dict[str, str | int | bool | None]:
    return {
        "number": trade.number,
        "direction": trade.direction,
        "opened_at": trade.opened_at.isoformat(),
        "closed_at": None if trade.closed_at is None else trade.closed_at.isoformat(),
        "entry_quantity": f"{trade.entry_quantity:f}",
        "entry_quote": f"{trade.entry_quote:f}",
        "exit_quantity": f"{trade.exit_quantity:f}",
        "exit_quote": f"{trade.exit_quote:f}",
        "realised": f"{trade.realised:f}",
        "fees": f"{trade.fees:f}",
        "fill_count": trade.fill_count,
        "voided": voided,
    }


def _fill(row: Row) -> Fill:
    (
        order_id,
        bot_id,
        trade_id,
        venue_order_id,
        symbol,
        base,
        quote,
        side,
        quantity,
        price,
        fee,
        coin,
        step,
        at,
    ) = row
    return Fill(
        order_id=OrderId(order_id),
        bot_id=BotId(bot_id),
        venue_trade_id=VenueTradeId(trade_id),
        venue_order_id=VenueOrderId(venue_order_id),
        symbol=symbol,
        base=base,
        quote=quote,
        side=Side(side),
        quantity=quantity,
        price=price,
        fee=fee,
        fee_coin=coin,
        quantity_step=step,
        traded_at=at,
    )
