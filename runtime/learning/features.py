"""What the market looked like when a signal came: a few plain measures, signed towards the side that it takes.

They are the same for every strategy and need nothing but closed candles and the quote. What cannot be measured is left
out. A strategy's own features stand beside them, and in place of those of the same name.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import isfinite
from statistics import pstdev

from runtime.domain.decision import Proposal, View
from runtime.domain.market import Candle, Quote

# From one close to the one so many before.
_REACHES = (1, 2, 4, 8, 16)
_DIGITS_MAX = 80


class NotFinite(ValueError):
    """A feature that is no number: nothing can be learned from it, and nothing foretold."""

    def __init__(self, name: str, value: float) -> None:
        super().__init__(f"the feature {name!a:.60} is {value}")


def measure(view: View, proposal: Proposal) -> dict[str, object]:
    """Everything that is known of the signal: what we measured, and what its strategy did."""
    sign = float(proposal.side.sign)
    quote, candles = view.quotes[proposal.symbol], view.candles.get(proposal.symbol, ())
    measured = {"side": sign, **dict(_of_quote(quote, candles, sign)), **dict(_of_candles(candles, sign))}
    return {**{name: each for name, each in measured.items() if isfinite(each)}, **proposal.features}


def numbers(features: Mapping[str, object]) -> dict[str, float]:
    """Those that are numbers, as floats. One that is not finite is refused: it would spoil whatever it touches."""
    found: dict[str, float] = {}
    for name, value in features.items():
        number = _number(value) if isinstance(name, str) else None
        if number is None:
            continue
        if not isfinite(number):
            raise NotFinite(name, number)
        found[name] = number
    return found


def _number(value: object) -> float | None:
    """A Decimal stands as text in the JSON that comes back."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, str) and len(value) > _DIGITS_MAX:
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf")
    except ValueError:
        return None


def _of_quote(quote: Quote, candles: Sequence[Candle], sign: float) -> Iterator[tuple[str, float]]:
    bid, ask, last = float(quote.bid), float(quote.ask), float(quote.last)
    if 0 < bid <= ask:
        yield "spread", (ask - bid) / ask
    if candles and last > 0:
        yield "gap", sign * (last / float(candles[-1].close) - 1)


def _of_candles(candles: Sequence[Candle], sign: float) -> Iterator[tuple[str, float]]:
    if not candles or any(each.close <= 0 or each.open <= 0 for each in candles):
        return
    closes = [float(each.close) for each in candles]
    newest = candles[-1]
    yield "body", sign * (closes[-1] / float(newest.open) - 1)
    for reach in _REACHES:
        if reach < len(closes):
            yield f"change_{reach}", sign * (closes[-1] / closes[-1 - reach] - 1)
    if len(closes) > 2:
        yield (
            "volatility",
            pstdev(after / before - 1 for before, after in pairwise(closes)),
        )
    high, low = max(float(each.high) for each in candles), min(float(each.low) for each in candles)
    if high > low:
        yield "place", sign * (2 * (closes[-1] - low) / (high - low) - 1)
    volumes = [float(each.volume) for each in candles]
    if sum(volumes) > 0:
        yield "volume", volumes[-1] * len(volumes) / sum(volumes)
