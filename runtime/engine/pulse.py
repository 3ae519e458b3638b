"""A desk's pulse: a small file that says when it last went all the way round, and until when its lease holds.

A tick ends with a commit, so a fresh pulse says at once that the state was loaded and that PostgreSQL answered.
Whoever asks for the desk's health reads this file and nothing else: that costs milliseconds, and no connection.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from runtime import logs
from runtime.engine.clock import elapsed_seconds

# Not more often than anybody looks, and often enough that a lease which was renewed is not taken for one that ran out.
_EVERY_SECONDS_MAX = 5
_BEATS_IN_A_LEASE = 6
_LENGTH = 128


@dataclass(slots=True)
class Pulse:
    """`path` belongs to one desk of this machine; it should lie in memory or on a disk of this machine."""

    path: Path
    lease_seconds: float
    _due_at_monotonic: float = 0
    _file: int | None = None
    _complained: bool = False

    def beat(self, lease_seconds_left: float) -> None:
        now = elapsed_seconds()
        if now < self._due_at_monotonic:
            return
        self._due_at_monotonic = now + min(_EVERY_SECONDS_MAX, self.lease_seconds / _BEATS_IN_A_LEASE)
        told = {"pid": os.getpid(), "ticked_at": now, "lease_until": now + lease_seconds_left}
        try:
            # One write over the one before, of the same length: a new file and its renaming take forty times as long.
            os.pwrite(self._opened(), json.dumps(told).ljust(_LENGTH).encode("ascii"), 0)
        except OSError as fault:
            # No reason to stop trading; whoever looks after the desk will call it unhealthy.
            if not self._complained:
                logs.warning("the pulse cannot be written", path=str(self.path), error=type(fault).__name__)
            self._complained = True

    def end(self) -> None:
        """Nobody shall take a desk that left for one that lives."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as fault:
            logs.warning("the pulse cannot be removed", path=str(self.path), error=type(fault).__name__)

    def _opened(self) -> int:
        """The file, made anew where somebody tidied it away."""
        if self._file is not None and os.fstat(self._file).st_nlink:
            return self._file
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        return self._file


def path_in(folder: Path, user: str, account: str) -> Path:
    """A name for every desk of this machine. Names of accounts may hold what a file's name may not."""
    return folder / quote(f"{user}-{account}", safe="")


def fault_of(path: Path, age_seconds_max: float) -> str | None:
    """Why the desk is not healthy, in a few words; None if it is."""
    try:
        told = json.loads(path.read_text(encoding="ascii"))
        pid, ticked_at_seconds, lease_seconds = (told[key] for key in ("pid", "ticked_at", "lease_until"))
        os.kill(pid, 0)
    except FileNotFoundError:
        return "no desk has completed a tick here"
    except ProcessLookupError:
        return "the desk that ticked here is gone"
    except PermissionError:
        pass  # it lives, as another user
    except (OSError, ValueError, TypeError, KeyError):
        return "the pulse cannot be read"
    now = elapsed_seconds()
    if not 0 <= now - ticked_at_seconds <= age_seconds_max:
        return f"the last complete tick is {now - ticked_at_seconds:.0f} s old, over {age_seconds_max:g}"
    if now >= lease_seconds:
        return f"its lease ran out {now - lease_seconds:.0f} s ago"
    return None
