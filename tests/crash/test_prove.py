"""A slice of `make prove`, and the proof that it would notice: wrong engines must be found out.

It runs as a process of its own, as a person runs it: a process that has threads, as a test worker has, must not fork.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.judging import Verdict
from tests.crash.points import Point
from tests.crash.report import Report
from tests.venue import ROOT

SECONDS_MAX = 220
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


def test_report__names_the_point_that_failed_and_how_to_run_it_again() -> None:
    report = Report(seed=5)
    report.add(Point("life", "spot", "engine/loop.py:1#1"), Verdict(orders=1, processes=2))
    report.add(Point("answer", "linear", "nul:rest:part:cut"), Verdict(lost=1, faults=["gone"]))
    said = report.text()
    assert "BAD answer/linear/nul:rest:part:cut: gone" in said
    assert "make prove SEED=5 POINT='answer/linear/nul:rest:part:cut'" in said
    assert report.total.runs == 2
    assert report.total.lost == 1
