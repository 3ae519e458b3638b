"""The roster: which supervisor runs on a data folder, and which children it started. It owns `supervisor.lock` and
`supervisor.json` there; a process is known by its pid and its start together, so that a reused pid is never ended."""

import fcntl
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime import errors
from runtime.local import processes
from runtime.local.folder import translated_errors, try_lock

LEFTOVER_SECONDS_MAX = 20.0
LOCK_SECONDS_MAX = 0.25


@dataclass(frozen=True, slots=True)
class Entry:
    """One process on the roster; `started` tells it from a later one with the same pid."""

    name: str
    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        return bool(self.started) and processes.started_at(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class Roster:
    supervisor: Entry
    children: tuple[Entry, ...]


def entry_of(name: str, pid: int) -> Entry:
    return Entry(name, pid, processes.started_at(pid))


def take_watch(data_dir: Path) -> int:
    """The right to supervise this folder, as a descriptor; the kernel gives it back when we die."""
    with translated_errors(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
        fd = os.open(_lock_path(data_dir), os.O_RDWR | os.O_CREAT, 0o600)
    # Who looks whether we run holds this lock for an instant: one refusal is no verdict.
    if processes.wait_until(lambda: try_lock(fd, fcntl.LOCK_EX), seconds_max=LOCK_SECONDS_MAX):
        return fd
    os.close(fd)
    found = read_roster(data_dir)
    raise errors.AlreadyRunning(folder=data_dir, pid=found.supervisor.pid if found else "unknown")


def is_watched(data_dir: Path) -> bool:
    """Whether a supervisor lives on this folder now."""
    try:
        fd = os.open(_lock_path(data_dir), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def write_roster(data_dir: Path, roster: Roster) -> None:
    """Whole or not at all: a reader never sees half a file."""
    path = _roster_path(data_dir)
    fresh = path.with_suffix(".new")
    with translated_errors(data_dir):
        fresh.write_text(json.dumps(asdict(roster), indent=1) + "\n")
        os.replace(fresh, path)


def read_roster(data_dir: Path) -> Roster | None:
    """What was written last, be it true still or not; None if there is nothing that can be read."""
    try:
        told = json.loads(_roster_path(data_dir).read_text())
        return Roster(Entry(**told["supervisor"]), tuple(Entry(**child) for child in told["children"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def end_leftovers(data_dir: Path, *, seconds_max: float = LEFTOVER_SECONDS_MAX) -> list[str]:
    """End what a killed supervisor's children have not ended themselves; their names. Only call it on an unwatched
    folder."""
    found = read_roster(data_dir)
    left = [child for child in found.children if child.is_alive] if found else []
    for child in left:
        processes.send_signal(child.pid, signal.SIGTERM)
    processes.wait_until(lambda: not any(child.is_alive for child in left), seconds_max=seconds_max)
    for child in left:
        if child.is_alive:
            processes.send_signal(child.pid, signal.SIGKILL)
    return [child.name for child in left]


def remove_roster(data_dir: Path) -> None:
    _roster_path(data_dir).unlink(missing_ok=True)


def _lock_path(data_dir: Path) -> Path:
    return data_dir / "supervisor.lock"


def _roster_path(data_dir: Path) -> Path:
    return data_dir / "supervisor.json"
