"""One dashboard for a stage: what is wrong first, then the desks, the ledger, the database, the tasks, the backups.

What is only looked at comes out of the log lines by a query, since every metric of our own costs money whether or not
anybody looks. Nothing of ours is drawn that stacks/metrics.py does not list.
"""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.alarms import ECS, INSIGHTS, NAT, RDS, Alarm
from stacks.metrics import METRICS, NAMESPACE
from stacks.platform import PlatformStack
from stacks.settings import API, Stage

WIDTH = 24
Places = Mapping[str, Mapping[str, Mapping[str, str]]]
Alarms = Mapping[str, tuple[Alarm, cloudwatch.Alarm]]

# What a query on the desks' log shows: fields of the lines that a desk writes for every order and every tick.
ORDERS_QUERY = (
    "fields @timestamp, account",
    "filter event like /^order/",
    "stats count(*) as orders by event, bin(5m)",
)
EQUITY_QUERY = (
    "fields @timestamp, account, bot, equity, drawdown",
    "filter ispresent(equity)",
    "stats latest(equity) as equity, latest(drawdown) as drawdown by account, bot",
)
# Depth and parts are no metrics of their own: they stand in the line of the desk.
SPOOL_QUERY = (
    "fields @timestamp, Bot, SpoolDepth, SpoolOldestSeconds",
    "filter event = 'telemetry'",
    "stats max(SpoolDepth) as waiting, max(SpoolOldestSeconds) as oldest_seconds by Bot, bin(5m)",
)
FAULTS_QUERY = (
    "fields @timestamp, @logStream, level, event, error",
    "filter level in ['warning', 'error']",
    "sort @timestamp desc",
    "limit 20",
)


def draw(
    stack: Stack,
    *,
    stage: Stage,
    alarms: Alarms,
    composites: Mapping[str, cloudwatch.CompositeAlarm],
    places: Places,
    platform: PlatformStack,
) -> cloudwatch.Dashboard:
    rows: list[list[cloudwatch.IWidget]] = [
        [_words(stage)],
        _wrong_first(alarms, composites),
        _numbers(places),
        *_desks(alarms, places, platform),
        _ledger(alarms, places, platform),
        _memory(alarms, places, platform),
        *([_api(places, platform)] if API in places else []),
        *_database(stage, alarms, places),
        _tasks(stage, places),
        _backups(alarms, places, platform),
    ]
    drawn = cloudwatch.Dashboard(
        stack,
        "Dashboard",
        dashboard_name=stage.prefix,
        default_interval=Duration.hours(6),
        widgets=[row for row in rows if row],
    )
    CfnOutput(stack, "DashboardName", value=drawn.dashboard_name)
    return drawn


def _words(stage: Stage) -> cloudwatch.IWidget:
    desks = ", ".join(f"{desk.name} ({'live' if desk.live else 'paper'})" for desk in stage.desks)
    text = (
        f"# Holdfast {stage.name}\nDesks: {desks}. All is well when every heartbeat is green, no order is "
        "unknown, nothing is quarantined, and the newest dump is younger than a day. Each alarm names its runbook "
        "in `docs/runbooks/`."
    )
    return cloudwatch.TextWidget(markdown=text, width=WIDTH, height=3)


def _wrong_first(
    alarms: Alarms, composites: Mapping[str, cloudwatch.CompositeAlarm]
) -> list[cloudwatch.IWidget]:
    """Composites first, then every alarm by its state: what rings stands in front."""
    everything: list[cloudwatch.IAlarm] = [*composites.values(), *(made for _, made in alarms.values())]
    return [
        cloudwatch.AlarmStatusWidget(
            title="What is wrong",
            alarms=everything,
            sort_by=cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
            width=WIDTH,
            height=6,
        )
    ]


def _ours(name: str, dimensions: Mapping[str, str], statistic: str, label: str = "") -> cloudwatch.Metric:
    assert name in METRICS, name
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map=dict(dimensions),
        statistic=statistic,
        label=label or name,
        period=Duration.minutes(1),
    )


