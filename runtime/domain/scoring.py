"""Who is worth following, by a plain rule: what was won for each unit of the deepest fall, of who traded enough.

Pure. A trader without enough trades is not ranked: luck looks like skill in a short history.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from runtime.domain import money
from runtime.domain.performance import Performance

TRADES_MIN = 10
# A fall of less than this many units of the quote coin counts as this: nothing is divided by nearly nothing.
FALL_MIN = Decimal(1)


@dataclass(frozen=True, slots=True)
class Standing:
    """A trader's place. Equal scores share no place: the name decides, so that the same input ranks the same."""

    trader: str
    rank: int
    score: Decimal


def score(performance: Performance, fall: Decimal) -> Decimal | None:
    """`fall` is the deepest there was, in the quote coin. None for who has not traded enough to be judged."""
    if performance.trades < TRADES_MIN:
        return None
    with money.precisely():
        return money.canonical(money.exact(performance.result / max(fall, FALL_MIN)))


def rank(scores: Mapping[str, Decimal | None]) -> tuple[Standing, ...]:
    judged: Iterable[tuple[str, Decimal]] = (
        (trader, found) for trader, found in scores.items() if found is not None
    )
    ordered = sorted(judged, key=lambda each: (-each[1], each[0]))
    return tuple(Standing(trader, place, found) for place, (trader, found) in enumerate(ordered, start=1))
