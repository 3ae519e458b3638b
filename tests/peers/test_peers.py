"""Another opinion on drawdown, volatility, Sharpe and Sortino, on curves of real prices."""

import os
import subprocess

import pytest

from tests.house.sources import ROOT

INTERPRETER = ROOT / ".venv-peers" / "bin" / "python"


@pytest.fixture
def environ() -> dict[str, str]:
    if not INTERPRETER.exists():
        pytest.skip("LEFT OUT: no .venv-peers on this machine (make setup)")
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _compare(environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(INTERPRETER), *options]
    return subprocess.run(
        command, cwd=ROOT, env=environ, text=True, capture_output=True, timeout=110, check=False
    )


def test_figures__of_a_curve_are_those_of_empyrical(environ: dict[str, str]) -> None:
    done = _compare(environ, "-m", "tests.peers")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 24, "three prices, two curves of each, four figures"


def test_figures__a_day_of_252_in_a_year_is_found_out(environ: dict[str, str]) -> None:
    spoiled = (
        "import sys; from runtime.domain import performance; performance.DAYS_OF_YEAR = 252;"
        " from tests.peers import __main__ as peers; sys.exit(peers.main())"
    )
    done = _compare(environ, "-c", spoiled)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("DIFFERS") >= 6
