"""Trade analytics: the last ten thousand trades and the last ten thousand points of equity, as arrays of numbers.

The ledger keeps all of them, exactly; this is the short memory that figures are made from at every tick, and its floats
never find their way back into an order.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from runtime.learning import memory
from runtime.learning.memory import Saved, require

VERSION = 1
TRADES_MAX = 10_000
POINTS_MAX = 10_000

Point = tuple[float, float]  # seconds since 1970, and what it was then


@dataclass(slots=True)
class Analytics:
    trades: deque[Point] = field(default_factory=lambda: deque(maxlen=TRADES_MAX))
    equity: deque[Point] = field(default_factory=lambda: deque(maxlen=POINTS_MAX))
    name: str = "analytics"
    asks: bool = False

    def close(self, result: Decimal, at: datetime) -> None:
        self.trades.append((at.timestamp(), float(result)))

    def mark(self, equity: Decimal, at: datetime) -> None:
        self.equity.append((at.timestamp(), float(equity)))

    def win_rate(self, last: int = TRADES_MAX) -> float | None:
        results = [result for _, result in islice(reversed(self.trades), last)]
        return sum(each > 0 for each in results) / len(results) if results else None

    def volatility(self) -> float | None:
        """Of the changes from one point of equity to the next."""
        levels = np.array([level for _, level in self.equity])
        return float(np.std(np.diff(levels), ddof=1)) if len(levels) > 2 else None

    def save(self) -> Saved:
        return memory.write_arrays(
            {"trades": _table(self.trades), "equity": _table(self.equity)}, version=VERSION
        )

    def load(self, saved: Saved) -> None:
        require(saved.version == VERSION, f"it has shape {saved.version}, and this program knows {VERSION}")
        arrays = memory.read_arrays(saved)
        require(set(arrays) == {"trades", "equity"}, "its arrays are others")
        trades, equity = (_points(arrays[each]) for each in ("trades", "equity"))
        self.trades, self.equity = deque(trades, maxlen=TRADES_MAX), deque(equity, maxlen=POINTS_MAX)


def _table(points: deque[Point]) -> NDArray[np.float64]:
    return np.array(points, dtype=np.float64).reshape(len(points), 2)


def _points(table: NDArray[np.generic]) -> list[Point]:
    require(table.ndim == 2 and table.shape[1] == 2 and table.dtype == np.float64, "its tables are others")
    require(bool(np.isfinite(table).all()), "it holds something that is no number")
    return [(float(at), float(value)) for at, value in table]
