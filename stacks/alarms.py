"""Every alarm as a value: what it watches, when it rings, what it means and what to type first.

Pure; stacks/observability.py turns it into resources. Each has a runbook of its name in docs/runbooks. AWS publishes
what it recommends to watch; whatever of that a stage does not watch stands in `waived` with its reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from stacks.metrics import NAMESPACE
from stacks.settings import ACU_GIB, DATABASE_CLASSES, Stage

RDS, ECS, INSIGHTS, NAT = "AWS/RDS", "AWS/ECS", "ECS/ContainerInsights", "AWS/NATGateway"
GIB, MIB = 1024**3, 1024**2

# Words of CloudWatch for what happens when no data arrives.
BREACHING, MISSING, FINE = "breaching", "missing", "notBreaching"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """`subject` says which dimensions it gets: a desk, the database, a NAT gateway, or a sender of our own metrics.

    `first` holds CLUSTER, SERVICE, NAME and LOGS for what only the deployed stacks know; the alarm itself says it.
    """

    name: str
    subject: str
    metric: str
    comparison: str
    threshold: Decimal | int
    means: str
    first: str
    namespace: str = NAMESPACE
    statistic: str = "Maximum"
    periods: int = 1
    period_seconds: int = 60
    missing: str = FINE
    group: str = "ticket"
    # For what a desk that is stopped on purpose cannot help doing.
    rests_when_paused: bool = False

    def describe(self) -> str:
        return f"{self.means} FIRST: {self.first} RUNBOOK: docs/runbooks/{self.name}.md"


# What a composite alarm gathers; "ticket" is whatever speaks for itself.
GROUPS: Mapping[str, str] = {
    "page": "Money may be at risk: a desk is dead, fenced off, or at odds with its venue.",
    "db-degraded": "The database is short of something; trading slows down and then stops.",
    "backup-at-risk": "A loss now might not be made good: no fresh dump, no proved restore, or no trusted TLS soon.",
}


# What a desk survives and should not have to: (alarm, metric, what it means).
MISHAPS = (
    ("observations-lost", "ObservationsDropped",
     "Something that a bot saw or thought could not be kept: the spool is full or broken."),
    ("spool-damaged", "SpoolCorrupt",
     "A part of the spool was damaged, torn or refused by the database, and was set aside."),
    ("save-failed", "SavesFailed",
     "What a component remembers could not be saved; after a crash it is older than it should be."),
    ("save-unusable", "ChecksumFailures",
     "A saved state of a component could not be used; the one before it was tried."),
    ("message-lost", "NotificationsDropped",
     "A message to people could not be delivered by webhook or Telegram."),
)  # fmt: skip


def alarms_of(stage: Stage) -> tuple[Alarm, ...]:
    found = [*_desk_alarms(stage), *_service_alarms(stage), *_task_alarms(stage), *_database_alarms(stage)]
    if stage.has_api:
        found += _api_alarms()
    if stage.egress == "nat-gateway":
        found.append(_nat_alarm())
    return tuple(found)


def _desk_alarms(stage: Stage) -> Iterator[Alarm]:
    logs = "aws logs tail LOGS --since 30m --format short"
    counted = {"subject": "desk", "statistic": "Sum", "comparison": ">=", "threshold": 1, "group": "page"}
    yield Alarm(
        name="heartbeat", subject="desk", metric="Heartbeat", statistic="Sum", comparison="<", threshold=1,
        periods=4, missing=BREACHING, group="page", rests_when_paused=True,
        means="No tick of this desk ended for four minutes: it is dead, stuck or cannot reach its database.",
        first=f"aws ecs list-tasks --cluster CLUSTER --family {stage.prefix}-desk-NAME --desired-status STOPPED",
    )  # fmt: skip
    for name, metric, means in (
        (
            "lease-lost",
            "LeaseLost",
            "Another process took this account over, or the lease could not be renewed.",
        ),
        (
            "fenced-write",
            "FencedWrites",
            "A process without the lease tried to write; the database refused it.",
        ),
        ("quarantine", "Quarantined", "The account shows orders or fills that no bot of ours made."),
        (
            "reconcile-mismatch",
            "ReconcileMismatches",
            "The venue and the ledger disagree; new risk is refused.",
        ),
    ):
        yield Alarm(name=name, metric=metric, means=means, first=logs, **counted)  # type: ignore[arg-type]
    yield Alarm(
        name="unknown-order", subject="desk", metric="UnknownOrderAgeSeconds", comparison=">", threshold=60,
        periods=2, group="page", first=logs,
        means="An order was sent and nobody can prove for over a minute what became of it; its symbol is blocked.",
    )  # fmt: skip
    yield Alarm(
        name="breaker-tripped", subject="desk", metric="BreakersTripped", comparison=">=", threshold=1, first=logs,
        means="A bot reached its daily loss and opens nothing more until the next UTC day.",
    )  # fmt: skip
    yield Alarm(
        name="database-round-trip", subject="desk", metric="DatabaseRoundTripMs", statistic="p99", comparison=">",
        threshold=250, periods=5, group="db-degraded", first=logs,
        means="One statement in a hundred takes over 250 ms, there and back; ticks run late.",
    )  # fmt: skip
    yield Alarm(
        name="spool-behind", subject="desk", metric="SpoolOldestSeconds", comparison=">", threshold=600, periods=3,
        first=logs, means="What bots saw and thought has waited over ten minutes for the database to take it.",
    )  # fmt: skip
    for name, metric, means in MISHAPS:
        yield Alarm(name=name, metric=metric, means=means, first=logs, **{**counted, "group": "ticket"})  # type: ignore[arg-type]
    yield Alarm(
        name="shutdown-slow", subject="desk", metric="ShutdownSeconds", comparison=">", threshold=90, first=logs,
        means="Leaving took over 90 s of the 120 that ECS grants before it kills.",
    )  # fmt: skip


def _api_alarms() -> Iterator[Alarm]:
    """Nothing trades through it, so nobody is woken for it."""
    logs = "aws logs tail LOGS --since 30m --format short"
    yield Alarm(
        name="api-silent", subject="api", metric="Heartbeat", statistic="Sum", comparison="<", threshold=1,
        periods=5, missing=BREACHING, rests_when_paused=True, first=logs,
        means="The API had no answer of the database for five minutes, or does not run: nobody sees the bots.",
    )  # fmt: skip
    yield Alarm(
        name="api-faults", subject="api", metric="ApiFaults", statistic="Sum", comparison=">=", threshold=1,
        first=logs, means="The API answered somebody with a fault of its own.",
    )  # fmt: skip


def _service_alarms(stage: Stage) -> Iterator[Alarm]:
    """A stopped desk sends nothing; that is the heartbeat's matter, so missing data is not counted twice here."""
    first = "aws ecs describe-services --cluster CLUSTER --services SERVICE"
    for name, metric in (("desk-cpu", "CPUUtilization"), ("desk-memory", "MemoryUtilization")):
        yield Alarm(
            name=name, subject="service", namespace=ECS, metric=metric, statistic="Average", comparison=">",
            threshold=80, periods=5, missing=MISSING, first=first,
            means=f"It uses over 80 % of its {'CPU' if name == 'desk-cpu' else 'memory'} for five minutes.",
        )  # fmt: skip
    if not stage.container_insights:
        return
    yield Alarm(
        name="no-running-task", subject="service", namespace=INSIGHTS, metric="RunningTaskCount",
        statistic="Average", comparison="<=", threshold=0, periods=5, missing=FINE, first=first,
        rests_when_paused=True, means="ECS runs no task of this desk, which should run: it cannot be started.",
    )  # fmt: skip


