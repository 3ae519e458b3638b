"""A venue's clock, carried on by a clock of this machine that no one can set.

Measured by asking the venue the time; between two measurements it follows the time since boot, so that a jump of the
wall clock moves neither a deadline nor a signature.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from runtime.exchanges.readings import Unreadable

SAMPLES_MAX = 3
GOOD_ENOUGH_NS = 50_000_000
# Half of this is how wrong a measurement may be; the proof of an order's absence allows for two seconds.
ROUND_TRIP_MAX_NS = 2_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_PLAUSIBLE_MS = range(1_420_070_400_000, 4_102_444_800_000)  # 2015 to 2100


def _boot_ns() -> int:
    """Counts also while the machine sleeps."""
    return time.clock_gettime_ns(_SINCE_BOOT)


class VenueClock:
    """Until the first measurement it shows the wall clock of the moment in which it was made."""

    def __init__(self, ask_ms: Callable[[], object]) -> None:
        self._ask_ms = ask_ms
        self._offset_ns = time.time_ns() - _boot_ns()

    def now_ms(self) -> int:
        return (_boot_ns() + self._offset_ns) // 1_000_000

    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=(_boot_ns() + self._offset_ns) // 1000)

    def measure(self) -> datetime:
        """Ask the venue, a few times if the answer is slow, and believe the quickest answer."""
        best_trip, best_offset = ROUND_TRIP_MAX_NS + 1, 0
        for _ in range(SAMPLES_MAX):
            asked = _boot_ns()
            venue_ms = self._ask_ms()
            trip = _boot_ns() - asked
            if isinstance(venue_ms, bool) or not isinstance(venue_ms, int) or venue_ms not in _PLAUSIBLE_MS:
                raise Unreadable("server time")
            if trip < best_trip:
                best_trip, best_offset = trip, venue_ms * 1_000_000 - asked - trip // 2
            if trip < GOOD_ENOUGH_NS:
                break
        if best_trip > ROUND_TRIP_MAX_NS:
            raise Unreadable("server time", "it came too late to set a clock by")
        self._offset_ns = best_offset
        return self.now()
