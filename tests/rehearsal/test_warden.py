"""Nothing is left behind, however a rehearsal ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.rehearsal.simulation import INTERPRETER, ROOT
from tests.rehearsal.stage import wait_until

KILLED = """
import sys
sys.path.insert(0, {root!r})
from deploy.rehearsal.warden import Warden

warden = Warden()
child = warden.start(["/bin/sh", "-c", "sleep 1000 & echo $$ $!; wait"], stdout=sys.stdout)
child.wait()
"""
SIMULATED = """
import sys
sys.path.insert(0, {root!r})
from deploy.rehearsal.simulation import Simulation

with Simulation(keep=True) as simulation:
    print(simulation._process.pid, simulation.folder, flush=True)
    sys.stdin.read()
"""


def is_alive(pid: int) -> bool:
    """A process that has ended and was not waited for counts as gone: its parent is."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def test_kill__of_who_started_them_ends_children_and_grandchildren() -> None:
    rehearsal = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(root=str(ROOT))], stdout=subprocess.PIPE, text=True
    )
    assert rehearsal.stdout is not None
    children = [int(each) for each in rehearsal.stdout.readline().split()]
    assert all(is_alive(each) for each in children)
    rehearsal.send_signal(signal.SIGKILL)
    rehearsal.communicate()
    wait_until(lambda: not any(is_alive(each) for each in children), "the children are gone")


def test_kill__of_a_rehearsal_ends_its_simulation() -> None:
    if not INTERPRETER.exists():
        pytest.skip("LEFT OUT: no .venv-rehearsal on this machine (make setup)")
    rehearsal = subprocess.Popen(
        [sys.executable, "-c", SIMULATED.format(root=str(ROOT))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert rehearsal.stdout is not None
    pid, folder = rehearsal.stdout.readline().split()
    assert is_alive(int(pid))
    rehearsal.send_signal(signal.SIGKILL)
    rehearsal.communicate()
    wait_until(lambda: not is_alive(int(pid)), "the simulation is gone")
    subprocess.run(["rm", "-rf", folder], check=True)
