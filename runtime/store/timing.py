"""How long PostgreSQL takes: every statement is measured, and one over the threshold is named in the log.

It never sees a parameter. A name is the one that the query has in its file of SQL.
"""

import time
from dataclasses import dataclass, field

from runtime import logs
from runtime.store import queries
from runtime.telemetry import table
from runtime.telemetry.meters import Meters


@dataclass(frozen=True, slots=True)
class Timing:
    meters: Meters = field(default_factory=Meters)
    slow_seconds: float = 0.5

    def answered(self, query: str, began_at_monotonic: float) -> None:
        """One statement came back, whatever it brought."""
        self.meters.observe(table.DATABASE_ROUND_TRIP, self.streamed_seconds(query, began_at_monotonic))

    def streamed_seconds(self, query: str, began_at_monotonic: float) -> float:
        """Many rows came: that took as long as there were rows, so it says nothing of the way there and back."""
        took_seconds = time.monotonic() - began_at_monotonic
        if took_seconds >= self.slow_seconds:
            name = queries.name_of(query)
            self.meters.count(table.SLOW_QUERIES, name)
            logs.warning("slow query", query=name, seconds=round(took_seconds, 3))
        return took_seconds
