"""Ends what a rehearsal has started, however the rehearsal itself ends: a process that outlives it by a moment.

Each child says its own number into a pipe before it becomes the program that was asked for. When the last writer of
that pipe is gone, by an orderly end or by kill -9, the warden ends every child that is left, with its whole group. This
file is also the script that both of them run, so it imports nothing but Python's own.
"""

import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# How long PostgreSQL may take to leave on SIGQUIT before it is killed like the others.
GRACE_SECONDS = 5.0
NOBODY_ELSE = "-"


class Warden:
    """Starts processes, each in a group of its own; `close` ends those that are left."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        command = [sys.executable, "-I", "-S", str(Path(__file__)), "watch", str(reading)]
        self._process = subprocess.Popen(
            command, pass_fds=(reading,), start_new_session=True, stdin=subprocess.DEVNULL
        )
        os.close(reading)

    def start(
        self,
        command: list[str],
        *,
        ending: signal.Signals = signal.SIGKILL,
        descriptors: tuple[int, ...] = (),
        user: str | None = None,
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """`ending` is what the process is sent when nobody is left to end it in order; root may name a `user`."""
        script = [sys.executable, "-I", "-S", str(Path(__file__))]
        entering = [*script, "enter", str(self._writing), ending.name, user or NOBODY_ELSE]
        return subprocess.Popen(
            [*entering, *command],
            pass_fds=(self._writing, *descriptors),
            start_new_session=True,
            **options,
        )

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """It has ended and was waited for: its number may belong to somebody else soon."""
        os.write(self._writing, f"- {process.pid}\n".encode())

    def close(self) -> None:
        os.close(self._writing)
        self._process.wait()


def end_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Sends the signal to the process and its children, if they are still there."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _watch(reading: int) -> None:
    """Until nobody is left who could start something."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    alive: dict[int, str] = {}
    with os.fdopen(reading) as lines:
        for line in lines:
            match line.split():
                case ["+", pid, ending]:
                    alive[int(pid)] = ending
                case ["-", pid]:
                    alive.pop(int(pid), None)
    gentle = {each for each, how in alive.items() if how != "SIGKILL" and _send(each, how)}
    deadline = time.monotonic() + GRACE_SECONDS
    while any(_send(each, None) for each in gentle) and time.monotonic() < deadline:
        time.sleep(0.05)
    for each in alive:
        _send(each, "SIGKILL")


def _send(pid: int, name: str | None) -> bool:
    """Whether there was a group to send it to; without a name nothing is sent."""
    try:
        os.killpg(pid, signal.Signals[name] if name else 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _enter(writing: int, ending: str, user: str, command: list[str]) -> None:
    os.write(writing, f"+ {os.getpid()} {ending}\n".encode())
    os.close(writing)
    if user != NOBODY_ELSE:
        # Here and not before this interpreter was started, which another user may not be able to read.
        found = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(found.pw_gid)
        os.setuid(found.pw_uid)
    # This interpreter was started without its environment's packages, which the program may want.
    os.execvp(command[0], command)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["watch", descriptor]:
            _watch(int(descriptor))
        case ["enter", descriptor, name, user, *words]:
            _enter(int(descriptor), name, user, words)
