"""How long what was only observed is kept, and when a day's summary counts. Orders, fills and trades never end here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

# So long after its end a day's summary is written again at each run: what an outage held back in a spool still counts.
SETTLED_AFTER = timedelta(days=7)
# Nothing goes before its day is settled, with a day to spare for a clock that is wrong.
DAYS_MIN = SETTLED_AFTER.days + 1


class Kind(StrEnum):
    """What has an end; the word is the one of the setting that says when."""

    CANDLES = "candles"
    SNAPSHOTS = "snapshots"  # of bots and of the market
    MARKS = "marks"  # of equity and risk, and allocations
    BLOCKED = "blocked"
    PREDICTIONS = "predictions"
    PROMPTS = "prompts"  # what was asked and answered; the decision stays


@dataclass(frozen=True, slots=True)
class Rule:
    """Days of each kind."""

    days: Mapping[Kind, int]

    def ends_at(self, kind: Kind, today: date) -> datetime:
        """What was seen before this instant may go."""
        return midnight(today - timedelta(days=self.days[kind]))


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
