"""Takes a backup: pg_dump's bytes go through our hands onto a shelf, and what they stand for is counted meanwhile.

No disk in between, no lock that a desk would feel, and nothing counts before the manifest, which is put last.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Protocol

from runtime import errors
from runtime.backups import manifest, programs
from runtime.backups.manifest import Manifest
from runtime.backups.programs import Program
from runtime.backups.progress import Progress, megabytes
from runtime.backups.shelf import READ_BYTES, Shelf, Sink

# Policies let our backup's role see every row; whoever opens the snapshot has made sure of that before.
ARGUMENTS = ("--format=custom", "--no-password", "--enable-row-security", "--lock-wait-timeout=60s")


class Origin(Protocol):
    @property
    def database(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def major(self) -> int: ...

    @property
    def roles(self) -> tuple[str, ...]: ...


class Snapshot(Protocol):
    """One instant of the ledger, held open."""

    @property
    def name(self) -> str: ...

    @property
    def taken_at(self) -> datetime: ...

    @property
    def origin(self) -> Origin: ...

    def measure(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """What a dump is taken of: a snapshot, and the environment in which pg_dump finds the same database."""

    snapshot: Snapshot
    environment: Mapping[str, str]
    pg_dump: Program


def take(source: Source, shelf: Shelf, progress: Progress) -> Manifest:
    snapshot = source.snapshot
    name = manifest.make_name(snapshot.taken_at, secrets.token_hex(4))
    # Counted beside the dump: the server has nothing else to do while pg_dump compresses.
    with ThreadPoolExecutor(max_workers=1) as aside, shelf.writing(name) as sink:
        measured = aside.submit(snapshot.measure)
        size, sha256 = _stream(source, sink, lambda so_far: progress.tell(f"dumped {megabytes(so_far)}"))
        progress.tell("counting what the ledger held")
        contents = measured.result()
        sink.finish()
    made = Manifest(
        name=name,
        taken_at=snapshot.taken_at,
        finished_at=datetime.now(UTC),
        size=size,
        sha256=sha256,
        database=snapshot.origin.database,
        server_version=snapshot.origin.version,
        server_major=snapshot.origin.major,
        dumped_by=source.pg_dump.version,
        roles=snapshot.origin.roles,
        contents=contents,
    )
    shelf.put_manifest(name, manifest.render(made))
    progress.done(f"{name}: {megabytes(size)}, {made.orders:,} orders, in {shelf.place}")
    return made


def _stream(source: Source, sink: Sink, tell: Callable[[int], None]) -> tuple[int, str]:
    arguments = [*ARGUMENTS, f"--snapshot={source.snapshot.name}"]
    with programs.reading_from(source.pg_dump, arguments, source.environment) as running:
        size, sha256 = _copy(running.pipe, sink, tell)
        complaint = running.end()
    if complaint is not None:
        remedy = "Nothing was kept of it; what went wrong is the server's to say."
        raise errors.DumpFailed(program="pg_dump", detail=complaint, remedy=remedy)
    return size, sha256


def _copy(pipe: IO[bytes], sink: Sink, tell: Callable[[int], None]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while chunk := pipe.read(READ_BYTES):
        digest.update(chunk)
        sink.write(chunk)
        size += len(chunk)
        tell(size)
    return size, digest.hexdigest()
