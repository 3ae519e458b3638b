"""Proves a backup by using it: restored, migrated, verified, traded on; each step timed, and everything dropped after.

The drill decides the order and keeps the clock. What a step does is handed to it: it reaches no ledger and no venue.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runtime import errors
from runtime.backups.manifest import Manifest, sentence
from runtime.backups.progress import Progress


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done in the drill's own server, in this order."""

    restore: Callable[[], None]  # reads every byte, compares with the manifest and migrates
    verify: Callable[[], list[str]]  # differences that the ledger shows against itself
    trade: Callable[[], str | None]  # starts a bot; why it did not tick


@dataclass(slots=True)
class Report:
    name: str
    orders: int
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def restored_seconds(self) -> float:
        """From nothing to a desk that ticks on what was restored: what a loss would cost."""
        return sum(self.seconds.values())


def drill(made: Manifest, steps: Steps, progress: Progress) -> Report:
    report = Report(made.name, made.orders)
    with _timed(report, "restore", progress):
        steps.restore()
    with _timed(report, "verify", progress):
        found = steps.verify()
    if found:
        raise errors.DrillFailed(name=made.name, step="verifying the ledger", detail=sentence(found))
    with _timed(report, "trade", progress):
        fault = steps.trade()
    if fault is not None:
        raise errors.DrillFailed(name=made.name, step="starting a bot", detail=fault)
    return report


@contextmanager
def _timed(report: Report, step: str, progress: Progress) -> Iterator[None]:
    began_at = time.monotonic()
    yield
    report.seconds[step] = round(time.monotonic() - began_at, 3)
    progress.done(f"{step}: {report.seconds[step]:.1f} s")
