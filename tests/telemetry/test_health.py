"""`python -m runtime.health` is 0 for a desk that ticks on this machine, and for nothing else."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from runtime.engine import pulse
from runtime.engine.clock import elapsed_seconds
from runtime.local import processes
from tests.engine.desk_process import enrol_ladder, environment, running
from tests.engine.rig import ACCOUNT, USER, Rig
from tests.venue import ROOT

HEALTH = (sys.executable, "-m", "runtime.health")


def ask(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    told = {"HOLDFAST_USER": USER, "HOLDFAST_ACCOUNT": ACCOUNT, "HOLDFAST_HEALTH_DIR": str(folder)}
    return subprocess.run(
        HEALTH, cwd=ROOT, env=environment(**{**told, **changes}), capture_output=True, text=True, timeout=30
    )


def test_health__follows_a_desk_from_start_to_end(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    folder = tmp_path / "pulses"
    before = ask(folder)
    assert (before.returncode, before.stderr) == (4, "")
    assert "no desk has completed a tick here" in before.stdout
    with running(tmp_path / "desk", bare, HOLDFAST_HEALTH_DIR=str(folder)) as desk:
        assert processes.wait_until(lambda: ask(folder).returncode == 0, seconds_max=40)
        assert ask(folder).stdout == f"{ACCOUNT}: healthy\n"
        assert ask(folder, HOLDFAST_ACCOUNT="other").returncode == 4
        desk.kill()
        killed = ask(folder)
        assert (killed.returncode, killed.stdout) == (4, f"{ACCOUNT}: the desk that ticked here is gone\n")


def test_health__of_a_desk_that_left_in_good_order_is_not_taken_for_life(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    folder = tmp_path / "pulses"
    with running(tmp_path / "desk", bare, HOLDFAST_HEALTH_DIR=str(folder)) as desk:
        assert processes.wait_until(lambda: folder.exists() and any(folder.iterdir()), seconds_max=40)
        desk.process.terminate()
        assert desk.await_end() == 0
    assert list(folder.iterdir()) == []


def beat(path: Path, **changes: object) -> Path:
    now = elapsed_seconds()
    told: Mapping[str, object] = {"pid": os.getpid(), "ticked_at": now, "lease_until": now + 20, **changes}
    path.write_text(json.dumps(told), encoding="ascii")
    return path


@pytest.mark.parametrize(
    ("age_seconds", "lease_seconds", "complaint"),
    [
        (0, 20, None),
        (59, 20, None),
        (61, 20, "the last complete tick is 61 s old"),
        (-5, 20, "the last complete tick is -5 s old"),  # written before the machine was started again
        (10, -3, "its lease ran out 3 s ago"),
    ],
)
def test_fault__is_the_age_of_the_tick_or_the_end_of_the_lease(
    tmp_path: Path, age_seconds: int, lease_seconds: int, complaint: str | None
) -> None:
    now = elapsed_seconds()
    path = beat(tmp_path / "pulse", ticked_at=now - age_seconds, lease_until=now + lease_seconds)
    found = pulse.fault_of(path, 60)
    assert (found is None) if complaint is None else (found is not None and found.startswith(complaint))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": "x", "ticked_at": 1, "lease_until": 2}', "7"])
def test_fault__of_a_spoilt_pulse_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pulse"
    path.write_text(text, encoding="ascii")
    assert pulse.fault_of(path, 60) == "the pulse cannot be read"


def test_pulse__that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    beating = pulse.Pulse(tmp_path / "file" / "pulse", 30)
    beating.beat(10)
    beating.end()
    assert caplog.messages[0] == "the pulse cannot be written"


def test_pulse__that_was_tidied_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "pulses" / "one"
    beating = pulse.Pulse(path, 30)
    for _ in range(3):
        beating._due_at_monotonic = 0
        beating.beat(10)
        assert pulse.fault_of(path, 60) is None
        path.unlink()
    beating.end()
    assert not path.exists()


def test_pulse__of_accounts_with_odd_names_stays_in_its_folder(tmp_path: Path) -> None:
    odd = pulse.path_in(tmp_path, "../..", "a/b")
    assert odd.parent == tmp_path
    assert odd != pulse.path_in(tmp_path, "../..", "a-b")


def test_health__loads_neither_a_venues_client_nor_a_driver(tmp_path: Path) -> None:
    path = pulse.path_in(tmp_path, USER, ACCOUNT)
    beat(path, lease_until=elapsed_seconds() + 600)
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, runtime.health; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {"ccxt", "psycopg", "prometheus_client", "alembic", "botocore", "rich"} & set(loaded)
    took_seconds = []
    for _ in range(5):
        began_at = time.perf_counter()
        assert ask(tmp_path).returncode == 0
        took_seconds.append(time.perf_counter() - began_at)
    print(f"health: {min(took_seconds):.3f} s, slowest {max(took_seconds):.3f} s")
