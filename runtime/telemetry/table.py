"""Every metric of the runtime, in one table: what may be counted, in which unit, and where it is told.

Pure. A metric that CloudWatch shall know costs its price for every desk, so these are few and carry the names of the
stacks' own table; everything else is a field of the same log line, and a metric for Prometheus.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COUNTER = "counter"  # only ever rises
    GAUGE = "gauge"  # stands as it was last set
    HISTOGRAM = "histogram"  # seconds that something took


# Two identical rows would still be two metrics, and a look-up by identity is the cheapest there is.
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Metric:
    """`name` is CloudWatch's and the log's; `labels` name what a value is told apart by, for Prometheus only.

    A rare one is no metric of CloudWatch's while it is zero: AWS bills the hours in which a metric was sent.
    """

    name: str
    kind: Kind
    unit: str
    says: str
    labels: tuple[str, ...] = ()
    in_cloudwatch: bool = False
    is_rare: bool = False

    @property
    def per_second(self) -> int:
        """How many of its units a second holds: whoever measures hands over seconds."""
        return 1000 if self.unit == "Milliseconds" else 1

    @property
    def prometheus_name(self) -> str:
        """In Prometheus' own words: snake case, base units, and none of the endings that it adds itself."""
        words = re.findall(r"[A-Z][a-z]*", self.name)
        if words[-1] == "Ms":
            words[-1] = "Seconds"
        return "holdfast_" + "_".join(words).lower()


def _counter(name: str, says: str, *labels: str, in_cloudwatch: bool = False) -> Metric:
    return Metric(
        name=name, kind=Kind.COUNTER, unit="Count", says=says, labels=labels, in_cloudwatch=in_cloudwatch
    )


def _mishap(name: str, says: str, *labels: str) -> Metric:
    """A counter that stands still for months, and that somebody must hear of when it moves."""
    return Metric(
        name=name, kind=Kind.COUNTER, unit="Count", says=says, labels=labels, in_cloudwatch=True, is_rare=True
    )


def _gauge(name: str, says: str, *labels: str, unit: str = "Count", in_cloudwatch: bool = False) -> Metric:
    return Metric(
        name=name, kind=Kind.GAUGE, unit=unit, says=says, labels=labels, in_cloudwatch=in_cloudwatch
    )


def _duration(name: str, says: str, *, unit: str = "Seconds", in_cloudwatch: bool = False) -> Metric:
    return Metric(name=name, kind=Kind.HISTOGRAM, unit=unit, says=says, in_cloudwatch=in_cloudwatch)


# --- told to CloudWatch: under ten for each desk, and what is rare -----------------------------------------------

HEARTBEAT = _counter("Heartbeat", "Ticks that went all the way round.", in_cloudwatch=True)
LEASE_LOST = _mishap("LeaseLost", "Times that the lease ran out or was taken over.")
FENCED_WRITES = _mishap("FencedWrites", "Writes that PostgreSQL refused for their epoch.")
UNKNOWN_ORDER_AGE = _gauge(
    "UnknownOrderAgeSeconds", "Age of the oldest order whose fate is not proved.", unit="Seconds",
    in_cloudwatch=True,
)  # fmt: skip
QUARANTINED = _gauge(
    "Quarantined", "Orders and fills that are not ours and wait for an operator.", in_cloudwatch=True
)
RECONCILE_MISMATCHES = _gauge(
    "ReconcileMismatches", "Reasons why the account is unclean and takes no new risk.", in_cloudwatch=True
)
BREAKERS_TRIPPED = _gauge("BreakersTripped", "Bots that reached their daily loss today.", in_cloudwatch=True)
DATABASE_ROUND_TRIP = _duration(
    "DatabaseRoundTripMs", "One statement to PostgreSQL and back.", unit="Milliseconds", in_cloudwatch=True
)
SHUTDOWN_SECONDS = Metric(
    name="ShutdownSeconds", kind=Kind.GAUGE, unit="Seconds", says="From the signal to the end, told at the end.",
    in_cloudwatch=True, is_rare=True,
)  # fmt: skip

