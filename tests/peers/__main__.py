"""Our figures of a curve of equity against those of empyrical, on curves made of real prices; run by `make peers`.

It runs in an environment of its own (.venv-peers), where nothing of ours is installed: the domain needs nothing. We
reckon in decimals and round each return to eighteen places, empyrical in binary floats of sixteen digits. A sum of
thousands of them may differ from ours by a few thousand units in the last place, so relative to the figure by less
than 1e-11; a wrong formula, a day too many or another number of periods differs by 1e-4 and more.
"""

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import distribution
from pathlib import Path

import empyrical
import pandas as pd

from runtime.domain import performance
from runtime.domain.performance import DAYS_OF_YEAR, Mark

TOLERANCE = Decimal("1e-11")
PRICES = ("GOOG", "EURUSD", "BTCUSD")
STAKE = Decimal(100_000)
# Above its mean of so many closes it is held, below it is not: a curve with stretches in which nothing moves.
MEAN_OF = 20

Figures = dict[str, float | Decimal | None]


def load_closes(name: str) -> list[tuple[datetime, Decimal]]:
    path = Path(str(distribution("backtesting").locate_file(f"backtesting/test/{name}.csv")))
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [
        (datetime.fromisoformat(at).replace(tzinfo=UTC), Decimal(close)) for at, _, _, _, close, _ in rows
    ]


def held(closes: Sequence[tuple[datetime, Decimal]]) -> list[Mark]:
    """Bought at the first close and never sold."""
    first = closes[0][1]
    return [Mark(at, STAKE * close / first) for at, close in closes]


def followed(closes: Sequence[tuple[datetime, Decimal]]) -> list[Mark]:
    """In the market while the close before was above its mean, with a fee of a thousandth at each turn."""
    equity, is_in, curve = STAKE, False, [Mark(closes[0][0], STAKE)]
    for number in range(1, len(closes)):
        at, close = closes[number]
        before = [each for _, each in closes[max(0, number - MEAN_OF) : number]]
        wanted = before[-1] > sum(before) / len(before)
        if wanted != is_in:
            equity, is_in = equity * Decimal("0.999"), wanted
        if is_in:
            equity = equity * close / before[-1]
        curve.append(Mark(at, equity))
    return curve


def ours(curve: Sequence[Mark]) -> Figures:
    returns, fall = performance.daily_returns(curve), performance.deepest_drawdown(curve)
    return {
        "max drawdown": fall.share if fall else None,
        "volatility": performance.volatility(returns),
        "Sharpe": performance.sharpe(returns),
        "Sortino": performance.sortino(returns),
    }


def theirs(curve: Sequence[Mark]) -> Figures:
    """From the same marks as floats; pandas finds the last one of each day by itself."""
    equity = pd.Series([float(mark.equity) for mark in curve], index=[mark.at for mark in curve])
    days = equity.resample("D").last().dropna().pct_change().dropna()
    year = {"annualization": DAYS_OF_YEAR}
    return {
        "max drawdown": -empyrical.max_drawdown(equity.pct_change().dropna()),
        "volatility": empyrical.annual_volatility(days, **year),
        "Sharpe": empyrical.sharpe_ratio(days, **year),
        "Sortino": empyrical.sortino_ratio(days, **year),
    }


def compare() -> Iterator[tuple[str, str, Decimal, Decimal, Decimal]]:
    """(curve, figure, ours, theirs, how far apart, relative to theirs)"""
    for name in PRICES:
        closes = load_closes(name)
        for how, curve in (("held", held(closes)), ("followed", followed(closes))):
            mine, other = ours(curve), theirs(curve)
            for figure in mine:
                told, wanted = mine[figure], other[figure]
                assert told is not None, f"{name} {how}: we tell no {figure}"
                exact, reckoned = Decimal(told), Decimal(float(wanted or "nan"))
                apart = abs(exact - reckoned) / abs(reckoned)
                yield f"{name} {how}", figure, exact, reckoned, apart


def main() -> int:
    wrong = 0
    for curve, figure, exact, reckoned, apart in compare():
        is_near = apart <= TOLERANCE  # not so for a NaN, which is near nothing
        wrong += not is_near
        verdict = "" if is_near else "  DIFFERS"
        print(f"{curve:<16} {figure:<13} {exact:>22.15f} {reckoned:>22.15f} {apart:>9.1e}{verdict}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
