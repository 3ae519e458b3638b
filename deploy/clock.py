"""Time, handed in: whoever waits or dates something is given a clock, so that a scenario may run on one of its own."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The instant, in UTC."""

    def wait(self, seconds: float, /) -> None:
        """Come back when so many seconds have gone by."""


class WallClock:
    """The machine's. The only place of the deployer that sleeps."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, seconds: float, /) -> None:
        time.sleep(seconds)
