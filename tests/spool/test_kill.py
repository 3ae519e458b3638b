"""SIGKILL before every line that a spool runs, in the caller's thread and in its own: whatever was acknowledged comes
back, in order and as it was, and nothing else does."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from runtime.spool.spool import Spool
from tests.crash.children import fork
from tests.spool.spools import drained, fill, numbers_of, open_spool

ROOM = str(Path(sys.modules[Spool.__module__].__file__ or "").parent)
FIRST, MORE = range(30), range(30, 60)
# Several segments, so that rolling over and removing lie on the way.
WISHES = {"segment_bytes": 1024, "sync_seconds": 0.0005, "sync_records": 4}


class Line:
    """A file of lines that a killed process leaves: what was acknowledged, or what a database would hold."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, *words: object) -> None:
        os.write(self._fd, json.dumps(words).encode() + b"\n")


def lines(path: Path) -> list[list[Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def live(folder: Path) -> int:
    """Append, drain into a file, append more, drain all, leave: each acknowledged as it is done."""
    acknowledged, taken = Line(folder / "acknowledged"), Line(folder / "taken")

    def append(numbers: range) -> None:
        for number in numbers:
            fill(spool, [number])
            acknowledged.write(number)

    def take(batches: int) -> None:
        for _ in range(batches):
            batch = spool.drain(7)
            if batch is None:
                return
            for number, each in zip(numbers_of(batch.records), batch.records, strict=True):
                taken.write(batch.spool_id.hex, each.sequence, number)
            spool.confirm(batch.last)

    with open_spool(folder / "spool", **WISHES) as spool:
        append(FIRST)
        take(2)
        append(MORE)
        take(100)
    return 0


def at_line(wanted: int, act: Callable[[], None]) -> None:
    """Run `act` before the line of that number, whichever thread comes to it; the numbers begin now."""
    passed = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal passed
        if not frame.f_code.co_filename.startswith(ROOM):
            return None
        if event == "line":
            passed += 1
            if passed == wanted:
                act()
        return trace

    threading.settrace(trace)
    sys.settrace(trace)


def count_lines(folder: Path) -> int:
    """How many lines a whole life has, counted in a process of its own."""
    script = (
        "import sys, pathlib; from tests.spool import test_kill as t; t.tell_lines(pathlib.Path(sys.argv[1]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    return int(answer.stdout)


def tell_lines(folder: Path) -> None:
    passed = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal passed
        passed += event == "line"
        return trace if frame.f_code.co_filename.startswith(ROOM) else None

    threading.settrace(trace)
    sys.settrace(trace)
    live(folder)
    sys.settrace(None)
    print(passed)


def struck(folder: Path, line: int) -> int:
    folder.mkdir()

    def work() -> int:
        at_line(line, lambda: os.kill(os.getpid(), signal.SIGKILL))
        return live(folder)

    return fork(work, folder / "log").wait()


def judge(folder: Path) -> None:
    """The next process finds the rest. Twice counted is what has the same id and sequence, as PostgreSQL counts."""
    held = {(spool_id, sequence): number for spool_id, sequence, number in lines(folder / "taken")}
    with open_spool(folder / "spool", **WISHES) as spool:
        assert spool.damages == 0, "a killed process tears nothing"
        while batch := spool.drain(11):
            for number, each in zip(numbers_of(batch.records), batch.records, strict=True):
                assert held.setdefault((batch.spool_id.hex, each.sequence), number) == number
            spool.confirm(batch.last)
        fill(spool, [1000])
        assert numbers_of(list(drained(spool))) == [1000]
    found = list(held.values())
    assert sorted(found) == list(range(len(found))), "each once, and none is missing in between"
    # At most the one whose acknowledgement was cut off is there besides.
    assert len(lines(folder / "acknowledged")) <= len(found) <= len(lines(folder / "acknowledged")) + 1


@pytest.mark.timeout(600)
def test_kill_before_every_line__loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    whole = count_lines(tmp_path)
    assert whole > 1000
    # A life passes most lines many times: every line of the first append, roll and drain, then each 29th.
    places = [*range(1, 200), *range(200, whole, 29)]
    killed = 0
    for place in places:
        folder = tmp_path / str(place)
        code = struck(folder, place)
        assert code in (0, -signal.SIGKILL), (folder / "log").read_text()
        killed += code != 0
        judge(folder)
    assert killed > len(places) * 0.9, "the strokes fell"
