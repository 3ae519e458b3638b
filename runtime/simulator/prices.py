"""Where prices come from: a seeded synthetic path, a replayed candle file, or a pin set by hand.

Touches nothing but a candle file, read once. A price is a pure function of (seed, symbol, market second), so a venue
that was killed and started again continues the same path.
"""

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from runtime import errors
from runtime.simulator.markets import Instrument
from runtime.simulator.records import Product

MASK = (1 << 64) - 1
SCALE = 10**9
# (period in seconds, share of the price in SCALE units): slow swings, daily swings, and noise of a few seconds.
SWINGS = (
    (2_592_000, 200_000_000),
    (432_000, 80_000_000),
    (86_400, 40_000_000),
    (14_400, 15_000_000),
    (3_600, 8_000_000),
    (900, 4_000_000),
    (240, 2_000_000),
)
NOISES = ((60, 900_000), (15, 400_000), (4, 150_000))
REGIME_SECONDS = 3_600
REGIMES = ("range", "trend", "volatile")
NOISE_PERCENT = {"range": 60, "trend": 100, "volatile": 350}
SPREAD_PARTS = {"range": 60_000, "trend": 100_000, "volatile": 350_000}
GAP_SECONDS = 1_800
SAMPLES_PER_CANDLE = 12
SAMPLES_BETWEEN_MAX = 64
CANDLES_KEPT_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Quote:
    bid: Decimal
    ask: Decimal
    last: Decimal


@dataclass(frozen=True, slots=True)
class Candle:
    opened_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class PricePath(Protocol):
    """A price path: the middle price, and the spread as parts of SCALE, at a market second."""

    def middle(self, second: int) -> Decimal: ...
    def spread_parts(self, second: int) -> int: ...


@lru_cache(maxsize=100_000)
def _noise(seed: int, salt: int, step: int) -> int:
    """An integer in [-SCALE, SCALE], the same for ever for the same arguments."""
    mixed = (seed * 0x9E3779B97F4A7C15 + salt * 0xBF58476D1CE4E5B9 + step * 0x94D049BB133111EB) & MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    return (mixed ^ (mixed >> 31)) % (2 * SCALE + 1) - SCALE


