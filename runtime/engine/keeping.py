"""The desk's one way into its spool. What cannot be kept is counted and said now and then; trading goes on.

It touches the spool's folder and promises that nothing it is given makes it raise, or wait for PostgreSQL.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from runtime import errors, logs
from runtime.domain.identity import BotId
from runtime.domain.observation import Kind, Observation
from runtime.domain.phantom import Close, Phantom
from runtime.engine.clock import elapsed_seconds
from runtime.spool.spool import Spool
from runtime.telemetry import table
from runtime.telemetry.meters import Meters

# A folder that cannot be used is tried again so often, and the same fault is said so often.
REOPEN_SECONDS = 30
COMPLAIN_SECONDS = 60


@dataclass(slots=True)
class Observer:
    """The one way into the spool. A folder that cannot be used now is tried again later."""

    open_spool: Callable[[], Spool]
    meters: Meters
    spool: Spool | None = None
    candles_until: dict[tuple[str, str], datetime] = field(default_factory=dict)
    # Of each bot, what it thought last: a strategy that says the same in every tick is kept once.
    thoughts: dict[BotId, object] = field(default_factory=dict)
    signals: dict[BotId, frozenset[UUID]] = field(default_factory=dict)
    # Signals that are followed, and how those ended that are not yet written down.
    phantoms: dict[UUID, Phantom] = field(default_factory=dict)
    closes: dict[UUID, Close] = field(default_factory=dict)
    # Of each bot, how many ended for better or worse since somebody asked.
    ended: Counter[BotId] = field(default_factory=Counter)
    oldest_at: datetime | None = None  # of what waits, as the flusher saw it last
    _due_at_monotonic: dict[object, float] = field(default_factory=dict)

    def keep(self, kind: Kind, at: datetime, facts: Mapping[str, object]) -> bool:
        """Whether it is in the spool."""
        try:
            spool = self._ready()
            if spool is not None:
                spool.append(Observation(kind, at, facts))
                return True
        except errors.Refused as fault:
            if self.is_due(type(fault), COMPLAIN_SECONDS):
                logs.error("an observation is dropped", kind=kind.word, detail=str(fault))
        self.meters.count(table.OBSERVATIONS_DROPPED, kind.word)
        return False

    def is_due(self, what: object, every_seconds: float) -> bool:
        """At once, and then not more often than this."""
        now = elapsed_seconds()
        if now < self._due_at_monotonic.get(what, 0):
            return False
        self._due_at_monotonic[what] = now + every_seconds
        return True

    def close(self) -> None:
        spool, self.spool = self.spool, None
        if spool is None:
            return
        try:
            spool.close()
        except errors.SpoolUnusable as fault:
            logs.error("the spool was not closed in good order", detail=str(fault))

    def open(self) -> None:
        """Now already, for what an earlier process left there."""
        try:
            self._ready()
        except errors.SpoolUnusable as fault:
            logs.error("the spool cannot be used", detail=str(fault))

    def _ready(self) -> Spool | None:
        if self.spool is not None and not self.spool.is_broken:
            return self.spool
        if self.is_due("open", REOPEN_SECONDS):
            self.close()
            self.spool = self.open_spool()
        return self.spool
