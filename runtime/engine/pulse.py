"""A desk's pulse: a small file that says when it last went all the way round, and until when its lease holds.

A tick ends with a commit, so a fresh pulse says at once that the state was loaded and that PostgreSQL answered.
Whoever asks for the desk's health reads this file and nothing else: that costs milliseconds, and no connection.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from runtime import logs
from runtime.engine.clock import elapsed_seconds

# Faster desks do not write more often than anybody looks.
_EVERY_SECONDS = 1


@dataclass(slots=True)
class Pulse:
    """`path` belongs to one desk of this machine; it should lie in memory or on a disk of this machine."""

    path: Path
    _due_at_monotonic: float = 0
    _writable: bool = field(default=True)

    def beat(self, lease_seconds_left: float) -> None:
        now = elapsed_seconds()
        if now < self._due_at_monotonic:
            return
        self._due_at_monotonic = now + _EVERY_SECONDS
        told = {"pid": os.getpid(), "ticked_at": now, "lease_until": now + lease_seconds_left}
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(told), encoding="ascii")
            aside.replace(self.path)
            self._writable = True
        except OSError as fault:
            # No reason to stop trading; whoever looks after the desk will call it unhealthy.
            if self._writable:
                logs.warning("the pulse cannot be written", path=str(self.path), error=type(fault).__name__)
            self._writable = False

    def end(self) -> None:
        """Nobody shall take a desk that left for one that lives."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as fault:
            logs.warning("the pulse cannot be removed", path=str(self.path), error=type(fault).__name__)


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
