"""The folder of a spool: who may use it, which segments lie in it, and what is set aside there.

It promises that one process at a time has it, that a folder with anything else in it is left alone, and that every
fault of the disk leaves as one sentence.
"""

import errno
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from runtime import errors, logs
from runtime.spool import record

SEGMENT_BYTES = 8 << 20
ASIDE_BYTES_MAX = 64 << 20
_LOCK = "lock"
_SPARE = "spare"
_MAKING = "spare.new"
_REFUSED = "refused.jsonl"
_ASIDE = (_REFUSED, "*.corrupt")
_SEGMENT = re.compile(r"(\d{20})-([0-9a-f]{32})\.spool")
_ZEROS = bytes(1 << 20)


@dataclass(slots=True)
class Segment:
    """A file of records. `used` is how far it is written; while `fd` is set it may still grow."""

    path: Path
    spool_id: UUID
    first: int  # no record in it has a lower sequence
    used: int = 0
    fd: int | None = None
    damages: int = 0

    @property
    def seed(self) -> int:
        return record.seed_of(self.spool_id)

    def read(self, start: int, length: int) -> bytes:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(fd, length, start)
        finally:
            os.close(fd)

    def write(self, data: bytes) -> None:
        """Behind what is there. After a fault the next one begins at the same place."""
        assert self.fd is not None
        done = os.pwrite(self.fd, data, self.used)
        while done < len(data):
            done += os.pwrite(self.fd, data[done:], self.used + done)
        self.used += len(data)


class Folder:
    """A folder that is ours while it is open."""

    def __init__(
        self, path: Path, segment_bytes: int = SEGMENT_BYTES, aside_bytes_max: int = ASIDE_BYTES_MAX
    ) -> None:
        self.path = path
        self.segment_bytes = segment_bytes
        self._aside_bytes_max = aside_bytes_max
        with told(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            names = {each.name for each in path.iterdir()}
            if names and _LOCK not in names:
                detail = f"it is not a spool's and not empty (it holds {min(names)})"
                raise _unusable(path, detail, "Choose an empty or new folder; nothing in it was touched.")
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._take()
            except BaseException:
                os.close(self._lock)
                raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._lock, 20, 0).decode(errors="replace").strip() or "unknown"
            detail = f"process {pid} has it open"
            raise _unusable(self.path, detail, "Stop that one, or choose another folder.") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        with told(self.path):
            self._remove_spares()
        os.close(self._lock)

    def segments(self) -> list[Segment]:
        """What earlier processes left, oldest first."""
        with told(self.path):
            self._remove_spares()
            found = [(_SEGMENT.fullmatch(each.name), each) for each in sorted(self.path.iterdir())]
            return [
                Segment(path, UUID(name[2]), int(name[1]), used=path.stat().st_size)
                for name, path in found
                if name
            ]

    def prepare_spare(self) -> None:
        """A segment made of zeros that are on the disk: writing over them later changes no file's size or place."""
        making = self.path / _MAKING
        fd = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, self.segment_bytes)
            for start in range(0, self.segment_bytes, len(_ZEROS)):
                os.pwrite(fd, _ZEROS[: self.segment_bytes - start], start)
            os.fdatasync(fd)
        except OSError:
            making.unlink()
            raise
        finally:
            os.close(fd)
        making.rename(self.path / _SPARE)

    def create(self, spool_id: UUID, first: int) -> Segment:
        """From the spare if there is one; otherwise with the room reserved, so that no write meets a full disk."""
        path = self.path / f"{first:020d}-{spool_id.hex}.spool"
        with told(self.path):
            try:
                self._lay_out(path)
                self._sync_names()
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                # Nobody knows of it yet, and the next attempt takes the same name.
                path.unlink(missing_ok=True)
                raise
        return Segment(path, spool_id, first, fd=fd)

    def _lay_out(self, path: Path) -> None:
        try:
            os.rename(self.path / _SPARE, path)
            return
        except FileNotFoundError:
            pass
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, self.segment_bytes)
        finally:
            os.close(fd)

    def cut(self, segment: Segment, end: int) -> None:
        """Nothing stands behind `end` any more; what stood there is kept in a file of its own."""
        with told(self.path):
            tail = segment.read(end, segment.used - end).rstrip(b"\0")
            if tail and self._may_keep(segment.path.name, len(tail)):
                _write_durably(segment.path.with_suffix(f".{end}.corrupt"), tail)
            os.truncate(segment.path, end)
        segment.used = end

    def remove(self, segment: Segment) -> None:
        """All of it is in PostgreSQL. One that was damaged is kept under another name."""
        with told(self.path):
            if segment.damages and self._may_keep(segment.path.name, segment.path.stat().st_size):
                segment.path.rename(segment.path.with_suffix(".corrupt"))
            else:
                segment.path.unlink(missing_ok=True)

    def set_aside(self, facts: dict[str, object]) -> None:
        """A record that PostgreSQL refuses, for a person to look at."""
        with told(self.path):
            line = json.dumps(facts, ensure_ascii=False).encode() + b"\n"
            if not self._may_keep(_REFUSED, len(line)):
                return
            fd = os.open(self.path / _REFUSED, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, line)
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def _may_keep(self, name: str, length: int) -> bool:
        """What is set aside has its own bound, and what came first stays: it shows how things began."""
        kept = aside_bytes(self.path)
        if kept + length <= self._aside_bytes_max:
            return True
        logs.error(
            "no room to set damage aside: it is lost",
            file=name,
            bytes=length,
            kept=kept,
            folder=str(self.path),
        )
        return False

    def _remove_spares(self) -> None:
        for name in (_SPARE, _MAKING):
            (self.path / name).unlink(missing_ok=True)

    def _sync_names(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def aside_bytes(path: Path) -> int:
    """How much damage lies in a spool's folder, torn, corrupt or refused, for a person to look at and take away."""
    with told(path):
        return sum(each.stat().st_size for pattern in _ASIDE for each in path.glob(pattern))


def waiting_bytes(path: Path) -> int:
    """Of what earlier processes left there and PostgreSQL has not; a segment that grows counts whole."""
    with told(path):
        return sum(each.stat().st_size for each in path.glob("*.spool"))


@contextmanager
def told(path: Path) -> Iterator[None]:
    """The disk's words into one sentence."""
    try:
        yield
    except OSError as fault:
        raise _unusable(path, *_words(fault)) from fault


def _words(fault: OSError) -> tuple[str, str]:
    match fault.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "its disk is full", "Free some room there."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "this user may not write there", "Grant it, or set HOLDFAST_SPOOL_DIR to another folder."
        case errno.ENOTDIR | errno.EEXIST:
            return "it is no folder", "Set HOLDFAST_SPOOL_DIR to a folder."
        case _:
            return os.strerror(fault.errno or 0), "Look at its disk."


def _unusable(path: Path, detail: str, remedy: str) -> errors.SpoolUnusable:
    return errors.SpoolUnusable(folder=path, detail=detail, remedy=remedy)


def _write_durably(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, data)
        os.fdatasync(fd)
    finally:
        os.close(fd)
