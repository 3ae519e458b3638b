"""Where backups lie: a folder, or a bucket behind the same words. A shelf knows bytes and names, not what they mean.

Each backup is two things of one name: the dump, which appears whole or not at all, and the manifest, which is put last.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from runtime import errors
from runtime.backups import manifest

READ_BYTES = 1 << 20
DUMP, MANIFEST, PART = ".dump", ".json", ".part"


class Sink(Protocol):
    """A dump that is being written. What was not finished never appears."""

    def write(self, chunk: bytes) -> object: ...

    def finish(self) -> None: ...


class Shelf(Protocol):
    @property
    def place(self) -> str:
        """For sentences."""

    def names(self) -> dict[str, bool]:
        """Every backup, oldest first, and whether it has its manifest."""

    def writing(self, name: str) -> AbstractContextManager[Sink]:
        """Leaving the context without `finish` leaves nothing that counts."""

    def put_manifest(self, name: str, text: bytes) -> None: ...

    def load_manifest(self, name: str) -> bytes | None: ...

    def reading(self, name: str) -> Iterator[bytes] | None:
        """The dump in pieces; None if there is none."""


class Folder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.place = str(root)

    def names(self) -> dict[str, bool]:
        with self._translated():
            found = sorted(path.name for path in self._root.glob("holdfast-*")) if self._root.exists() else []
        stems = {name.removesuffix(DUMP).removesuffix(MANIFEST) for name in found}
        return {stem: stem + MANIFEST in found for stem in sorted(stems) if manifest.is_name(stem)}

    @contextmanager
    def writing(self, name: str) -> Iterator["_File"]:
        with self._translated():
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep()
            part = self._root / f".{name}{DUMP}{PART}"
            with open(part, "xb", opener=_private) as file:
                # Held until we end, however we end: who sweeps sees that somebody is at work.
                fcntl.flock(file, fcntl.LOCK_EX)
                try:
                    yield _File(file, part, self._root / (name + DUMP))
                finally:
                    part.unlink(missing_ok=True)

    def put_manifest(self, name: str, text: bytes) -> None:
        with self._translated():
            part = self._root / f".{name}{MANIFEST}{PART}"
            with open(part, "wb", opener=_private) as file:
                file.write(text)
                _into_place(file, part, self._root / (name + MANIFEST))

    def load_manifest(self, name: str) -> bytes | None:
        try:
            with self._translated():
                return (self._root / (name + MANIFEST)).read_bytes()
        except FileNotFoundError:
            return None

    def reading(self, name: str) -> Iterator[bytes] | None:
        try:
            file = (self._root / (name + DUMP)).open("rb")
        except FileNotFoundError:
            return None
        return _pieces(file)

    def _sweep(self) -> None:
        """What was left by a backup that was killed; one that is under way holds a lock."""
        for part in self._root.glob(f".holdfast-*{PART}"):
            with part.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                part.unlink(missing_ok=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as fault:
            remedy = "Give --folder one that you may write, or change its owner."
            raise errors.NoPermission(folder=self._root, remedy=remedy) from fault
        except OSError as fault:
            if fault.errno in (28, 122):
                raise errors.DiskFull(folder=self._root) from fault
            raise


class _File:
    def __init__(self, file: BinaryIO, part: Path, target: Path) -> None:
        self._file = file
        self._part = part
        self._target = target

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def finish(self) -> None:
        _into_place(self._file, self._part, self._target)


def _into_place(file: BinaryIO, part: Path, target: Path) -> None:
    """Synced, renamed, and the rename synced: from here on it is there after a power cut too."""
    file.flush()
    os.fsync(file.fileno())
    part.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(READ_BYTES):
            yield piece
