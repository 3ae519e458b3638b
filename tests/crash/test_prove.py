"""A slice of `make prove`, and the proof that it would notice: wrong engines must be found out.

It runs as a process of its own, as a person runs it: a process that has threads, as a test worker has, must not fork.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.local import processes
from tests.crash.__main__ import numbered
from tests.crash.judging import Verdict
from tests.crash.points import Point
from tests.crash.report import Report
from tests.venue import ROOT

SECONDS_MAX = 220
LIFE_SECONDS_MAX = 30
# Ignores what a worker is asked to end with, as one that hangs does. Nobody waits for its minute of grace here.
DEAF_WORKER = """
import os, signal, sys
from pathlib import Path
from tests.crash.children import fork
from tests.venue import start_simulator

def work():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start_simulator(Path(sys.argv[1]), clock="manual")
    os.write(told, b"a simulator runs")
    signal.pause()

heard, told = os.pipe()
worker = fork(work, Path("/dev/stderr"), is_leader=True)
print(os.read(heard, 100).decode(), flush=True)
worker.signal(signal.SIGINT)
worker.kill()
"""
# Points of the slice whose order can never be proved: it must be seen as UNKNOWN.
BLIND = 2


def prove(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, float], str]:
    """Its exit code, its sums, and what it said."""
    sums = tmp_path / "sums.json"
    command = [sys.executable, "-m", "tests.crash", "--json", str(sums), *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    return ended.returncode, json.loads(sums.read_text()), ended.stdout + ended.stderr


@pytest.mark.timeout(SECONDS_MAX + 20)
def test_slice__loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    code, sums, said = prove(tmp_path, "--slice", "--seed", "1")
    assert code == 0, said
    assert sums["points"] >= 75
    assert sums["orders"] > 3 * 75
    counted = {name: sums[name] for name in ("lost", "duplicated", "stale")}
    assert counted == dict.fromkeys(counted, 0), said
    assert sums["unresolved"] == BLIND, said


@pytest.mark.parametrize(
    ("mutant", "found"), [("resend-blindly", "duplicated"), ("silence-is-failure", "lost")]
)
def test_harness__finds_out_an_engine_that_is_wrong(tmp_path: Path, mutant: str, found: str) -> None:
    code, sums, said = prove(
        tmp_path, "--point", "answer/spot/drop_after:take:filled:stay", "--mutant", mutant
    )
    assert code == 1, said
    assert sums[found] > 0, said


def test_point__by_its_number_is_the_one_of_the_seeds_order() -> None:
    points = [Point("life", "spot", f"engine/loop.py:{line}#1") for line in range(3)]
    assert numbered(points, "1") == points[:1]
    assert numbered(points, "3") == points[2:]
    for number in ("0", "4"):
        with pytest.raises(SystemExit, match="1 to 3"):
            numbered(points, number)


def simulators(folder: Path) -> list[str]:
    """The command lines of those whose books are in this folder."""
    listed = subprocess.run(["ps", "-axww", "-o", "command="], capture_output=True, text=True, check=True)
    lines = listed.stdout.splitlines()
    return [line for line in lines if "runtime.simulator" in line and str(folder) in line]


def test_proof__that_is_killed_leaves_no_simulator_running(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash", "--point", "answer/spot/nul:rest:none:stay"]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    proof = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
    try:
        assert processes.wait_until(lambda: bool(simulators(tmp_path)), seconds_max=LIFE_SECONDS_MAX)
    finally:
        proof.kill()
        proof.wait()
    assert processes.wait_until(lambda: not simulators(tmp_path), seconds_max=LIFE_SECONDS_MAX)


def test_worker__that_does_not_answer_is_killed_with_its_simulator(tmp_path: Path) -> None:
    """`--seconds` interrupts the workers; one that did not hear it was killed, and its simulator ran on."""
    ended = subprocess.run(
        [sys.executable, "-c", DEAF_WORKER, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIFE_SECONDS_MAX,
        check=False,
    )
    assert ended.stdout == "a simulator runs\n", ended.stderr
    assert processes.wait_until(lambda: not simulators(tmp_path), seconds_max=LIFE_SECONDS_MAX)


def test_report__names_the_point_that_failed_and_how_to_run_it_again() -> None:
    report = Report(seed=5)
    report.add(Point("life", "spot", "engine/loop.py:1#1"), Verdict(orders=1, processes=2))
    report.add(Point("answer", "linear", "nul:rest:part:cut"), Verdict(lost=1, faults=["gone"]))
    said = report.text()
    assert "BAD answer/linear/nul:rest:part:cut: gone" in said
    assert "make prove SEED=5 POINT='answer/linear/nul:rest:part:cut'" in said
    assert report.total.runs == 2
    assert report.total.lost == 1