def _theirs(
    namespace: str, name: str, dimensions: Mapping[str, str], statistic: str = "Average", label: str = ""
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dict(dimensions),
        statistic=statistic,
        label=label or name,
        period=Duration.minutes(1),
    )


def _each_desk(places: Places, name: str, statistic: str, *, says: str = "") -> list[cloudwatch.IMetric]:
    """One line for each desk, under its name; `says` tells it from other metrics in the same graph."""
    return [
        _ours(name, dimensions, statistic, label=f"{desk} {says}".strip())
        for desk, dimensions in places["desk"].items()
    ]


def _numbers(places: Places) -> list[cloudwatch.IWidget]:
    figures: list[tuple[str, list[cloudwatch.IMetric]]] = [
        ("Ticks in the last minute", _each_desk(places, "Heartbeat", "Sum")),
        ("Oldest unknown order, s", _each_desk(places, "UnknownOrderAgeSeconds", "Maximum")),
        ("Quarantined", _each_desk(places, "Quarantined", "Maximum")),
        ("Leases lost", _each_desk(places, "LeaseLost", "Sum")),
        ("Age of the newest dump, h", [_ours("BackupAgeHours", places["backup"][""], "Maximum")]),
        ("Days since a restore", [_ours("DrillAgeDays", places["drill"][""], "Maximum")]),
    ]
    return [
        cloudwatch.SingleValueWidget(title=title, metrics=metrics, width=WIDTH // len(figures), height=4)
        for title, metrics in figures
    ]


def _graph(
    title: str,
    left: list[cloudwatch.IMetric],
    *,
    right: list[cloudwatch.IMetric] | None = None,
    limit: cloudwatch.Alarm | None = None,
    width: int = 8,
) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=left,
        right=right or [],
        left_annotations=[limit.to_annotation()] if limit else [],
        width=width,
        height=6,
    )


def _query(title: str, platform: PlatformStack, kind: str, lines: tuple[str, ...]) -> cloudwatch.IWidget:
    return cloudwatch.LogQueryWidget(
        title=title,
        log_group_names=[platform.logs[kind].log_group_name],
        query_lines=list(lines),
        width=12,
        height=6,
    )


def _limit(alarms: Alarms, name: str) -> cloudwatch.Alarm | None:
    return alarms[name][1] if name in alarms else None


def _desks(alarms: Alarms, places: Places, platform: PlatformStack) -> list[list[cloudwatch.IWidget]]:
    first = next(iter(places["desk"]))
    return [
        [
            _graph(
                "Heartbeats",
                _each_desk(places, "Heartbeat", "Sum"),
                limit=_limit(alarms, f"heartbeat-{first}"),
            ),
            _graph("Unknown orders, oldest, s", _each_desk(places, "UnknownOrderAgeSeconds", "Maximum")),
            _graph(
                "At odds",
                _each_desk(places, "ReconcileMismatches", "Sum") + _each_desk(places, "FencedWrites", "Sum"),
                right=_each_desk(places, "BreakersTripped", "Maximum"),
            ),
        ],
        [
            _query("Orders by what happened", platform, "desk", ORDERS_QUERY),
            _query("Equity and drawdown, newest", platform, "desk", EQUITY_QUERY),
        ],
    ]


def _ledger(alarms: Alarms, places: Places, platform: PlatformStack) -> list[cloudwatch.IWidget]:
    first = next(iter(places["desk"]))
    return [
        _graph(
            "Database round trip, p50 and p99, ms",
            _each_desk(places, "DatabaseRoundTripMs", "p50")
            + _each_desk(places, "DatabaseRoundTripMs", "p99"),
            limit=_limit(alarms, f"database-round-trip-{first}"),
            width=12,
        ),
        _query("Warnings and errors, newest", platform, "desk", FAULTS_QUERY),
    ]


