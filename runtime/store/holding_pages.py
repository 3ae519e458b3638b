"""Positions and trades as they are shown, in pages."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from runtime.store import paging, queries
from runtime.store.paging import LIMIT, Page
from runtime.store.pool import Tx

_SQL = queries.load("holding_pages")


@dataclass(frozen=True, slots=True)
class Position:
    """`realised` is before fees; `today` is after them, since midnight UTC."""

    account_id: UUID
    bot_id: UUID
    symbol: str
    quantity: str
    average_price: str | None
    cost: str
    realised: str
    fees: str
    today: str
    fill_count: int
    trade_count: int
    last_fill_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Trade:
    """From flat to flat. `result` is after fees, of what was closed so far."""

    account_id: UUID
    bot_id: UUID
    symbol: str
    number: int
    direction: str
    opened_at: datetime
    closed_at: datetime | None
    entry_quantity: str
    entry_quote: str
    exit_quantity: str
    exit_quote: str
    result: str
    fees: str
    fill_count: int


def load_positions(
    tx: Tx,
    *,
    bot: UUID | None = None,
    open: bool | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Position]:
    """What bots hold; with `open=false` what they held once."""
    parameters = {"bot": bot, "open": open}
    return paging.read(tx, _SQL["load_positions"], parameters, limit=limit, after=after, build=Position)


def load_trades(
    tx: Tx,
    *,
    bot: UUID | None = None,
    symbol: str | None = None,
    open: bool | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Trade]:
    """Round trips, the last opened first."""
    parameters = {"bot": bot, "symbol": symbol, "open": open}
    return paging.read(tx, _SQL["load_trades"], parameters, limit=limit, after=after, build=Trade)


def load_trade_at(tx: Tx, bot: UUID, symbol: str, at: datetime) -> Trade | None:
    row = tx.row(_SQL["load_trade_at"], {"bot": bot, "symbol": symbol, "at": at})
    return None if row is None else Trade(*row)
