"""Holds the values of the table's metrics: what was counted, set and measured since the process began.

It reads no clock, writes nothing and may be used from several threads. It promises to cost about a microsecond a call
and never to grow with what it is told, except by the labels, of which there are few.
"""

import random
import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from runtime.telemetry.table import METRICS, Kind, Metric

Value = Decimal | float | int
Labels = tuple[str, ...]

# Upper bounds in seconds: a round trip in the same zone, a request to a venue, a recovery of a large ledger.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# CloudWatch takes so many values of one metric in one line.
SAMPLE_MAX = 100
_PENDING_MAX = 1000


@dataclass(slots=True)
class Durations:
    """All that a histogram keeps: a bucket for each bound and one above, and a fair sample since it was last taken."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total_seconds: float = 0.0
    sample: list[float] = field(default_factory=list)
    sampled_from: int = 0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total_seconds += seconds
        self.sampled_from += 1
        self.longest = max(self.longest, seconds)
        if len(self.sample) < SAMPLE_MAX:
            self.sample.append(seconds)
        elif (place := int(random.random() * self.sampled_from)) < SAMPLE_MAX:
            # Each of the interval's values stays with the same chance, however many there are.
            self.sample[place] = seconds


@dataclass(frozen=True, slots=True)
class Spread:
    """What an interval's durations were like; `sample` is ordered and at most SAMPLE_MAX of them."""

    count: int
    longest: float
    sample: tuple[float, ...]

    def quantile(self, part: float) -> float:
        return self.sample[min(len(self.sample) - 1, int(part * len(self.sample)))]


class Meters:
    """The one registry of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # A counter that nothing was counted on is told as zero: its absence would be a question.
        self._values: dict[Metric, dict[Labels, Value]] = {
            each: {(): 0} if each.kind is Kind.COUNTER and not each.labels else {}
            for each in METRICS
            if each.kind is not Kind.HISTOGRAM
        }
        self._pending: dict[Metric, list[float]] = {
            each: [] for each in METRICS if each.kind is Kind.HISTOGRAM
        }
        self._durations = {each: Durations() for each in METRICS if each.kind is Kind.HISTOGRAM}

    def count(self, metric: Metric, *labels: str, by: int = 1) -> None:
        with self._lock:
            held = self._values[metric]
            held[labels] = held.get(labels, 0) + by

    def count_to(self, metric: Metric, total: int) -> None:
        """For what is counted elsewhere, over the whole life of the process."""
        self._values[metric][()] = total

    def set(self, metric: Metric, value: Value, *labels: str) -> None:
        self._values[metric][labels] = value

    def observe(self, metric: Metric, seconds: float) -> None:
        # Sorted into its bucket with many others: one by one, each would find the processor's caches cold.
        pending = self._pending[metric]
        pending.append(seconds)
        if len(pending) >= _PENDING_MAX:
            self._fold()

    def values(self) -> Mapping[Metric, Mapping[Labels, Value]]:
        """Counters and gauges as they stand."""
        with self._lock:
            return {metric: dict(held) for metric, held in self._values.items()}

    def _fold(self) -> None:
        with self._lock:
            for metric, pending in self._pending.items():
                # Others may go on appending: what is taken is what was there, and nothing twice.
                taken = pending[:]
                del pending[: len(taken)]
                for seconds in taken:
                    self._durations[metric].add(seconds)

    def durations(self) -> Mapping[Metric, tuple[tuple[int, ...], float]]:
        """For each histogram the buckets and the sum in seconds since the process began."""
        self._fold()
        with self._lock:
            return {
                metric: (tuple(each.buckets), each.total_seconds) for metric, each in self._durations.items()
            }

    def take_spreads(self) -> Mapping[Metric, Spread]:
        """The durations since this was called last, where there were any."""
        self._fold()
        with self._lock:
            taken = {
                metric: Spread(each.sampled_from, each.longest, tuple(sorted(each.sample)))
                for metric, each in self._durations.items()
                if each.sampled_from
            }
            for each in self._durations.values():
                each.sample, each.sampled_from, each.longest = [], 0, 0.0
        return taken
