"""What Holdfast counts in CloudWatch: every name that an alarm or a widget may use, in one table.

Pure. The stacks draw and alarm on nothing of our own that is not here, and whoever emits is held against it too. Few
on purpose: each row that is not rare costs its price for every desk; what is only looked at is a field of a log line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NAMESPACE = "Holdfast"
# Env is the stage; Bot is the desk, or the kind of task for what no desk sends.
DIMENSIONS = ("Env", "Bot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`sender` is "desk" or the kind of task that sends it, with that word as its Bot.

    A rare one is sent when there is something to say, and paid for in such an hour only: one-off tasks send no others.
    """

    name: str
    unit: str
    sender: str
    says: str
    is_rare: bool = False


def _mishap(name: str, says: str) -> Metric:
    return _at_times(name, "Count", "desk", says)


def _at_times(name: str, unit: str, sender: str, says: str) -> Metric:
    return Metric(name=name, unit=unit, sender=sender, says=says, is_rare=True)


METRICS: Mapping[str, Metric] = {
    each.name: each
    for each in (
        Metric(name="Heartbeat", unit="Count", sender="desk", says="a tick went all the way round"),
        _mishap("LeaseLost", "the lease ran out or was taken over"),
        _mishap("FencedWrites", "the database refused a stale epoch"),
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
        Metric(
            name="SpoolOldestSeconds", unit="Seconds", sender="desk", says="what waits longest in the spool"
        ),
        _mishap("ObservationsDropped", "observations that could not be kept"),
        _mishap("SpoolCorrupt", "parts of the spool that were set aside"),
        _mishap("SavesFailed", "states of components that were not saved"),
        _mishap("ChecksumFailures", "saved states that could not be used"),
        _mishap("NotificationsDropped", "messages to people that were not delivered"),
        _at_times("ShutdownSeconds", "Seconds", "desk", "from SIGTERM to the end"),
        _at_times("ApiFaults", "Count", "api", "answers of the API that were its own fault"),
        _at_times("MigrationsFailed", "Count", "migrate", "a revision that did not go in"),
        _at_times("BackupAgeHours", "None", "backup", "age of the newest verified dump"),
        _at_times("DrillAgeDays", "None", "drill", "age of the last restore that worked"),
        _at_times("RetentionLeft", "Count", "retention", "what time was too short to clear"),
        _at_times("CaDaysLeft", "None", "backup", "until the pinned CA bundle ends"),
        _at_times("DeployInProgress", "Count", "deploy", "a deploy is rolling the services"),
    )
}
