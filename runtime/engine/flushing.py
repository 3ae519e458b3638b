"""Carries the spool into PostgreSQL: a thread of its own with a connection of its own, in batches, with back-off.

It promises that a batch is confirmed to the spool only once PostgreSQL committed it, and that one record which
PostgreSQL will never take is set aside instead of holding up all others.
"""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runtime import errors, logs
from runtime.domain import observation
from runtime.domain.identity import AccountId
from runtime.domain.observation import Batch
from runtime.engine.keeping import Observer
from runtime.spool.spool import Spool
from runtime.store import observations
from runtime.store.pool import Store
from runtime.telemetry import table

BATCH_MAX = 5000
FLUSH_SECONDS = 1
PAUSE_SECONDS_MAX = 30


@dataclass(slots=True)
class Flusher:
    """`start` and `stop` belong to the desk's thread; everything else runs in the flusher's own."""

    observer: Observer
    store: Store
    account_id: AccountId
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _damages: int = 0
    _spool: Spool | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="flusher", daemon=True)
        self._thread.start()

    def stop(self, within_seconds: float) -> None:
        """Carry over what is there, if PostgreSQL takes it in time; the rest stays for the next process."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(within_seconds)

    def flush(self) -> int:
        """Until the spool is empty. How many records PostgreSQL took."""
        count, spool = 0, self.observer.spool
        while spool is not None:
            self._tell(spool, None)
            batch = spool.drain(BATCH_MAX)
            self.observer.oldest_at = None if batch is None else _oldest(batch)
            if batch is None:
                break
            self._tell(spool, batch)
            count += self._carry(spool, batch)
        return count

    def _carry(self, spool: Spool, batch: Batch) -> int:
        try:
            with self.store.transaction("record observations") as tx:
                count = observations.record_batch(tx, self.account_id, batch)
        except errors.BrokenInvariant as fault:
            if len(batch.records) > 1:
                return sum(self._carry(spool, half) for half in batch.halves())
            spool.set_aside(batch.records[0], str(fault))
            with self.store.transaction("pass over an observation") as tx:
                observations.skip_batch(tx, batch)
            count = 0
        spool.confirm(batch.last)
        return count

    def _work(self) -> None:
        pause_seconds = FLUSH_SECONDS
        while True:
            is_last = self._stop.wait(pause_seconds)
            try:
                self.flush()
                pause_seconds = FLUSH_SECONDS
            except errors.BotError as fault:
                # Whatever it is, it is the store's or the disk's: the desk learns of it by itself, and trades on.
                pause_seconds = min(2 * pause_seconds, PAUSE_SECONDS_MAX)
                if self.observer.is_due("flush", PAUSE_SECONDS_MAX):
                    logs.warning("observations wait in the spool", detail=str(fault))
            if is_last:
                return

    def _tell(self, spool: Spool, batch: Batch | None) -> None:
        meters = self.observer.meters
        meters.set(table.SPOOL_DEPTH, spool.depth)
        seen_at = datetime.now(UTC) if batch is None else _oldest(batch)
        meters.set(table.SPOOL_OLDEST, max(0, (datetime.now(UTC) - seen_at).total_seconds()))
        if spool is not self._spool:
            self._spool, self._damages = spool, 0
            meters.set(table.SPOOL_ASIDE, spool.aside_bytes)
        if spool.damages > self._damages:
            meters.count(table.SPOOL_CORRUPT, by=spool.damages - self._damages)
            self._damages = spool.damages
            meters.set(table.SPOOL_ASIDE, spool.aside_bytes)


def _oldest(batch: Batch) -> datetime:
    return observation.instant(batch.records[0].at_us)
