"""The lease: one writer, a rising epoch, the database's clock, and a local deadline that is always the earlier one."""

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from runtime import errors
from runtime.engine import lease as leasing
from runtime.store import leases
from runtime.store.leases import Holder
from runtime.store.pool import Fence, Store
from tests.database import Database
from tests.store.desks import Names


@pytest.fixture
def store(database: Database, names: Names):
    with Store(database.secret("holdfast_bot"), names.tenant) as store:
        yield store


def _acquire(store: Store, names: Names, seconds: float = 30.0) -> leasing.Lease:
    return leasing.acquire(store, names.account_id, "main", seconds)


def _load(store: Store, names: Names) -> leases.Lease:
    with store.single("look at the lease") as tx:
        found = leases.load_lease(tx, names.account_id)
    assert found is not None
    return found


def _claim(store: Store, names: Names, holder: Holder, seconds: float = 30.0) -> int | None:
    with store.single("take the first lease") as tx:
        return leases.acquire_first(tx, names.account_id, holder, seconds)


def _elsewhere(**changes: Any) -> Holder:
    return replace(leasing.this_process(), host="another-machine", **changes)


def test_acquire__the_first_epoch_is_one_and_says_who(store: Store, names: Names) -> None:
    held = _acquire(store, names)
    found = _load(store, names)
    assert (held.fence.epoch, found.epoch, found.released, found.holder.pid) == (1, 1, False, os.getpid())
    assert found.ready_at is None
    held.record_ready()
    assert _load(store, names).ready_at is not None


def test_acquire__a_holder_that_may_live_is_left_alone(store: Store, names: Names) -> None:
    _claim(store, names, _elsewhere(pid=4))
    with pytest.raises(errors.LeaseHeld) as refusal:
        _acquire(store, names)
    assert "another-machine" in str(refusal.value)
    assert _load(store, names).epoch == 1


def test_acquire__our_own_living_process_is_left_alone_too(store: Store, names: Names) -> None:
    _acquire(store, names)
    with pytest.raises(errors.LeaseHeld):
        _acquire(store, names)


def test_acquire__a_dead_holder_of_this_host_is_replaced_at_once(store: Store, names: Names) -> None:
    """The pid lives, but it is another process: it began at another time."""
    _claim(store, names, replace(leasing.this_process(), process_started="1"))
    assert _acquire(store, names).fence.epoch == 2


def test_acquire__a_dead_pid_of_another_boot_proves_nothing(store: Store, names: Names) -> None:
    _claim(store, names, replace(leasing.this_process(), boot="another boot", process_started="1"))
    with pytest.raises(errors.LeaseHeld):
        _acquire(store, names)


def test_acquire__a_lease_that_ran_out_is_taken_over(store: Store, names: Names, database: Database) -> None:
    _claim(store, names, _elsewhere())
    database.rows("update leases set expires_at = clock_timestamp() - interval '1 millisecond'")
    assert _acquire(store, names).fence.epoch == 2


def test_release__the_next_one_need_not_wait(store: Store, names: Names) -> None:
    _acquire(store, names).release()
    assert _load(store, names).released
    second = _acquire(store, names)
    assert second.fence.epoch == 2
    found = _load(store, names)
    assert not found.released
    assert found.seconds_left > 0


def test_acquire__of_many_at_once_one_gets_each_epoch(database: Database, names: Names) -> None:
    for expected in (1, 2):
        won, lost = list[int](), list[Exception]()
        barrier = threading.Barrier(6)

        def race(won: list[int], lost: list[Exception], barrier: threading.Barrier) -> None:
            with Store(database.secret("holdfast_bot"), names.tenant, pool_max=1) as store:
                barrier.wait(10)
                try:
                    won.append(_acquire(store, names).fence.epoch)
                except errors.LeaseHeld as exc:
                    lost.append(exc)

        racers = [threading.Thread(target=race, args=(won, lost, barrier)) for _ in range(6)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(20)
        assert (won, len(lost)) == ([expected], 5)
        database.rows("update leases set expires_at = clock_timestamp() - interval '1 millisecond'")


def test_renew__is_longer_and_only_for_who_holds_it(store: Store, names: Names) -> None:
    held = _acquire(store, names, seconds=5.0)
    before = _load(store, names).expires_at
    held.renew()
    assert _load(store, names).expires_at > before
    with store.single("renew as somebody else") as tx:
        assert not leases.renew(tx, held.fence, uuid4(), 30)
    with store.single("renew another epoch") as tx:
        assert not leases.renew(tx, Fence(names.account_id, 2), _load_holder(store, names), 30)


def _load_holder(store: Store, names: Names):
    return _load(store, names).holder.holder


def test_renew__after_somebody_took_over_is_lease_lost(
    store: Store, names: Names, database: Database
) -> None:
    held = _acquire(store, names)
    database.rows("update leases set epoch = epoch + 1")
    with pytest.raises(errors.LeaseLost):
        held.renew()
    with pytest.raises(errors.LeaseLost):
        held.record_ready()
    held.release()
    assert not _load(store, names).released


def test_require__refuses_what_would_outlast_the_lease(store: Store, names: Names) -> None:
    held = _acquire(store, names, seconds=5.0)
    held.require(2.0)
    with pytest.raises(errors.LeaseLost):
        held.require(4.9)


def test_lease__the_local_deadline_is_the_earlier_one(store: Store, names: Names) -> None:
    held = _acquire(store, names, seconds=30.0)
    for _ in range(3):
        local_seconds_left = held.seconds_left
        assert local_seconds_left < _load(store, names).seconds_left
        held.renew()


def test_lease__an_epoch_never_goes_back(store: Store, names: Names, database: Database) -> None:
    _acquire(store, names).release()
    _acquire(store, names)
    with pytest.raises(Exception, match="may not follow"):
        database.rows("update leases set epoch = 1")


def test_load_lease__its_times_are_aware_and_utc(store: Store, names: Names) -> None:
    _acquire(store, names)
    assert _load(store, names).expires_at.utcoffset() == datetime.now(UTC).utcoffset()
