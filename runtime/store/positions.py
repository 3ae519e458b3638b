"""Positions and trades, as the ledger keeps them. They are written by `fills.record_fill` and by nothing else."""

from decimal import Decimal

from runtime.domain.identity import AccountId, BotId, VenueTradeId
from runtime.domain.position import Direction, Position, Trade
from runtime.store import queries
from runtime.store.pool import Row, Tx

_SQL = queries.load("positions")


def load_positions(tx: Tx, account_id: AccountId) -> list[Position]:
    return [_position(row) for row in tx.rows(_SQL["load_positions"], {"account_id": account_id})]


def load_open_trades(tx: Tx, account_id: AccountId) -> list[Trade]:
    return [_trade(row) for row in tx.rows(_SQL["load_open_trades"], {"account_id": account_id})]


def load_trades(tx: Tx, account_id: AccountId) -> list[Trade]:
    return [_trade(row) for row in tx.rows(_SQL["load_trades"], {"account_id": account_id})]


def _position(row: Row) -> Position:
    (
        bot_id,
        symbol,
        quantity,
        cost,
        realised,
        fees,
        fees_other,
        day,
        day_start,
        fill_count,
        trade_count,
        *last,
    ) = row
    last_fill_at, last_trade_id = last
    return Position(
        bot_id=BotId(bot_id),
        symbol=symbol,
        quantity=quantity,
        cost=cost,
        realised=realised,
        fees=fees,
        fees_other={coin: Decimal(fee) for coin, fee in fees_other.items()},
        day=day,
        day_start_result=day_start,
        fill_count=fill_count,
        trade_count=trade_count,
        last_fill_at=last_fill_at,
        last_trade_id=None if last_trade_id is None else VenueTradeId(last_trade_id),
    )


def _trade(row: Row) -> Trade:
    bot_id, symbol, number, direction, *rest = row
    return Trade(BotId(bot_id), symbol, number, Direction(direction), *rest)