# --- fields of the same line, and Prometheus ---------------------------------------------------------------------

TICK_SECONDS = _duration("TickSeconds", "One tick of the desk.")
DECIDE_SECONDS = _duration("DecideSeconds", "One decision of one strategy.")
TRAIN_SECONDS = _duration("TrainSeconds", "One training of a model, of which a tick does one at most.")
ORDER_SUBMIT_SECONDS = _duration("OrderSubmitSeconds", "One order to the venue and its answer.")
ORDERS_SENT = _counter("OrdersSent", "Orders that were to be sent, by what came back.", "answer")
DUPLICATES_PREVENTED = _counter("DuplicatesPrevented", "Intents that stood in the ledger: not sent again.")
RECOVERIES = _counter("Recoveries", "Times that everything was loaded and proved anew.")
RECOVERY_SECONDS = _duration("RecoverySeconds", "One recovery.")
FAILED_OPERATIONS = _counter("FailedOperations", "Turns of the loop that failed, by the error.", "error")
SLOW_QUERIES = _counter("SlowQueries", "Statements over the threshold, by the query's name.", "query")
POOL_SIZE = _gauge("PoolSize", "Connections to PostgreSQL.")
POOL_IDLE = _gauge("PoolIdle", "Connections to PostgreSQL that nobody uses.")
POOL_WAITING = _gauge("PoolWaiting", "Who waits for a connection to PostgreSQL.")
UNKNOWN_ORDERS = _gauge("UnknownOrders", "Orders whose fate is not proved.")
STALE_QUOTES = _gauge("StaleQuotes", "Symbols whose quotes are too old for new risk.")
BOT_STATES = _gauge("BotStates", "Bots in each state: running, paused or halted.", "state")
EQUITY = _gauge("Equity", "Won or lost since the bot began, in its quote coin.", "bot", unit="None")
DRAWDOWN = _gauge("Drawdown", "Below the best equity in the bot's life.", "bot", unit="None")
EXPOSURE = _gauge("Exposure", "What is held, at the last prices, in the quote coin.", "bot", unit="None")
REALISED_TODAY = _gauge("RealisedToday", "Realised after fees since midnight UTC.", "bot", unit="None")

SPOOL_DEPTH = _gauge("SpoolDepth", "Observations that PostgreSQL has not taken yet.")
SPOOL_OLDEST = _gauge("SpoolOldestSeconds", "Age of the oldest of them.", unit="Seconds", in_cloudwatch=True)
OBSERVATIONS_DROPPED = _mishap("ObservationsDropped", "Observations that could not be kept, by kind.", "kind")
SPOOL_CORRUPT = _mishap("SpoolCorrupt", "Parts of the spool that were damaged, torn or refused: set aside.")
SPOOL_ASIDE = _gauge(
    "SpoolAsideBytes", "What was set aside there, now and before, for a person to look at.", unit="Bytes"
)
NOTIFICATIONS_DROPPED = _mishap("NotificationsDropped", "Messages to people that could not be delivered.")
MESSAGES_IGNORED = _counter("MessagesIgnored", "Messages on Telegram from chats that we do not listen to.")

SAVES_FAILED = _mishap("SavesFailed", "States of components that could not be saved.")
CHECKSUM_FAILURES = _mishap(
    "ChecksumFailures", "Saved states that could not be used: the one before was tried."
)

API_REQUESTS = _counter("ApiRequests", "Requests that were answered, by the status of the answer.", "status")
API_REQUEST_SECONDS = _duration("ApiRequestSeconds", "One request and its answer.")
API_FAULTS = _mishap("ApiFaults", "Answers that were the API's own fault.")
STREAM_CLIENTS = _gauge("StreamClients", "Clients that a stream of changes is sent to.")
STREAM_CLIENTS_DROPPED = _counter(
    "StreamClientsDropped", "Clients that took their stream too slowly and were dropped."
)

STATES = ("running", "paused", "halted")

METRICS: tuple[Metric, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
