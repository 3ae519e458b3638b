"""Puts a backup into a new database: under a name that says so until all of it is there and holds what was written.

It never writes over a database, and a restore that failed or was killed leaves none that looks like a whole one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from runtime import errors
from runtime.backups import checking, manifest, programs
from runtime.backups.manifest import Manifest
from runtime.backups.programs import Program, Running
from runtime.backups.progress import Progress, megabytes
from runtime.backups.shelf import Shelf

ARGUMENTS = ("--format=custom", "--no-password", "--exit-on-error")
UNDER_WAY = "__restoring"
NAME_MAX = 63 - len(UNDER_WAY)


class Server(Protocol):
    """A PostgreSQL server as its administrator knows it."""

    def exists(self, name: str) -> bool: ...

    def create(self, name: str) -> None: ...

    def drop(self, name: str) -> None: ...

    def rename(self, name: str, after: str) -> None: ...

    def prepare(self, name: str, roles: Sequence[str]) -> None:
        """Make the roles that a dump's grants name."""

    def environment(self, name: str) -> Mapping[str, str]: ...

    def measure(self, name: str) -> dict[str, Any]: ...

    def migrate(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup goes. `revisions` are the schema's that this program knows, oldest first."""

    server: Server
    database: str
    pg_restore: Program
    revisions: Sequence[str]


def restore(shelf: Shelf, made: Manifest, target: Target, progress: Progress) -> None:
    """The database, whole, compared with the manifest, and at this program's revision."""
    server, unfinished = target.server, target.database + UNDER_WAY
    _refuse(made, target)
    # One of that name was left by a restore that was killed: nothing in it is missed.
    server.drop(unfinished)
    server.create(unfinished)
    try:
        server.prepare(unfinished, made.roles)
        _fill(shelf, made, target, unfinished, progress)
        progress.done("comparing what was restored with the manifest")
        found = manifest.differences(made.contents, server.measure(unfinished))
        if found:
            raise errors.BackupDiffers(name=made.name, detail=manifest.sentence(found))
        if made.revision != target.revisions[-1]:
            progress.done(f"migrating from revision {made.revision} to {target.revisions[-1]}")
            server.migrate(unfinished)
        server.rename(unfinished, target.database)
    except BaseException:
        server.drop(unfinished)
        raise
    progress.done(f"{made.name} is restored into {target.database}")


def _refuse(made: Manifest, target: Target) -> None:
    if not 0 < len(target.database.encode()) <= NAME_MAX:
        fault = f"A database's name has 1 to {NAME_MAX} characters here."
        raise errors.BadInput(where="--into", detail="it names no database", remedy=fault)
    if made.revision not in target.revisions:
        raise errors.BackupTooNew(name=made.name, found=made.revision, newest=target.revisions[-1])
    if target.server.exists(target.database):
        raise errors.DatabaseExists(database=target.database)


def _fill(shelf: Shelf, made: Manifest, target: Target, database: str, progress: Progress) -> None:
    arguments = [*ARGUMENTS, f"--dbname={database}"]
    with programs.writing_to(target.pg_restore, arguments, target.server.environment(database)) as running:
        size, listens = 0, True
        # Read to its end even if pg_restore has given up: only then is it known whether the backup is to blame.
        for piece in checking.read(shelf, made):
            listens = listens and _hand_over(running, piece)
            size += len(piece)
            progress.tell(f"restored {megabytes(size)} of {megabytes(made.size)}")
        progress.tell("building indexes, checking keys")
        complaint = running.end()
    if complaint is not None:
        remedy = "The backup's bytes are those that were written; what was restored is dropped."
        raise errors.DumpFailed(program="pg_restore", detail=complaint, remedy=remedy)


def _hand_over(running: Running, piece: bytes) -> bool:
    try:
        running.pipe.write(piece)
    except BrokenPipeError:
        return False
    return True
