"""What Holdfast counts in CloudWatch: every name that an alarm or a widget may use, in one table.

Pure. The stacks draw and alarm on nothing of our own that is not here, and whoever emits is held against it too. Few
on purpose: each row costs its price for every desk; what is only looked at is a field of a log line instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NAMESPACE = "Holdfast"
# Env is the stage; Bot is the desk, or the kind of task for what no desk sends.
DIMENSIONS = ("Env", "Bot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`sender` is "desk" or the kind of task that sends it, with that word as its Bot."""

    name: str
    unit: str
    sender: str
    says: str


METRICS: Mapping[str, Metric] = {
    each.name: each
    for each in (
        Metric(name="Heartbeat", unit="Count", sender="desk", says="a tick went all the way round"),
        Metric(name="LeaseLost", unit="Count", sender="desk", says="the lease ran out or was taken over"),
        Metric(name="FencedWrites", unit="Count", sender="desk", says="the database refused a stale epoch"),
        Metric(
            name="UnknownOrderAgeSeconds", unit="Seconds", sender="desk", says="the oldest unproved order"
        ),
        Metric(name="Quarantined", unit="Count", sender="desk", says="orders and fills that are not ours"),
        Metric(name="ReconcileMismatches", unit="Count", sender="desk", says="venue and ledger differ"),
        Metric(name="BreakersTripped", unit="Count", sender="desk", says="bots over their daily loss"),
        Metric(
            name="DatabaseRoundTripMs",
            unit="Milliseconds",
            sender="desk",
            says="one statement, there and back",
        ),
        Metric(name="ShutdownSeconds", unit="Seconds", sender="desk", says="from SIGTERM to the end"),
        Metric(name="MigrationsFailed", unit="Count", sender="migrate", says="a revision that did not go in"),
        Metric(name="BackupAgeHours", unit="None", sender="backup", says="age of the newest verified dump"),
        Metric(name="DrillAgeDays", unit="None", sender="drill", says="age of the last restore that worked"),
        Metric(name="CaDaysLeft", unit="None", sender="backup", says="until the pinned CA bundle ends"),
        Metric(
            name="DeployInProgress", unit="Count", sender="deploy", says="a deploy is rolling the services"
        ),
    )
}
