"""Positions and trades, as the ledger keeps them. They are written by `fills.record_fill` and by nothing else."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from runtime.domain import money
from runtime.domain.identity import AccountId, BotId
from runtime.domain.position import Direction, Position, Trade
from runtime.store import columns, queries
from runtime.store.pool import Row, Tx

_SQL = queries.load("positions")


def load_positions(tx: Tx, account_id: AccountId) -> list[Position]:
    """All of them, at every start: many, and a desk waits for them."""
    made, known_bots = list[Position](), columns.Known(UUID)
    with columns.uncollected():
        for row in tx.streamed(_SQL["load_positions"], {"account_id": account_id, "count": columns.COUNT}):
            made += columns.build(Position, _parse_columns(known_bots, *row))
    return made


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


def _parse_columns(known_bots: columns.Known, *values: Any) -> list[Iterable[Any]]:
    bots, symbols, quantities, costs, realised, fees, fees_other, days, starts, *plain = values
    return [
        columns.look_up(columns.split(bots), known_bots),
        symbols,
        *(map(Decimal, columns.split(each)) for each in (quantities, costs, realised, fees)),
        # Most fees are taken in the quote coin.
        [{coin: money.read(fee) for coin, fee in each.items()} if each else {} for each in fees_other],
        days,
        map(Decimal, columns.split(starts)),
        *plain,
    ]


def _trade(row: Row) -> Trade:
    bot_id, symbol, number, direction, *rest = row
    return Trade(BotId(bot_id), symbol, number, Direction(direction), *rest)