class SyntheticPath:
    """Noise of many periods added up: trends, ranges, volatile hours and the odd gap, all in integers."""

    def __init__(self, seed: int, instrument: Instrument) -> None:
        self._seed = seed * 1_000_003 + int.from_bytes(instrument.base.encode(), "big")
        self._start = instrument.price_start

    def regime(self, second: int) -> str:
        return REGIMES[_noise(self._seed, 99, second // REGIME_SECONDS) % len(REGIMES)]

    def middle(self, second: int) -> Decimal:
        parts = sum(self._swing(period, share, second) for period, share in SWINGS)
        percent = NOISE_PERCENT[self.regime(second)]
        parts += sum(self._swing(period, share, second) for period, share in NOISES) * percent // 100
        parts += self._gap(second)
        return self._start * (SCALE + parts) / SCALE

    def spread_parts(self, second: int) -> int:
        return SPREAD_PARTS[self.regime(second)]

    def _swing(self, period: int, share: int, second: int) -> int:
        step, rest = divmod(second, period)
        here, there = _noise(self._seed, period, step), _noise(self._seed, period, step + 1)
        return (here + (there - here) * rest // period) * share // SCALE

    def _gap(self, second: int) -> int:
        """One half-hour in eight stands apart from its neighbours by up to 1.5 percent: a jump in, a jump out."""
        drawn = _noise(self._seed, 7, second // GAP_SECONDS)
        return drawn * 15_000_000 // SCALE if drawn % 8 == 0 else 0


class ReplayPath:
    """The candles of a file, each walked open, low, high, close (or open, high, low, close when it falls)."""

    def __init__(self, candles: list[Candle]) -> None:
        self._candles = candles
        self._starts = [candle.opened_ms // 1000 for candle in candles]
        self._step = max(1, self._starts[1] - self._starts[0]) if len(candles) > 1 else 60

    @property
    def first_second(self) -> int:
        return self._starts[0]

    def middle(self, second: int) -> Decimal:
        at = max(0, bisect_right(self._starts, second) - 1)
        candle = self._candles[at]
        rising = candle.close >= candle.open
        corners = (
            candle.open,
            candle.low if rising else candle.high,
            candle.high if rising else candle.low,
            candle.close,
        )
        return _walked(corners, self._step, min(max(0, second - self._starts[at]), self._step - 1))

    def spread_parts(self, second: int) -> int:
        return SPREAD_PARTS["range"]

    def candle(self, opened: int, seconds: int, now: int) -> Candle | None:
        """The written candles of that span put together; None where none of them is done within it."""
        first, last = bisect_left(self._starts, opened), bisect_left(self._starts, opened + seconds)
        within = self._candles[first:last]
        if not within or seconds % self._step or self._starts[last - 1] + self._step - 1 > now:
            return None
        high, low = max(one.high for one in within), min(one.low for one in within)
        volume = sum((one.volume for one in within), Decimal(0))
        return Candle(opened * 1000, within[0].open, high, low, within[-1].close, volume)


class Feed:
    """Quotes and candles of every symbol, from its path or its pin."""

    def __init__(self, seed: int, instruments: dict[str, Instrument], replays: dict[str, ReplayPath]) -> None:
        self._seed = seed
        self._paths: dict[str, PricePath] = {}
        for symbol, instrument in instruments.items():
            self._paths[symbol] = replays.get(symbol) or SyntheticPath(seed, instrument)
        self.pins: dict[str, Decimal] = {}
        self._candles: dict[tuple[Product, str, int, int], Candle] = {}

    def quote(self, instrument: Instrument, second: int) -> Quote:
        pinned = self.pins.get(instrument.symbol)
        if pinned is not None:
            price = instrument.floor_price(pinned)
            return Quote(price, price, price)
        path = self._paths[instrument.symbol]
        middle = path.middle(second)
        half = max(middle * path.spread_parts(second) / SCALE / 2, instrument.tick / 2)
        bid, ask = instrument.floor_price(middle - half), instrument.ceil_price(middle + half)
        return Quote(bid, ask, instrument.floor_price(middle))

    def quotes_between(self, instrument: Instrument, after: int, until: int) -> Iterator[Quote]:
        """Samples of the path in (after, until], so that a resting order is not jumped over."""
        stride = max(1, (until - after) // SAMPLES_BETWEEN_MAX)
        for second in range(after + stride, until, stride):
            yield self.quote(instrument, second)
        yield self.quote(instrument, until)

    def candle(self, instrument: Instrument, opened: int, seconds: int, now: int) -> Candle:
        """The candle that opened at that second; the last one is cut at `now`."""
        key = (instrument.product, instrument.symbol, opened, seconds)
        pinned = instrument.symbol in self.pins
        known = None if pinned else self._candles.get(key)
        if known is not None:
            return known
        path = self._paths[instrument.symbol]
        written = path.candle(opened, seconds, now) if isinstance(path, ReplayPath) and not pinned else None
        candle = written or self._sampled_candle(instrument, opened, seconds, now)
        if not pinned and opened % seconds == 0 and opened + seconds <= now:
            self._keep(key, candle)
        return candle

    def _keep(self, key: tuple[Product, str, int, int], candle: Candle) -> None:
        """A candle that is done does not change any more."""
        if len(self._candles) >= CANDLES_KEPT_MAX:
            self._candles.clear()
        self._candles[key] = candle

    def _sampled_candle(self, instrument: Instrument, opened: int, seconds: int, now: int) -> Candle:
        last = min(opened + seconds - 1, now)
        prices = _sampled(self, instrument, opened, last, max(1, seconds // SAMPLES_PER_CANDLE))
        drawn = _noise(self._seed, 11, opened + len(instrument.symbol))
        volume = instrument.floor_size(Decimal(SCALE + drawn) * seconds / SCALE / 100 + instrument.lot)
        return Candle(opened * 1000, prices[0], max(prices), min(prices), prices[-1], volume)


def _walked(corners: tuple[Decimal, ...], step: int, passed: int) -> Decimal:
    """The price on the way from corner to corner; each corner is reached on a whole second."""
    at = (0, step // 3, 2 * step // 3, step - 1)
    for leg in range(3):
        if passed < at[leg + 1]:
            way = Decimal(passed - at[leg]) / (at[leg + 1] - at[leg])
            return corners[leg] + (corners[leg + 1] - corners[leg]) * way
    return corners[3]


def _sampled(feed: Feed, instrument: Instrument, first: int, last: int, stride: int) -> list[Decimal]:
    seconds = [*range(first, last, stride), last]
    return [feed.quote(instrument, second).last for second in seconds]


def load_replay(path: Path) -> ReplayPath:
    """Read `timestamp,open,high,low,close,volume` (milliseconds, with or without a header line)."""
    remedy = "It must be a CSV of timestamp,open,high,low,close,volume."
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.reader(lines) if row and row[0].strip().isdigit()]
        candles = [Candle(int(row[0]), *(_price(cell) for cell in row[1:6])) for row in rows]
    except (OSError, ValueError, IndexError, TypeError, InvalidOperation, csv.Error) as exc:
        raise errors.BadInput(where=str(path), detail=str(exc) or "not a number", remedy=remedy) from exc
    if not candles:
        raise errors.BadInput(where=str(path), detail="it holds no candle", remedy=remedy)
    return ReplayPath(sorted(candles, key=lambda candle: candle.opened_ms))


def _price(cell: str) -> Decimal:
    price = Decimal(cell.strip())
    if not price.is_finite() or price < 0:
        raise ValueError(f"{cell!r} is no price")
    return price
