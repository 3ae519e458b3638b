"""The spool: append in the caller's thread, sync in groups in one of its own, drain and confirm from a third.

`append` returns when the record is in the file, so that no end of this process can lose it; within `sync_seconds`, or
after `sync_records` of them, it is on the disk, so that no end of the machine can either. What is drained stays until
it is confirmed. Every opening has an id of its own, under which PostgreSQL counts how far it came: a sequence that a
lost tail gave away twice is never mistaken for one that was written.
"""

import os
import threading
from pathlib import Path
from typing import Self
from uuid import uuid4

from runtime import errors, logs
from runtime.domain import observation
from runtime.domain.observation import Batch, Observation, Record
from runtime.spool import reading, record
from runtime.spool.folder import SEGMENT_BYTES, Folder, Segment, aside_bytes, told

BYTES_MAX = 256 << 20
SYNC_SECONDS = 0.05
SYNC_RECORDS = 256


class Spool:
    def __init__(
        self,
        path: Path,
        *,
        bytes_max: int = BYTES_MAX,
        sync_seconds: float = SYNC_SECONDS,
        sync_records: int = SYNC_RECORDS,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.spool_id = uuid4()
        # The segment that is written and the spare beside it take their room before they hold anything.
        self._room = max(bytes_max, 4 * segment_bytes) - 2 * segment_bytes
        self._sync_seconds, self._sync_records = sync_seconds, sync_records
        self._wake = threading.Condition(threading.Lock())  # held for every look at the fields below
        self._syncing = threading.Lock()
        self._unsynced = 0
        self._wants_spare = True
        self._closing = False
        self._fault: errors.SpoolUnusable | None = None
        self._rolled: list[Segment] = []  # complete, and not synced yet
        self._read_to = 0  # in the oldest segment: all before it is confirmed
        self._pending: list[tuple[int, int]] = []  # sequence and end of what was drained last
        # What is set aside may take a quarter as much again.
        self._folder = Folder(path, segment_bytes, bytes_max // 4)
        try:
            self._segments, self._damages = reading.recover(self._folder)
            self._last = reading.last_sequence(self._folder, self._segments)
            self._confirmed = self._segments[0].first - 1 if self._segments else self._last
            self._used = sum(each.used for each in self._segments)
            with told(path):
                self._folder.prepare_spare()
            self._active = self._folder.create(self.spool_id, self._last + 1)
        except BaseException:
            self._folder.close()
            raise
        self._segments.append(self._active)
        self._worker = threading.Thread(target=self._work, name="spool", daemon=True)
        self._worker.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """All of it on the disk, and the folder free for the next."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._worker.join()
        try:
            self.sync()
        finally:
            with self._wake:
                for each in self._segments:
                    self._retire(each)
                if self._last == self._confirmed:
                    for each in self._segments:
                        self._folder.remove(each)
            self._folder.close()

    # --- writing -------------------------------------------------------------------------------------------------

    def append(self, seen: Observation) -> int:
        """Its sequence, once it is in the file. Whatever cannot be kept raises, and changes nothing."""
        payload = observation.encode(seen)
        at_us = observation.microseconds(seen.at)
        length = record.HEAD_BYTES + len(payload)
        with self._wake:
            if self._fault is not None or self._closing:
                closed = {"folder": self._folder.path, "detail": "it is closed", "remedy": "We are leaving."}
                raise self._fault or errors.SpoolUnusable(**closed)
            if length > self._folder.segment_bytes:
                detail = f"its record has {length} bytes, more than a segment holds"
                raise errors.InvalidObservation(kind=seen.kind.word, detail=detail)
            if self._used + length > observation.room_for(seen.kind, self._room):
                raise errors.SpoolFull(folder=self._folder.path, kind=seen.kind.word)
            if self._active.used + length > self._folder.segment_bytes:
                self._roll()
            sequence = self._last + 1
            with told(self._folder.path):
                self._active.write(
                    record.encode(self._active.seed, Record(sequence, seen.kind, at_us, payload))
                )
            self._last = sequence
            self._used += length
            self._unsynced += 1
            if self._unsynced in (1, self._sync_records):
                self._wake.notify_all()
        return sequence

    @property
    def is_broken(self) -> bool:
        """Nothing can be appended any more; what is there can still be drained, here or after opening it again."""
        return self._fault is not None or self._closing

    @property
    def unsynced(self) -> int:
        """How many records are in the file and not yet on the disk."""
        with self._wake:
            return self._unsynced

    def wait_synced(self, seconds_max: float) -> bool:
        """Until all of it is on the disk; False when the time is over."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._unsynced, seconds_max)

    def sync(self) -> None:
        """Everything that was appended so far is on the disk when it returns."""
        with self._syncing:
            with self._wake:
                complete, self._rolled = self._rolled, []
                active, covered = self._active, self._unsynced
            try:
                with told(self._folder.path):
                    for fd in [each.fd for each in (*complete, active) if each.fd is not None]:
                        os.fdatasync(fd)
            except errors.SpoolUnusable as fault:
                # The system may forget after this which pages it owes to the disk: asking again would prove nothing.
                with self._wake:
                    self._fault = fault
                raise
            with self._wake:
                self._unsynced -= covered
                self._wake.notify_all()
                for each in complete:
                    self._retire(each)

    def _roll(self) -> None:
        following = self._folder.create(self.spool_id, self._last + 1)
        self._wants_spare = True
        self._rolled.append(self._active)
        self._active = following
        self._segments.append(following)

    def _retire(self, segment: Segment) -> None:
        """It grows no more: what it did not need goes back to the disk."""
        if segment.fd is None:
            return
        with told(self._folder.path):
            os.ftruncate(segment.fd, segment.used)
            os.close(segment.fd)
            segment.fd = None

    def _work(self) -> None:
        """Syncs what was appended, a group at a time, and lays the next segment out before it is needed."""
        while True:
            self._prepare()
            with self._wake:
                self._wake.wait_for(lambda: self._unsynced or self._rolled or self._closing)
                self._wake.wait_for(
                    lambda: self._unsynced >= self._sync_records or self._closing, self._sync_seconds
                )
                if self._closing or self._fault is not None:
                    return
            try:
                self.sync()
            except errors.SpoolUnusable as fault:
                logs.error("the spool cannot be written", detail=str(fault))
                return

    def _prepare(self) -> None:
        with self._wake:
            wanted, self._wants_spare = self._wants_spare, False
        if not wanted:
            return
        try:
            self._folder.prepare_spare()
        except OSError as fault:
            # Not needed yet. If it is still so when it is, whoever appends is told.
            logs.warning("no spare segment for the spool", error=type(fault).__name__, errno=fault.errno)

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """How many records are not confirmed yet."""
        with self._wake:
            return self._last - self._confirmed

    @property
    def damages(self) -> int:
        """How often something was cut off or set aside since this was opened."""
        return self._damages

    @property
    def aside_bytes(self) -> int:
        """How large what was set aside is, by this process and those before it."""
        return aside_bytes(self._folder.path)

    def drain(self, batch_max: int) -> Batch | None:
        """The oldest records that are not confirmed, of one spool's id; None if there are none."""
        while True:
            with self._wake:
                segment, start = self._segments[0], self._read_to
                end, grows = segment.used, segment is self._active
            if start < end:
                damages = segment.damages
                found, reached = reading.read(self._folder, segment, start, end, batch_max)
                self._damages += segment.damages - damages
                if found:
                    self._pending = [(each.record.sequence, each.end) for each in found]
                    return Batch(segment.spool_id, tuple(each.record for each in found))
                with self._wake:
                    self._read_to = reached
            elif grows:
                return None
            else:
                self._forget(segment)

    def confirm(self, sequence: int) -> None:
        """Everything up to this one, which was drained, is in PostgreSQL."""
        ends = [(number, end) for number, end in self._pending if number <= sequence]
        self._pending = [each for each in self._pending if each[0] > sequence]
        if ends:
            with self._wake:
                self._confirmed, self._read_to = ends[-1]

    def set_aside(self, refused: Record, reason: str) -> None:
        """Keep what PostgreSQL will never take, outside of the queue."""
        self._damages += 1
        logs.error(
            "an observation is set aside", sequence=refused.sequence, kind=refused.kind.word, detail=reason
        )
        facts = {"sequence": refused.sequence, "kind": refused.kind.word, "at_us": refused.at_us}
        self._folder.set_aside(
            {**facts, "reason": reason, "payload": refused.payload.decode(errors="replace")}
        )

    def _forget(self, segment: Segment) -> None:
        self._folder.remove(segment)
        with self._wake:
            self._segments.remove(segment)
            self._used -= segment.used
            self._read_to = 0
            self._confirmed = max(self._confirmed, self._segments[0].first - 1)
