"""A clock that only moves when somebody waits, and then does at each instant what was put down for it."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FunctionType

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
# Longer than anything that a deploy may wait for: who waits on is a waiter that never gives up.
HOURS_MAX = 12


class WaitsForEver(AssertionError):
    """The code under test waited longer than any deadline of ours allows."""


class VirtualClock:
    def __init__(self) -> None:
        self._now = START
        self._put_down = 0
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []

    def now(self) -> datetime:
        return self._now

    @property
    def can_be_copied(self) -> bool:
        """What is put down for later are calls of things that a copy has too, and not functions of this world alone."""
        return not any(isinstance(what, FunctionType) for _, _, what in self._due)

    @property
    def seconds(self) -> float:
        return (self._now - START).total_seconds()

    def wait(self, seconds: float) -> None:
        until = self._now + timedelta(seconds=seconds)
        while self._due and self._due[0][0] <= until:
            self._now, _, what = heapq.heappop(self._due)
            what()
        self._now = until
        if self._now - START > timedelta(hours=HOURS_MAX):
            raise WaitsForEver(f"{HOURS_MAX} hours have passed, and the wait goes on")

    def after(self, seconds: float, what: Callable[[], object]) -> None:
        at = self._now + timedelta(seconds=seconds)
        if seconds <= 0:
            what()
        else:
            self._put_down += 1
            heapq.heappush(self._due, (at, self._put_down, what))
