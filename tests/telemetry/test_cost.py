"""What telling costs: the time spent in it, as a part of the ticks of a desk on real PostgreSQL and the simulator.

Both answer on this very machine, within milliseconds: a tick cannot be shorter, nor the part of it larger.
"""

import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.engine import gauging, loop
from runtime.engine.clock import elapsed_seconds
from runtime.engine.pulse import Pulse
from runtime.store.timing import Timing
from runtime.telemetry.emf import Writer
from tests.engine.rig import Rig

TICKS = 100
# At a tick a second; here the ticks follow each other at once, so what is due by the clock is made due by their count.
TICKS_IN_A_LINE, TICKS_IN_A_TELLING, TICKS_IN_A_PULSE = 60, gauging.TELL_SECONDS, 5


class Stopwatch:
    """Time within the wrapped calls, without the reading of the clock itself."""

    def __init__(self) -> None:
        self.took_ns: dict[str, list[int]] = {}

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        took = self.took_ns.setdefault(function.__name__, [])

        def timed(*args: Any, **kwargs: Any) -> Any:
            began_at = time.perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                took.append(time.perf_counter_ns() - began_at)

        return timed

    def forget(self) -> None:
        for each in self.took_ns.values():
            each.clear()

    def seconds(self, *, empty_ns: float = 0) -> float:
        """Without the longest hundredth of each: there the machine did something else."""
        kept = [sorted(each)[: math.ceil(len(each) * 0.99)] for each in self.took_ns.values()]
        return sum(sum(each) - empty_ns * len(each) for each in kept) / 1e9


def reading_ns() -> float:
    watch = Stopwatch()
    nothing = watch.around(lambda: None)
    for _ in range(10_000):
        nothing()
    return watch.seconds() * 1e9 / 10_000


def _never_unless(due: bool) -> float:
    return 0 if due else math.inf


def test_telemetry__has_its_cost_measured_beside_a_tick(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = rig.desk
    desk.meters = desk.store._timing.meters
    desk.writer = Writer(desk.meters, stage="dev", desk="main", every_seconds=3600, out=io.StringIO())
    desk.pulse = Pulse(tmp_path / "pulse", lease_seconds=30)
    rig.tick(5)
    watch = Stopwatch()
    for owner, names in (
        (gauging, ("note", "ticked", "tell")),
        (Timing, ("answered",)),
        (Writer, ("flush",)),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, watch.around(getattr(owner, name)))
    share = _share(rig, watch)
    # Printed, not judged by the clock: what is held here is that every part of telling was in what was measured.
    assert 0 < share < 1
    assert all(len(each) >= TICKS // TICKS_IN_A_LINE for each in watch.took_ns.values())


def _share(rig: Rig, watch: Stopwatch) -> float:
    desk = rig.desk
    assert desk.pulse is not None
    assert desk.writer is not None
    watch.forget()
    began_at = time.perf_counter()
    for number in range(TICKS):
        desk.tell_at_monotonic = _never_unless(number % TICKS_IN_A_TELLING == 0)
        desk.pulse._due_at_monotonic = _never_unless(number % TICKS_IN_A_PULSE == 0)
        ticked_at = elapsed_seconds()
        loop.tick(desk)
        gauging.ticked(desk, ticked_at)
        gauging.tell(desk)
        if number % TICKS_IN_A_LINE == 0:
            desk.writer.flush()
    took_seconds = time.perf_counter() - began_at
    spent_seconds = watch.seconds(empty_ns=reading_ns())
    tick_ms, cost_us = took_seconds / TICKS * 1e3, spent_seconds / TICKS * 1e6
    parts = {name: f"{sum(each) / TICKS / 1e3:.1f} us" for name, each in watch.took_ns.items()}
    share = spent_seconds / took_seconds
    print(f"telemetry: {cost_us:.0f} us of a tick of {tick_ms:.1f} ms, {share:.2%}; {parts}")
    return share
