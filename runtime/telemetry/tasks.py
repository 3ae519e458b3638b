"""What a one-off task tells CloudWatch when it ends: a line on standard output, with the kind of task as its Bot.

A task lives too short for a registry or for Prometheus. It writes standard output and nothing else, and nothing at all
where no stage is named: who migrates by hand reads the exit code.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from runtime.telemetry.emf import DIMENSIONS, EVENT, NAMESPACE

# What HOLDFAST_STAGE is where nobody set it.
UNSTAGED = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMetric:
    """`task` is the kind of task that sends it, and the dimension Bot that the stacks alarm on."""

    name: str
    unit: str
    task: str
    says: str


MIGRATIONS_FAILED = TaskMetric(
    name="MigrationsFailed", unit="Count", task="migrate", says="Migrations that did not go in: 0 or 1."
)
BACKUP_AGE_HOURS = TaskMetric(
    name="BackupAgeHours", unit="None", task="backup", says="Age of the newest verified dump."
)
CA_DAYS_LEFT = TaskMetric(
    name="CaDaysLeft", unit="None", task="backup", says="Until the first authority of the pinned bundle ends."
)
DRILL_AGE_DAYS = TaskMetric(
    name="DrillAgeDays", unit="None", task="drill", says="Age of the last restore that worked."
)
RETENTION_LEFT = TaskMetric(
    name="RetentionLeft",
    unit="Count",
    task="retention",
    says="Things that time was too short to clear: 0 is done.",
)
METRICS = (MIGRATIONS_FAILED, BACKUP_AGE_HOURS, CA_DAYS_LEFT, DRILL_AGE_DAYS, RETENTION_LEFT)


def tell(values: Mapping[TaskMetric, float], *, stage: str, out: TextIO | None = None) -> None:
    """One line for each kind of task among the metrics; in life there is one kind."""
    if stage == UNSTAGED:
        return
    now = datetime.now(UTC)
    for task in sorted({each.task for each in values}):
        ours = {each: value for each, value in values.items() if each.task == task}
        line = {
            "_aws": {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [_directive(ours)]},
            "at": now.isoformat(timespec="milliseconds"),
            "level": "info",
            "event": EVENT,
            **dict(zip(DIMENSIONS, (stage, task), strict=True)),
            **{each.name: value for each, value in ours.items()},
        }
        print(json.dumps(line), file=out or sys.stdout, flush=True)


def _directive(metrics: Mapping[TaskMetric, float]) -> dict[str, object]:
    named = [{"Name": each.name, "Unit": each.unit} for each in metrics]
    return {"Namespace": NAMESPACE, "Dimensions": [list(DIMENSIONS)], "Metrics": named}


@contextmanager
def counted(metric: TaskMetric, *, stage: str) -> Iterator[None]:
    """1 if what is inside fails, however it does, else 0: an alarm needs to hear of success too."""
    failed = 1
    try:
        yield
        failed = 0
    finally:
        tell({metric: failed}, stage=stage)
