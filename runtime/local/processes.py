"""Facts about other processes: alive, zombie, command line, start time. It reads /proc (or asks `ps` where there is
none) and changes nothing; a pid is never trusted alone, because the kernel hands old ones out again."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")
POLL_SECONDS = 0.002


def is_alive(pid: int) -> bool:
    """A zombie counts as dead: it holds no file and answers nobody, yet `kill(pid, 0)` finds it."""
    if pid <= 0:
        return False
    if PROC.joinpath("self/stat").exists():
        fields = _stat_fields(pid)
        return bool(fields) and fields[0] not in ("Z", "X")
    state = _ask_ps(pid, "stat")
    return bool(state) and not state.startswith("Z")


def started_at(pid: int) -> str:
    """A mark that differs between two processes that bore the same pid; empty if there is no such process."""
    if PROC.joinpath("self/stat").exists():
        fields = _stat_fields(pid)
        return fields[19] if fields and fields[0] not in ("Z", "X") else ""
    return _ask_ps(pid, "lstart")


def command_line(pid: int) -> list[str]:
    if PROC.joinpath("self/stat").exists():
        try:
            raw = PROC.joinpath(str(pid), "cmdline").read_bytes()
        except OSError:
            return []
        return [part.decode(errors="replace") for part in raw.split(b"\0") if part]
    return _ask_ps(pid, "command").split(" ")


def wait_until(
    condition: Callable[[], bool], *, seconds_max: float, poll_seconds: float = POLL_SECONDS
) -> bool:
    """Ask until it is true; False when the time is over."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(poll_seconds)
    return True


def send_signal(pid: int, number: int) -> bool:
    """False if the process is gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _stat_fields(pid: int) -> list[str]:
    # The name stands in parentheses and may itself hold blanks and parentheses: read from the last one.
    try:
        text = PROC.joinpath(str(pid), "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _ask_ps(pid: int, column: str) -> str:
    answer = subprocess.run(
        ["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()
