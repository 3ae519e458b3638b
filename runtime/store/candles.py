"""Candles in bulk: many series at once, past what is known or wherever they belong, and back as columns of numbers.

Numbers travel as PostgreSQL writes them, in arrays: a row of its own for each candle would cost ten times as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from runtime.domain import observation
from runtime.domain.identity import AccountId
from runtime.domain.market import Candle
from runtime.store import queries
from runtime.store.pool import Tx

_SQL = queries.load("candles")
# How PostgreSQL's binary COPY lays out a row: the number of its columns, and each of them behind its length.
_PRICES = ("open", "high", "low", "close", "volume")
_NAMES = ("opened_at", *_PRICES)
_ROW = np.dtype(
    [("columns", ">i2"), ("series_length", ">i4"), ("series", ">i4")]
    + [field for name in _NAMES for field in ((f"{name}_length", ">i4"), (name, ">f8"))]
)
_HEAD_BYTES, _END_BYTES = 19, 2


@dataclass(frozen=True, slots=True)
class Series:
    symbol: str
    timeframe: str
    candles: Sequence[Candle]


def append_candles(tx: Tx, account_id: AccountId, series: Sequence[Series]) -> None:
    """Candles that nobody has written yet. AlreadyRecorded, and none is written, where one is there."""
    tx.rows(_SQL["append_candles"], {"account_id": account_id, **_columns(series)})


def upsert_candles(tx: Tx, account_id: AccountId, series: Sequence[Series]) -> None:
    """Candles that may be there. No two of them may be the same."""
    tx.rows(_SQL["upsert_candles"], {"account_id": account_id, **_columns(series)})


def load_candles(tx: Tx, account_id: AccountId, symbol: str, timeframe: str, count: int) -> list[Candle]:
    """The newest, oldest first."""
    wanted = {"account_id": account_id, "symbol": symbol, "timeframe": timeframe, "count": count}
    return [Candle(*row) for row in tx.rows(_SQL["load_candles"], wanted)]


def copy_candles(
    tx: Tx, account_id: AccountId, symbols: Sequence[str], timeframe: str, count: int
) -> np.ndarray:
    """The newest of each symbol, newest first: `series` counts the symbols from one, `opened_at` the seconds since
    1970. For indicators and models; what becomes money is read with `load_candles`."""
    wanted = {"account_id": account_id, "symbols": list(symbols), "timeframe": timeframe, "count": count}
    data = tx.copy_bytes(_SQL["copy_candles"], wanted)
    return np.frombuffer(
        data, _ROW, offset=_HEAD_BYTES, count=(len(data) - _HEAD_BYTES - _END_BYTES) // _ROW.itemsize
    )


def _columns(series: Sequence[Series]) -> dict[str, object]:
    """As PostgreSQL writes arrays; put together without a loop of ours, which would take longer than the server."""
    rows = [candle for each in series for candle in each.candles]
    opened_us = map(observation.microseconds, map(attrgetter("opened_at"), rows))
    places = [f"{number}," * len(each.candles) for number, each in enumerate(series, 1)]
    return {
        "symbols": [each.symbol for each in series],
        "timeframes": [each.timeframe for each in series],
        "series": f"{{{''.join(places)[:-1]}}}",
        "opened_us": f"{{{','.join(map(str, opened_us))}}}",
        **{f"{name}s": f"{{{','.join(map(str, map(attrgetter(name), rows)))}}}" for name in _PRICES},
    }