def _task_alarms(stage: Stage) -> Iterator[Alarm]:
    yield Alarm(
        name="migration-failed", subject="migrate", metric="MigrationsFailed", statistic="Sum", comparison=">=",
        threshold=1, group="page", first="aws logs tail LOGS --since 2h --format short",
        means="A migration failed. The services still run the release before it.",
    )  # fmt: skip
    # Each is sent when its task has run, so a task that does not run must ring too: missing counts as too old, and
    # the whole window is longer than from one run to the next.
    yield Alarm(
        name="backup-age", subject="backup", metric="BackupAgeHours", comparison=">", threshold=26,
        periods=5, period_seconds=21600, missing=BREACHING, group="backup-at-risk",
        first="aws logs tail LOGS --since 2d --format short",
        means="The newest verified dump is older than 26 hours, or no backup has reported for thirty.",
    )  # fmt: skip
    yield Alarm(
        name="drill-age", subject="drill", metric="DrillAgeDays", comparison=">", threshold=8, periods=7,
        period_seconds=86400, missing=BREACHING, group="backup-at-risk",
        first="aws logs tail LOGS --since 9d --format short",
        means="No restore has been proved for over a week: the backups are only believed.",
    )  # fmt: skip
    yield Alarm(
        name="retention-behind", subject="retention", metric="RetentionLeft", statistic="Minimum", comparison=">",
        threshold=0, periods=3, period_seconds=86400, missing=BREACHING,
        first="aws logs tail LOGS --since 3d --format short",
        means="For three days nobody has cleared away all that is past its time: the database grows.",
    )  # fmt: skip
    yield Alarm(
        name="ca-expiry", subject="backup", metric="CaDaysLeft", statistic="Minimum", comparison="<", threshold=60,
        period_seconds=86400, missing=MISSING, group="backup-at-risk",
        first="aws rds describe-db-instances --query 'DBInstances[].[DBInstanceIdentifier,CertificateDetails]'",
        means="The CA bundle in the image ends in less than 60 days; afterwards no connection is trusted.",
    )  # fmt: skip
    if stage.composite_alarms:
        yield Alarm(
            name="deploy-in-progress", subject="deploy", metric="DeployInProgress", comparison=">=", threshold=1,
            group="switch", first="aws cloudformation describe-stack-events --stack-name " + f"{stage.prefix}-bot",
            means="No fault: a deploy is rolling the services, and pages wait for it, for 15 minutes at most.",
        )  # fmt: skip


