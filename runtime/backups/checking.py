"""Finds a backup and reads it back: which there are, which one is meant, and whether its bytes are those written."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from runtime import errors
from runtime.backups import manifest
from runtime.backups.manifest import Manifest
from runtime.backups.progress import Progress, megabytes
from runtime.backups.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list. `fault` says why it does not count, if it does not."""

    name: str
    made: Manifest | None
    fault: str


def load_all(shelf: Shelf) -> list[Listed]:
    return [_listed(shelf, name) for name in shelf.names()]


def _listed(shelf: Shelf, name: str) -> Listed:
    try:
        return Listed(name, load(shelf, name), "")
    except (errors.BackupUnfinished, errors.BackupUnreadable, errors.BackupMixedUp) as fault:
        return Listed(name, None, str(fault))


def load(shelf: Shelf, name: str) -> Manifest:
    text = shelf.load_manifest(name) if manifest.is_name(name) else None
    if text is not None:
        return manifest.parse(name, shelf.place, text)
    if name in shelf.names():
        raise errors.BackupUnfinished(name=name, place=shelf.place)
    raise errors.BackupMissing(wanted=f"{name:.80}", place=shelf.place)


def choose(shelf: Shelf, *, name: str | None = None, at: datetime | None = None) -> Manifest:
    """The one that is named, or the newest that counts, or the newest that counts and was taken by then."""
    if name is not None:
        return load(shelf, name)
    for each, is_finished in reversed(shelf.names().items()):
        if not is_finished:
            continue
        found = load(shelf, each)
        if at is None or found.taken_at <= at:
            return found
    wanted = "that was finished" if at is None else f"taken by {at.isoformat()}"
    raise errors.BackupMissing(wanted=wanted, place=shelf.place)


def read(shelf: Shelf, made: Manifest) -> Iterator[bytes]:
    """The dump; at its end it has been held against the manifest, and whoever stops before that knows nothing."""
    pieces = shelf.reading(made.name)
    if pieces is None:
        raise errors.BackupLost(name=made.name, place=shelf.place)
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        yield piece
    if size < made.size:
        raise errors.BackupTruncated(name=made.name, place=shelf.place, found=size, expected=made.size)
    if size > made.size:
        detail = f"it has {size} bytes, {made.size} were written"
        raise errors.BackupAltered(name=made.name, place=shelf.place, detail=detail)
    if digest.hexdigest() != made.sha256:
        raise errors.BackupAltered(name=made.name, place=shelf.place, detail="its SHA-256 is another")


def verify(shelf: Shelf, made: Manifest, progress: Progress) -> None:
    """Read every byte of it back."""
    size = 0
    for piece in read(shelf, made):
        size += len(piece)
        progress.tell(f"read {megabytes(size)} of {megabytes(made.size)}")
    progress.done(f"{made.name}: all {megabytes(size)} are what was written")
