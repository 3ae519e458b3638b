"""Every way in which a backup that was whole stops being one, with the error that must name it."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.backups.conftest import only, rewrite

Spoil = Callable[[Path], None]


def truncated(folder: Path) -> None:
    dump = only(folder, ".dump")
    rewrite(dump, dump.read_bytes()[:-1000])


def emptied(folder: Path) -> None:
    rewrite(only(folder, ".dump"), b"")


def flipped(folder: Path) -> None:
    dump = only(folder, ".dump")
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    rewrite(dump, bytes(content))


def flipped_at_the_end(folder: Path) -> None:
    dump = only(folder, ".dump")
    content = bytearray(dump.read_bytes())
    content[-1] ^= 1
    rewrite(dump, bytes(content))


def lengthened(folder: Path) -> None:
    dump = only(folder, ".dump")
    rewrite(dump, dump.read_bytes() + b"more")


def without_dump(folder: Path) -> None:
    only(folder, ".dump").unlink()


def without_manifest(folder: Path) -> None:
    only(folder, ".json").unlink()


def with_another_manifest(folder: Path) -> None:
    told(folder, name="holdfast-20250101T000000Z-00000000")


def with_half_a_manifest(folder: Path) -> None:
    manifest = only(folder, ".json")
    rewrite(manifest, manifest.read_bytes()[:100])


def of_a_later_format(folder: Path) -> None:
    told(folder, format=2)


def told(folder: Path, **changes: object) -> None:
    """The manifest, with these fields changed."""
    manifest = only(folder, ".json")
    rewrite(manifest, json.dumps({**json.loads(manifest.read_bytes()), **changes}).encode())


WAYS: dict[Spoil, tuple[str, int]] = {
    truncated: ("BackupTruncated", 33),
    emptied: ("BackupTruncated", 33),
    flipped: ("BackupAltered", 34),
    flipped_at_the_end: ("BackupAltered", 34),
    lengthened: ("BackupAltered", 34),
    without_dump: ("BackupLost", 32),
    without_manifest: ("BackupUnfinished", 31),
    with_another_manifest: ("BackupMixedUp", 35),
    with_half_a_manifest: ("BackupUnreadable", 36),
    of_a_later_format: ("BackupUnreadable", 36),
}
