"""A slice of `make rehearse`, with the real deployer: up from nothing, trade, a migration that fails, down again."""

import io

import pytest

from deploy.rehearsal.narrator import Unmet
from deploy.rehearsal.simulation import INTERPRETER
from deploy.rehearsal.story import SHORT, rehearse


# Two minutes on a machine that has nothing else to do; the deployer alone waits three times for late log lines.
@pytest.mark.timeout(900)
def test_short_story__every_expectation_is_met() -> None:
    if not INTERPRETER.exists():
        pytest.skip("LEFT OUT: no .venv-rehearsal on this machine (make setup)")
    told = io.StringIO()
    try:
        rehearse(SHORT, out=told)
    except Unmet as fault:
        pytest.fail(f"{fault}\n{told.getvalue()[-6000:]}")
    assert "lost 0, duplicated 0, unknown 0" in told.getvalue()
