"""SIGTERM ends a desk in good order: nothing more is sent, the lease is given back, and the budget is kept."""

import signal
from pathlib import Path

import pytest

from runtime.local import processes
from tests.engine.desk_process import enrol_ladder, running
from tests.engine.rig import Rig


@pytest.fixture
def ladder(bare: Rig) -> Rig:
    enrol_ladder(bare.database)
    return bare


def _is_released(rig: Rig) -> bool:
    return rig.database.rows("select released_at is not null from leases") == [(True,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_desk__told_to_stop_leaves_with_0_and_gives_the_lease_back(
    ladder: Rig, tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path / "desk", ladder) as desk:
        rests = processes.wait_until(lambda: ladder.statuses() == ["open"] * 3, seconds_max=40)
        assert rests, (desk.complaint, desk.events())
        desk.send(number)
        assert desk.await_end() == 0
        assert desk.complaint == ""
        assert desk.events()[-1]["event"] == "stopped"
    assert _is_released(ladder)
    assert ladder.differences() == []


def test_desk__told_to_stop_in_the_middle_of_a_tick_sends_nothing_more(ladder: Rig, tmp_path: Path) -> None:
    ladder.fault("accept_then_timeout", hold_seconds=60)
    with running(
        tmp_path / "desk", ladder, HOLDFAST_REQUEST_TIMEOUT_SECONDS="20", HOLDFAST_LEASE_SECONDS="60"
    ) as desk:
        began = processes.wait_until(lambda: ladder.sends() == 1, seconds_max=40)
        assert began, (desk.complaint, desk.events())
        desk.send(signal.SIGTERM)
        ladder.venue.control("release", {})
        assert desk.await_end() == 0
    assert ladder.sends() == 1
    assert sorted(ladder.statuses()) == ["failed", "failed", "submitted"]
    assert _is_released(ladder)
    details = ladder.database.rows("select distinct detail from order_events where status_after = 'failed'")
    assert details == [('{"detail":"the desk was shutting down","proof":"never sent"}',)]


def test_desk__that_cannot_leave_within_its_budget_leaves_as_a_crash_would(
    ladder: Rig, tmp_path: Path
) -> None:
    ladder.fault("accept_then_timeout", hold_seconds=60)
    with running(
        tmp_path / "desk",
        ladder,
        HOLDFAST_REQUEST_TIMEOUT_SECONDS="30",
        HOLDFAST_LEASE_SECONDS="60",
        HOLDFAST_SHUTDOWN_SECONDS="1",
    ) as desk:
        began = processes.wait_until(lambda: ladder.sends() == 1, seconds_max=40)
        assert began, (desk.complaint, desk.events())
        desk.send(signal.SIGTERM)
        assert desk.await_end() == 21
        assert desk.complaint == (
            "ShutdownOverrun: Leaving in good order took longer than 1 seconds; we leave as a crash would, "
            "the next start recovers.\n"
        )
    assert ladder.statuses() == ["pending"] * 3
    ladder.venue.control("release", {})
    with running(tmp_path / "heir", ladder) as heir:
        assert heir.await_event("recovered")["pending"] == 3
        # Those that never left are in doubt, or proved absent where this machine was slow.
        doubted = [each.replace("failed", "unknown") for each in ladder.statuses()]
        assert sorted(doubted) == ["open", "unknown", "unknown"]
        assert len(ladder.at_venue()) == 1
