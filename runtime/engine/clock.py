"""The clock for deadlines and ages within this boot of this machine. It knows nothing of dates."""

import time


def elapsed_seconds() -> float:
    """Seconds on a clock that nobody sets and that does not stop while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