# --- the database ---------------------------------------------------------------------------------------------------


def _database_alarms(stage: Stage) -> Iterator[Alarm]:
    yield from _any_engine(stage)
    if stage.engine == "postgres":
        yield from _instance_only(stage)


def _database(name: str, metric: str, comparison: str, threshold: Decimal | int, **more: object) -> Alarm:
    values = {
        "statistic": "Average",
        "periods": 5,
        "missing": BREACHING,
        "group": "db-degraded",
        "first": "aws rds describe-events --duration 180",
        **more,
    }
    return Alarm(
        name=name, subject="database", namespace=RDS, metric=metric, comparison=comparison, threshold=threshold,
        **values,  # type: ignore[arg-type]
    )  # fmt: skip


def _memory_bytes(stage: Stage) -> int:
    if stage.engine == "aurora":
        return int(Decimal(stage.acu_max) * ACU_GIB * GIB)
    return DATABASE_CLASSES[stage.database_class][1] * GIB


def _any_engine(stage: Stage) -> Iterator[Alarm]:
    # The smallest classes never have a quarter of their memory free; there a tenth is the sign of distress.
    share = 4 if _memory_bytes(stage) > 2 * GIB else 10
    yield _database("database-cpu", "CPUUtilization", ">", 90, means="The database computes without a pause.")
    yield _database(
        "database-connections", "DatabaseConnections", ">", stage.database_connections_max * 9 // 10,
        means="Nine in ten of the connections are taken; the next desk may not get in.",
    )  # fmt: skip
    yield _database(
        "database-memory", "FreeableMemory", "<", _memory_bytes(stage) // share, periods=15,
        means=f"Less than one part in {share} of the database's memory is free.",
    )  # fmt: skip
    for name, metric in (
        ("database-read-latency", "ReadLatency"),
        ("database-write-latency", "WriteLatency"),
    ):
        yield _database(
            name, metric, ">", Decimal("0.020"), statistic="p90", missing=MISSING,
            means="One disk access in ten takes over 20 ms.",
        )  # fmt: skip
    yield _database(
        "database-wraparound", "MaximumUsedTransactionIDs", ">", 1_000_000_000, periods=1, missing=MISSING,
        means="Half of the transaction ids are used: vacuum does not keep up, and at the end PostgreSQL stops.",
    )  # fmt: skip
    if stage.performance_insights:
        yield _database(
            "database-load", "DBLoad", ">", _cpus(stage), periods=15, missing=MISSING,
            means="More sessions are active than there are processors: statements wait for each other.",
        )  # fmt: skip


