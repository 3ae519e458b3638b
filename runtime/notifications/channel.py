"""A way to people that never makes anybody wait: a bounded queue and a thread that tries again with back-off.

`offer` belongs to any thread and returns at once, whatever the other side does. What finds no room, is refused or was
tried too often is dropped, counted and said in the log.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from runtime import logs
from runtime.notifications.notices import Notice
from runtime.telemetry import table
from runtime.telemetry.meters import Meters


@dataclass(frozen=True, slots=True)
class Delivered:
    pass


@dataclass(frozen=True, slots=True)
class TryAgain:
    """`after_seconds` is what the other side asked for."""

    detail: str
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It would be refused again."""

    detail: str


Outcome = Delivered | TryAgain | GivenUp
Deliver = Callable[[Notice], Outcome]


@dataclass(frozen=True, slots=True)
class Patience:
    waiting_max: int = 256
    tries_max: int = 10
    first_pause_seconds: float = 1.0
    pause_seconds_max: float = 60.0
    # Who asks for more is not asked sooner: the message is dropped instead.
    asked_seconds_max: float = 900.0


class Channel:
    """Works from `start` to `stop`; `name` is what the log calls it."""

    def __init__(self, name: str, deliver: Deliver, meters: Meters, patience: Patience | None = None) -> None:
        self.name = name
        self._deliver = deliver
        self._meters = meters
        self._patience = patience or Patience()
        self._waiting: deque[Notice] = deque()
        self._changed = threading.Condition()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"notify {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def offer(self, notice: Notice) -> None:
        with self._changed:
            has_room = len(self._waiting) < self._patience.waiting_max and not self._leaving.is_set()
            if has_room:
                self._waiting.append(notice)
                self._changed.notify()
        if not has_room:
            self._drop(notice, "too many wait already")

    def stop(self, within_seconds: float) -> None:
        """What waits is tried once more, while the time lasts; the rest is dropped."""
        with self._changed:
            self._leaving.set()
            self._changed.notify()
        self._thread.join(within_seconds)
        with self._changed:
            left, self._waiting = self._waiting, deque()
        for notice in left:
            self._drop(notice, "the process left")

    def _work(self) -> None:
        while (notice := self._next()) is not None:
            detail = self._insist(notice)
            with self._changed:
                taken = bool(self._waiting) and self._waiting.popleft() is notice
            if detail and taken:
                self._drop(notice, detail)

    def _next(self) -> Notice | None:
        """The oldest one, which stays in the queue while it is sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._leaving.is_set())
            return self._waiting[0] if self._waiting else None

    def _insist(self, notice: Notice) -> str:
        """Why it could not be delivered; empty if it was."""
        pause_seconds, detail = self._patience.first_pause_seconds, ""
        for _ in range(self._patience.tries_max):
            match self._deliver(notice):
                case Delivered():
                    return ""
                case GivenUp(detail):
                    return detail
                case TryAgain(detail, after_seconds):
                    asked_seconds = after_seconds or 0.0
            if asked_seconds > self._patience.asked_seconds_max:
                return f"{detail}; asked us to wait {asked_seconds:.0f} s"
            if self._leaving.wait(max(pause_seconds, asked_seconds)):
                return f"{detail}; no time was left to try again"
            pause_seconds = min(2 * pause_seconds, self._patience.pause_seconds_max)
        return f"{detail}; tried {self._patience.tries_max} times"

    def _drop(self, notice: Notice, detail: str) -> None:
        self._meters.count(table.NOTIFICATIONS_DROPPED)
        logs.warning("a notification is dropped", channel=self.name, kind=notice.kind, detail=detail)
