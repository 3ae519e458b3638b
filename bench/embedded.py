"""The embedded server's own times: from nothing, from its files, and away again after its owner was killed."""

import shutil
import statistics
import tempfile
from pathlib import Path

from runtime.local.postgres import stop_server
from tests.local.processes_under_test import User, wait_quiet

ROUNDS = 5


def measure() -> dict[str, float]:
    """Median seconds until the first connection can be made (cold, warm), and from SIGKILL to nothing left running."""
    cold, warm, stop = [], [], []
    for _ in range(ROUNDS):
        folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
        try:
            cold.append(_opened_and_stopped(folder / "postgres"))
            warm.append(_opened_and_stopped(folder / "postgres"))
            stop.append(_killed(folder / "postgres"))
        finally:
            stop_server(folder / "postgres")
            shutil.rmtree(folder)
    return {name: statistics.median(each) for name, each in (("cold", cold), ("warm", warm), ("stop", stop))}


def _opened_and_stopped(data_dir: Path) -> float:
    user = User(data_dir)
    seconds = float(user.told()["seconds"])
    user.end()
    wait_quiet(data_dir)
    return seconds


def _killed(data_dir: Path) -> float:
    user = User(data_dir)
    user.told()
    user.kill()
    seconds = wait_quiet(data_dir)
    user.end()
    return seconds
