"""Real processes, forked from one that has imported everything, each writing its log into a file of its own.

None outlives the process that forked it: Linux sees to that, and a worker is killed with all that it started.
"""

import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime import errors
from runtime.local import unprivileged

PATIENCE_SECONDS = 60.0
BROKEN = 99
HUNG = -1000


@dataclass(slots=True)
class Child:
    pid: int
    _alive: int  # the reading end of a pipe that only the child holds open for writing
    is_leader: bool = False  # of a process group: whatever it started is killed with it
    code: int | None = None  # as of subprocess: the exit code, or minus the signal

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Until it has ended; one that hangs is killed, and HUNG is said."""
        if self.code is None:
            ended = select.select([self._alive], [], [], seconds)[0]
            if not ended:
                self._kill()
            _, status = os.waitpid(self.pid, 0)
            os.close(self._alive)
            self.code = os.waitstatus_to_exitcode(status) if ended else HUNG
        return self.code

    def wait_stopped(self) -> bool:
        """Until it is stopped by a signal; False if it ended instead."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        os.close(self._alive)
        self.code = os.waitstatus_to_exitcode(status)
        return False

    def kill(self) -> None:
        """At once, stopped or not, unless it has ended already."""
        if self.code is None:
            self._kill()
            self.wait()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def _kill(self) -> None:
        if self.is_leader:
            os.killpg(self.pid, signal.SIGKILL)
        else:
            os.kill(self.pid, signal.SIGKILL)


def tied() -> Callable[[], None]:
    """What a child calls so that it ends with its parent. It is made in the parent, on its main thread."""
    return unprivileged.before_exec(unprivileged.Plain(), parent_death_signal=signal.SIGKILL)


def fork(work: Callable[[], int], log: Path, *, is_leader: bool = False) -> Child:
    reader, writer = os.pipe()
    sys.stdout.flush()
    tie = tied()
    pid = os.fork()
    if pid:
        os.close(writer)
        if is_leader:
            os.setpgid(pid, pid)  # whoever of the two comes first: it must hold before anybody acts on it
        return Child(pid, reader, is_leader)
    code = BROKEN
    try:
        tie()
        if is_leader:
            os.setpgid(0, 0)
        os.close(reader)
        sys.stdout = sys.stderr = log.open("a", encoding="utf-8", buffering=1)
        code = work()
    except errors.BotError as fault:
        code = fault.exit_code
        sys.stdout.write(f"left: {fault}\n")
    finally:
        if sys.exception() is not None:
            traceback.print_exc()
        sys.stdout.flush()
        # The parent's cleaning up is the parent's.
        os._exit(code)
