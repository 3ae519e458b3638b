"""What is measured again and again, as it is shown: candles, equity, risk, allocations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from runtime.store import paging, queries
from runtime.store.paging import LIMIT, Page
from runtime.store.pool import Tx

_SQL = queries.load("mark_pages")
ROWS_MAX = 1000
POINTS = 200


@dataclass(frozen=True, slots=True)
class Candle:
    opened_at: datetime
    open: str
    high: str
    low: str
    close: str
    volume: str


@dataclass(frozen=True, slots=True)
class EquityMark:
    at: datetime
    equity: str
    realised_today: str
    unrealised: str


@dataclass(frozen=True, slots=True)
class RiskMark:
    bot_id: UUID
    at: datetime
    exposure: str
    drawdown: str
    breaker_tripped: bool
    metrics: Any


@dataclass(frozen=True, slots=True)
class Allocation:
    bot_id: UUID
    at: datetime
    asset: str
    value: str
    share: str
    target_share: str | None
    drift: str | None


def load_candles(
    tx: Tx, *, account: UUID, symbol: str, timeframe: str, limit: int = LIMIT, after: str | None = None
) -> Page[Candle]:
    """The newest first. `/candles/series` says which timeframes there are."""
    parameters = {"account": account, "symbol": symbol, "timeframe": timeframe}
    return paging.read(tx, _SQL["load_candles"], parameters, limit=limit, after=after, build=Candle)


def load_series(tx: Tx, *, account: UUID, symbol: str) -> list[str]:
    """The timeframes of which there are candles."""
    parameters = {"account": account, "symbol": symbol, "count": ROWS_MAX}
    return [timeframe for (timeframe,) in tx.rows(_SQL["load_series"], parameters)]


def load_curve(tx: Tx, *, bot: UUID, since: datetime | None = None, points: int = POINTS) -> list[EquityMark]:
    """A bot's equity, oldest first: of equal stretches of its time, at most so many, the last mark of each."""
    return [
        EquityMark(*row) for row in tx.rows(_SQL["load_curve"], {"bot": bot, "since": since, "count": points})
    ]


def load_risk_marks(
    tx: Tx, *, bot: UUID | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[RiskMark]:
    """Exposure, drawdown and breakers, the newest first."""
    return paging.read(tx, _SQL["load_risk_marks"], {"bot": bot}, limit=limit, after=after, build=RiskMark)


def load_allocations(
    tx: Tx, *, bot: UUID | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[Allocation]:
    """How each bot's worth is spread now, and how it should be."""
    query = _SQL["load_allocations"]
    return paging.read_named(tx, query, {"bot": bot}, limit=limit, after=after, build=Allocation)
