"""Starts other users of an embedded server as real processes, so that the tests can kill them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runtime.local import processes
from runtime.local.postgres import server_state

ROOT = Path(__file__).resolve().parents[2]

USER = """
import json, sys, time
from pathlib import Path
from runtime import errors
from runtime.local.postgres import Wishes, open_server
began = time.monotonic()
try:
    server = open_server(Path(sys.argv[1]), Wishes(**json.loads(sys.argv[2])))
except errors.BotError as exc:
    print(json.dumps({"error": type(exc).__name__, "text": str(exc)}), flush=True)
    sys.exit(exc.exit_code)
seconds = time.monotonic() - began
print(json.dumps({"url": server.url(), "pid": server.postmaster.pid, "seconds": seconds}), flush=True)
sys.stdin.read()
"""


class User:
    """A process that opens the server and keeps it until its stdin is closed."""

    def __init__(self, data_dir: Path, *, preexec: Callable[[], None] | None = None, **wishes: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir), json.dumps(wishes)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=preexec,
        )

    def told(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        assert isinstance(told, dict)
        return told

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        if self.process.poll() is None:
            self.process.wait(20)


@contextmanager
def using(data_dir: Path, **wishes: Any) -> Iterator[User]:
    user = User(data_dir, **wishes)
    try:
        yield user
    finally:
        user.end()


def is_quiet(data_dir: Path) -> bool:
    """No keeper, no server."""
    state = server_state(data_dir)
    return state.keeper_pid is None and state.server_pid is None


def wait_quiet(data_dir: Path, *, seconds_max: float = 20.0) -> float:
    """How long it took until nothing of it ran any more."""
    began = time.monotonic()
    assert processes.wait_until(lambda: is_quiet(data_dir), seconds_max=seconds_max), server_state(data_dir)
    return time.monotonic() - began


def kill(pid: int | None) -> None:
    """SIGKILL, and wait for the death: the signal is only a promise of it."""
    assert pid
    processes.send_signal(pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.is_alive(pid), seconds_max=20)