def _cpus(stage: Stage) -> int:
    if stage.engine == "aurora":
        # A capacity unit comes with about a quarter of a processor.
        return max(1, int(Decimal(stage.acu_max) / 4))
    return DATABASE_CLASSES[stage.database_class][0]


def _instance_only(stage: Stage) -> Iterator[Alarm]:
    yield _database(
        "database-storage", "FreeStorageSpace", "<", stage.storage_gb * GIB // 10, statistic="Minimum",
        means="Less than a tenth of the storage is free; when it is full, no order can be written down.",
    )  # fmt: skip
    for name, metric in (
        ("database-disk-bytes", "EBSByteBalance%"),
        ("database-disk-operations", "EBSIOBalance%"),
    ):
        yield _database(
            name, metric, "<", 10, periods=3, missing=MISSING,
            means="The disk's burst allowance is nearly spent; soon every access is slow.",
        )  # fmt: skip
    yield _database(
        "database-disk-queue",
        "DiskQueueDepth",
        ">",
        64,
        missing=MISSING,
        means="Requests queue for the disk.",
    )
    yield _database(
        "database-swap", "SwapUsage", ">", 256 * MIB, missing=MISSING,
        means="The database swaps: the class is too small for what it is asked.",
    )  # fmt: skip
    if stage.database_class.startswith("db.t"):
        yield _database(
            "database-credits", "CPUCreditBalance", "<", 20, missing=MISSING,
            means="The burstable class has nearly spent its CPU credits; it goes on slowly, or costs more.",
        )  # fmt: skip


def _nat_alarm() -> Alarm:
    return Alarm(
        name="nat-ports", subject="nat", namespace=NAT, metric="ErrorPortAllocation", statistic="Sum",
        comparison=">", threshold=0, periods=15, missing=MISSING,
        first="aws ec2 describe-nat-gateways --filter Name=state,Values=available",
        means="The NAT gateway ran out of ports: some connections to venues are refused.",
    )  # fmt: skip


# --- what AWS recommends and a stage does not watch -----------------------------------------------------------------


def waived(stage: Stage) -> Mapping[tuple[str, str], str]:
    """(namespace, metric) -> why this stage has no such alarm."""
    reasons = {
        (RDS, "ReplicaLag"): "there is no read replica; a Multi-AZ standby is synchronous",
        (
            "AWS/SNS",
            "NumberOfNotificationsFailed",
        ): "recommended for SQS and Lambda subscribers; ours are e-mail",
        (
            INSIGHTS,
            "TaskCpuUtilization",
        ): "of enhanced observability, which is not bought; the service's is watched",
        (
            INSIGHTS,
            "TaskMemoryUtilization",
        ): "of enhanced observability, which is not bought; the service's is watched",
        (INSIGHTS, "TaskEphemeralStorageUtilization"): "of enhanced observability; the spool bounds itself",
    }
    if not stage.container_insights:
        reasons[(INSIGHTS, "RunningTaskCount")] = (
            "Container Insights is off; the heartbeat rings for a dead desk"
        )
    if not stage.performance_insights:
        reasons[(RDS, "DBLoad")] = "Performance Insights is off; CPU, credits and round trips are watched"
    if stage.egress != "nat-gateway":
        reasons[(NAT, "ErrorPortAllocation")] = "there is no NAT gateway"
    if stage.engine == "aurora":
        for metric in ("FreeStorageSpace", "EBSByteBalance%", "EBSIOBalance%"):
            reasons[(RDS, metric)] = "Aurora's storage grows by itself and is not on EBS"
    return reasons


# Where an alarm differs from the recommendation on purpose: (namespace, metric, property) -> why.
DEVIATIONS: Mapping[tuple[str, str, str], str] = {
    (ECS, "CPUUtilization", "missing"): "a stopped desk is the heartbeat's matter",
    (ECS, "MemoryUtilization", "missing"): "a stopped desk is the heartbeat's matter",
}
