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
ROOMS = tuple(f"{ROOT}{room}/" for room in ("engine", "store", "exchanges"))


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


@dataclass(slots=True)
class Tracer:
    """Counts each line of the three rooms before it is executed, and strikes at the one that was named."""

    place: str = ""
    strike: Callable[[], object] = nothing
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)
    _ours: dict[CodeType, bool] = field(default_factory=dict)
    _target: tuple[str, int, int] = ("", 0, 0)

    def start(self) -> None:
        if self.place:
            where, _, nth = self.place.partition("#")
            file, _, line = where.rpartition(":")
            self._target = (ROOT + file, int(line), int(nth))
        sys.settrace(self._enter)

    def stop(self) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        ours = self._ours.get(code)
        if ours is None:
            ours = self._ours[code] = code.co_filename.startswith(ROOMS)
        return self._line if ours else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            file, line = frame.f_code.co_filename, frame.f_lineno
            self.seen[file, line] += 1
            nth = self.seen[file, line]
            if self.place:
                if (file, line, nth) == self._target:
                    self.strike()
            else:
                self.order.append(f"{file.removeprefix(ROOT)}:{line}#{nth}")
        return self._line
