"""Where a run is struck: a line of ours, named by its file, its number and how often it had been reached.

The tracer sees the main thread only; nothing of ours runs in any other.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import runtime

ROOT = str(Path(runtime.__file__).parent) + "/"
ROOMS = tuple(f"{ROOT}{room}/" for room in ("engine", "store", "exchanges", "spool"))


@dataclass(frozen=True, slots=True)
class Point:
    """One run of the suite: what is done, on which kind of market, and where it is struck."""

    suite: str
    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.suite}/{self.kind}/{self.place}"


def nothing() -> None:
    return


# Where a message leaves or is awaited, in the two drivers.
TALKING = {("http/client.py", "_send_output"), ("psycopg/connection.py", "wait")}
# How many of a line's passings are struck: the first one of all, of each turn of the loop, between each two messages,
# or every single one.
DEPTHS = ("line", "turn", "message", "every")


@dataclass(slots=True)
class Tracer:
    """Counts each line of these rooms before it is executed, and strikes at the one that was named.

    Without a name it takes notes of what could be struck, in the depth that is asked for. Within an interval a line
    that is passed again is a loop over things in memory: the world outside has not changed meanwhile.
    """

    place: str = ""
    strike: Callable[[], object] = nothing
    depth: str = "every"
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    noted: list[str] = field(default_factory=list)
    _ours: dict[CodeType, bool] = field(default_factory=dict)
    _passed: set[tuple[str, int]] = field(default_factory=set)
    _target: tuple[str, int, int] = ("", 0, 0)

    def start(self) -> None:
        if self.place:
            where, _, nth = self.place.partition("#")
            file, _, line = where.rpartition(":")
            self._target = (ROOT + file, int(line), int(nth))
        sys.settrace(self._enter)

    def stop(self) -> None:
        sys.settrace(None)

    def forget(self) -> None:
        """What was passed until now is not to be struck."""
        self.noted.clear()
        self._passed.clear()

    def note_turn(self) -> None:
        """The loop has come round."""
        if self.depth != "line":
            self._passed.clear()

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        ours = self._ours.get(code)
        if ours is None:
            ours = self._ours[code] = code.co_filename.startswith(ROOMS)
        if ours:
            return self._line
        if (
            self.depth == "message"
            and ("/".join(code.co_filename.rsplit("/", 2)[1:]), code.co_name) in TALKING
        ):
            self._passed.clear()
        return None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            here = (frame.f_code.co_filename, frame.f_lineno)
            self.seen[here] += 1
            if self.place:
                if (*here, self.seen[here]) == self._target:
                    self.strike()
            elif self.depth == "every" or here not in self._passed:
                self._passed.add(here)
                self.noted.append(f"{here[0].removeprefix(ROOT)}:{here[1]}#{self.seen[here]}")
        return self._line


class Untraced(Tracer):
    """For a run that is not struck at a line: it costs nothing."""

    def start(self) -> None:
        return
