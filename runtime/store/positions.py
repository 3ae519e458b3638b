"""Positions and trades, as the ledger keeps them. They are written by `fills.record_fill` and by nothing else."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from uuid import UUID

from runtime.domain import money
from runtime.domain.identity import AccountId, BotId, VenueTradeId
from runtime.domain.position import Direction, Position, Trade
from runtime.store import queries
from runtime.store.pool import Row, TextRow, Tx, parse_json

_SQL = queries.load("positions")


def load_positions(tx: Tx, account_id: AccountId) -> list[Position]:
    """All of them, at every start: many, and a desk waits for them."""
    return tx.copy_out(_SQL["load_positions"], _parse_position, {"account_id": account_id})


def load_open_trades(tx: Tx, account_id: AccountId) -> list[Trade]:
    return [_trade(row) for row in tx.rows(_SQL["load_open_trades"], {"account_id": account_id})]


def load_trades_after(
    tx: Tx, account_id: AccountId, bot_id: BotId, symbol: str, *, after: int, count: int
) -> list[Trade]:
    parameters = {
        "account_id": account_id,
        "bot_id": bot_id,
        "symbol": symbol,
        "after": after,
        "count": count,
    }
    return [_trade(row) for row in tx.rows(_SQL["load_trades_after"], parameters)]


def _parse_position(fields: TextRow) -> Position:
    """From PostgreSQL's text; null only where the column may be."""
    bot, symbol, quantity, cost, realised, fees, fees_other, day, start, fills, trades, last_at, last_id = (
        fields
    )
    # By position: twenty thousand calls with fifteen names each are felt.
    return Position(
        _bot_id(bot),
        symbol,
        money.read(quantity),
        money.read(cost),
        money.read(realised),
        money.read(fees),
        _parse_fees(fees_other),
        None if day is None else date.fromisoformat(day),
        money.read(start),
        int(fills),
        int(trades),
        None if last_at is None else datetime.fromisoformat(last_at),
        None if last_id is None else VenueTradeId(last_id),
    )


@cache
def _bot_id(text: str) -> BotId:
    return BotId(UUID(text))


def _parse_fees(text: str) -> Mapping[str, Decimal]:
    # Most fees are taken in the quote coin.
    return {} if text == "{}" else {coin: money.read(fee) for coin, fee in parse_json(text).items()}


def _trade(row: Row) -> Trade:
    bot_id, symbol, number, direction, *rest = row
    return Trade(BotId(bot_id), symbol, number, Direction(direction), *rest)