def _memory(alarms: Alarms, places: Places, platform: PlatformStack) -> list[cloudwatch.IWidget]:
    """What bots see and what they remember, on its way to the database; what goes wrong there is drawn when it does."""
    first = next(iter(places["desk"]))
    lost = [
        metric
        for name in ("ObservationsDropped", "SpoolCorrupt", "SavesFailed", "ChecksumFailures", "NotificationsDropped")
        for metric in _each_desk(places, name, "Sum", says=name)
    ]  # fmt: skip
    return [
        _graph(
            "Spool: oldest that waits, s",
            _each_desk(places, "SpoolOldestSeconds", "Maximum"),
            limit=_limit(alarms, f"spool-behind-{first}"),
            width=6,
        ),
        _graph("Lost, damaged, not saved, not delivered", lost, width=6),
        _query("Spool: how much waits", platform, "desk", SPOOL_QUERY),
    ]


def _api(places: Places, platform: PlatformStack) -> list[cloudwatch.IWidget]:
    where = places[API][""]
    return [
        _graph(
            "API: answers of the database a minute, and its own faults",
            [_ours("Heartbeat", where, "Sum")],
            right=[_ours("ApiFaults", where, "Sum")],
            width=12,
        ),
        _query("API: warnings and errors, newest", platform, API, FAULTS_QUERY),
    ]


def _database(stage: Stage, alarms: Alarms, places: Places) -> list[list[cloudwatch.IWidget]]:
    where = places["database"][""]

    def rds(*names: str, statistic: str = "Average") -> list[cloudwatch.IMetric]:
        return [_theirs(RDS, name, where, statistic) for name in names]

    rows = [
        [
            _graph("Database CPU, %", rds("CPUUtilization"), limit=_limit(alarms, "database-cpu"), width=6),
            _graph(
                "Connections",
                rds("DatabaseConnections"),
                limit=_limit(alarms, "database-connections"),
                width=6,
            ),
            _graph(
                "Freeable memory, bytes",
                rds("FreeableMemory"),
                limit=_limit(alarms, "database-memory"),
                width=6,
            ),
            _graph("Latency p90, s", rds("ReadLatency", "WriteLatency", statistic="p90"), width=6),
        ]
    ]
    if stage.engine == "postgres":
        rows.append(
            [
                _graph("Free storage, bytes", rds("FreeStorageSpace", statistic="Minimum"),
                       limit=_limit(alarms, "database-storage")),
                _graph("Burst left, %", rds("EBSByteBalance%", "EBSIOBalance%"), right=rds("CPUCreditBalance")),
                _graph("Transaction ids used", rds("MaximumUsedTransactionIDs", statistic="Maximum"),
                       right=rds("DiskQueueDepth")),
            ]
        )  # fmt: skip
    return rows


def _tasks(stage: Stage, places: Places) -> list[cloudwatch.IWidget]:
    services = places["service"].items()

    def ecs(name: str) -> list[cloudwatch.IMetric]:
        return [_theirs(ECS, name, dimensions, label=desk) for desk, dimensions in services]

    widgets = [
        _graph("Desks' CPU, %", ecs("CPUUtilization")),
        _graph("Desks' memory, %", ecs("MemoryUtilization")),
    ]
    if stage.container_insights:
        running: list[cloudwatch.IMetric] = [
            _theirs(INSIGHTS, "RunningTaskCount", dimensions, label=desk) for desk, dimensions in services
        ]
        widgets.append(_graph("Running tasks", running))
    ports: list[cloudwatch.IMetric] = [
        _theirs(NAT, name, dimensions, "Sum")
        for dimensions in places["nat"].values()
        for name in ("ErrorPortAllocation", "BytesOutToDestination")
    ]
    return [*widgets, *([_graph("Egress", ports)] if ports else [])]


def _backups(alarms: Alarms, places: Places, platform: PlatformStack) -> list[cloudwatch.IWidget]:
    return [
        _graph(
            "Age of the newest dump, h",
            [_ours("BackupAgeHours", places["backup"][""], "Maximum")],
            right=[_ours("CaDaysLeft", places["backup"][""], "Minimum")],
            limit=_limit(alarms, "backup-age"),
            width=6,
        ),
        _graph("Not cleared in time", [_ours("RetentionLeft", places["retention"][""], "Minimum")], width=6),
        _query("Backups", platform, "backup", FAULTS_QUERY),
    ]
