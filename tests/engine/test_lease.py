"""One writer for an account: who may take the lease over, and what a process without it can still do. Nothing."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime import errors
from runtime.domain.decision import Decision, Memory, View
from runtime.domain.order import Side, Status
from runtime.engine import lease
from runtime.local import processes
from tests.engine.desk_process import DeskProcess, enrol_ladder, running
from tests.engine.rig import Rig, limit, proposes

RESTS = limit("rests", Side.BUY, "0.02", "45000")
SECOND = limit("second", Side.BUY, "0.02", "44000")
TAKE_OVER = "update leases set epoch = epoch + 1, holder = gen_random_uuid()"


class Desks:
    """Desk processes of one test, each with a folder of its own."""

    def __init__(self, folder: Path, rig: Rig, stack: ExitStack) -> None:
        self._folder, self._rig, self._stack, self._count = folder, rig, stack, 0

    def start(self, **settings: str) -> DeskProcess:
        self._count += 1
        return self._stack.enter_context(running(self._folder / f"desk-{self._count}", self._rig, **settings))


@pytest.fixture
def desks(bare: Rig, tmp_path: Path) -> Iterator[Desks]:
    enrol_ladder(bare.database)
    with ExitStack() as stack:
        yield Desks(tmp_path, bare, stack)


def test_lease__a_second_desk_on_the_account_is_refused(rig: Rig) -> None:
    with pytest.raises(errors.LeaseHeld) as refusal:
        rig.build()
    assert f"process {lease.this_process().pid}" in str(refusal.value)
    assert refusal.value.exit_code == 12


def test_lease__that_was_released_is_taken_at_once_with_a_higher_epoch(rig: Rig) -> None:
    first = rig.desk.fence.epoch
    rig.desk.lease.release()
    rig.leave()
    rig.start()
    assert rig.desk.fence.epoch == first + 1


@pytest.mark.parametrize("column", ["host", "boot"])
def test_lease__of_another_machine_or_boot_must_run_out_even_if_its_pid_is_dead_here(
    rig: Rig, column: str
) -> None:
    rig.database.rows(f"update leases set {column} = 'elsewhere', pid = 999999")
    with pytest.raises(errors.LeaseHeld):
        rig.build()
    rig.database.rows("update leases set expires_at = clock_timestamp() - interval '1 second'")
    rig.leave()
    rig.start()


def test_lease__of_a_reused_pid_is_known_to_be_dead(rig: Rig) -> None:
    rig.database.rows("update leases set process_started = '12345'")
    rig.leave()
    rig.start()
    assert rig.desk.fence.epoch == 2


def test_write__with_a_stale_epoch_is_refused_and_changes_nothing(rig: Rig) -> None:
    rig.trade(RESTS)
    before = rig.database.rows("select * from order_events")
    rig.database.rows(TAKE_OVER)
    order = rig.desk.ledger.unsettled()[0]
    with pytest.raises(errors.LeaseLost):
        rig.desk.ledger.advance(order, Status.CANCELLED, rig.desk.exchange.now(), {})
    assert rig.database.rows("select * from order_events") == before
    assert rig.statuses() == ["submitted"]


def test_tick__that_loses_the_lease_before_it_writes_sends_nothing(rig: Rig) -> None:
    def loses_it(view: View, memory: Memory) -> Decision:
        rig.database.rows(TAKE_OVER)
        return Decision((RESTS,))

    rig.plays["one"] = loses_it
    with pytest.raises(errors.LeaseLost):
        rig.tick()
    assert (rig.sends(), rig.orders()) == (0, [])


def test_send__waits_for_a_longer_lease_when_too_little_of_it_is_left(bare: Rig) -> None:
    bare.pace = replace(bare.pace, lease_seconds=3)
    bare.enrol().start()
    bare.plays["one"] = _after_most_of_the_lease(bare)
    [(before,)] = bare.database.rows("select expires_at from leases")
    bare.tick()
    [(after,)] = bare.database.rows("select expires_at from leases")
    assert after > before
    assert bare.statuses() == ["submitted"]


def test_send__does_not_happen_when_the_lease_runs_out_and_is_taken_meanwhile(bare: Rig) -> None:
    bare.pace = replace(bare.pace, lease_seconds=3)
    bare.enrol().start()
    bare.plays["one"] = proposes(RESTS)

    def outlives_the_lease() -> bool:
        assert processes.wait_until(lambda: bare.desk.lease.seconds_left < 1, seconds_max=10)
        bare.database.rows(TAKE_OVER)
        return False

    bare.desk.stopping = outlives_the_lease
    with pytest.raises(errors.LeaseLost):
        bare.tick()
    assert (bare.sends(), bare.statuses()) == (0, ["pending"])


def _after_most_of_the_lease(rig: Rig) -> Any:
    def play(view: View, memory: Memory) -> Decision:
        assert processes.wait_until(lambda: rig.desk.lease.seconds_left < 1, seconds_max=10)
        return Decision((RESTS,))

    return play


def test_desk__that_was_killed_is_replaced_at_once(bare: Rig, desks: Desks) -> None:
    first = desks.start(HOLDFAST_LEASE_SECONDS="600")
    first.await_event("recovered")
    first.kill()
    second = desks.start()
    assert second.await_event("lease acquired")["epoch"] == 2
    second.await_event("recovered")


def test_desk__beside_a_living_one_leaves_with_a_sentence(bare: Rig, desks: Desks) -> None:
    first = desks.start()
    first.await_event("recovered")
    second = desks.start()
    assert second.await_end() == 12
    assert second.complaint.startswith(
        f"LeaseHeld: Account desk is being traded by process {first.process.pid}"
    )
    assert second.complaint.count("\n") == 1
    assert first.process.poll() is None


def test_desk__that_was_frozen_before_it_sent_is_replaced_after_expiry_and_sends_nothing(
    bare: Rig, desks: Desks
) -> None:
    bare.fault("accept_then_timeout", route="tickers", hold_seconds=60)
    zombie = desks.start(HOLDFAST_REQUEST_TIMEOUT_SECONDS="1", HOLDFAST_LEASE_SECONDS="2")
    assert processes.wait_until(lambda: bare.requests("tickers") == 1, seconds_max=40)
    zombie.send(signal.SIGSTOP)
    bare.database.rows("update leases set expires_at = clock_timestamp() + interval '1 minute'")
    assert desks.start().await_end() == 12
    bare.database.rows("update leases set expires_at = clock_timestamp()")
    heir = desks.start()
    heir.await_event("recovered")
    assert processes.wait_until(lambda: bare.sends() == 3, seconds_max=40)
    bare.venue.control("release", {})
    zombie.send(signal.SIGCONT)
    assert zombie.await_end() == 12
    assert zombie.complaint.startswith("LeaseLost: ")
    assert bare.sends() == len(bare.at_venue()) == 3
    assert bare.database.rows("select distinct epoch from orders") == [
        (heir.events("lease acquired")[0]["epoch"],)
    ]


def _has_expired(rig: Rig) -> bool:
    return rig.database.rows("select expires_at < clock_timestamp() from leases") == [(True,)]


def test_desk__that_was_frozen_while_sending_cannot_write_what_came_back(bare: Rig, desks: Desks) -> None:
    bare.fault("accept_then_timeout", hold_seconds=60)
    zombie = desks.start(HOLDFAST_REQUEST_TIMEOUT_SECONDS="1", HOLDFAST_LEASE_SECONDS="2")
    assert processes.wait_until(lambda: bare.sends() == 1, seconds_max=40)
    zombie.send(signal.SIGSTOP)
    assert processes.wait_until(lambda: _has_expired(bare), seconds_max=10)
    heir = desks.start()
    heir.await_event("recovered")
    bare.venue.control("release", {})
    zombie.send(signal.SIGCONT)
    assert zombie.await_end() == 12
    assert zombie.complaint.startswith("LeaseLost: ")
    assert len({each["client_oid"] for each in bare.at_venue()}) == len(bare.at_venue()) == bare.sends()
    assert processes.wait_until(lambda: "pending" not in bare.statuses(), seconds_max=10)
    # Those that never left are in doubt, or proved absent where this machine was slow.
    assert sorted(each.replace("failed", "unknown") for each in bare.statuses()) == [
        "open",
        "unknown",
        "unknown",
    ]
    assert len(bare.at_venue()) == 1
    assert bare.differences() == []


def test_desk__keeps_its_lease_while_the_venue_is_away_and_goes_on_afterwards(
    bare: Rig, desks: Desks
) -> None:
    desk = desks.start(HOLDFAST_LEASE_SECONDS="2", HOLDFAST_REQUEST_TIMEOUT_SECONDS="1")
    assert processes.wait_until(lambda: bare.statuses() == ["open"] * 3, seconds_max=40)
    bare.fault("http_5xx_refused", route="*", times=-1)
    desk.await_event("tick postponed")
    [(ends_at,)] = bare.database.rows("select expires_at from leases")
    renewed = "select expires_at > %s + interval '3 seconds' from leases"
    assert processes.wait_until(
        lambda: bare.database.rows(renewed, (ends_at,)) == [(True,)], seconds_max=20, poll_seconds=0.1
    )
    bare.venue.control("faults", method="DELETE")
    ticks = bare.bot("ladder")["ticks"]
    assert processes.wait_until(lambda: bare.bot("ladder")["ticks"] > ticks, seconds_max=20, poll_seconds=0.1)
    assert (bare.sends(), desk.complaint) == (3, "")
    assert [each["epoch"] for each in desk.events("lease acquired")] == [1]
