"""The right to trade an account, held by one process at a time.

The database's clock decides who holds it; the local deadline, on a clock that also runs while the machine sleeps, is
always the earlier one. `require` is asked immediately before each request that changes something at the venue.
"""

import os
import socket
from pathlib import Path
from uuid import uuid4

from runtime import errors, logs
from runtime.domain.identity import AccountId
from runtime.engine.clock import elapsed_seconds
from runtime.store import leases
from runtime.store.leases import Holder
from runtime.store.pool import Fence, Store

# The local deadline is a tenth earlier than the database's: replies take time and clocks drift.
MARGIN_PART = 10
# Renewed when this much of ten is left.
RENEW_TENTHS_LEFT = 6
RELEASE_SECONDS = 1


class Lease:
    """Held from `acquire` to `release`."""

    def __init__(
        self, store: Store, fence: Fence, holder: Holder, lease_seconds: float, taken_at_monotonic: float
    ) -> None:
        self.fence = fence
        self._store = store
        self._holder = holder
        self._seconds = lease_seconds
        self._deadline = self._end_monotonic(taken_at_monotonic)

    @property
    def seconds_left(self) -> float:
        return self._deadline - elapsed_seconds()

    def renew_if_due(self) -> None:
        if self.seconds_left < self._seconds * RENEW_TENTHS_LEFT / 10:
            self.renew()

    def renew(self) -> None:
        asked_at = elapsed_seconds()
        with self._store.single("renew the lease") as tx:
            renewed = leases.renew(tx, self.fence, self._holder.holder, self._seconds)
        if not renewed:
            raise self._lost("another process took it over")
        self._deadline = self._end_monotonic(asked_at)

    def require(self, needed_seconds: float) -> None:
        """Make sure that the lease holds for so long from now on, or raise LeaseLost."""
        if self.seconds_left < needed_seconds:
            self.renew()
        if self.seconds_left < needed_seconds:
            raise self._lost(
                f"only {self.seconds_left:.1f} of {needed_seconds:.1f} seconds are left and it could not be prolonged"
            )

    def record_ready(self) -> None:
        with self._store.single("record that recovery is complete") as tx:
            if not leases.record_ready(tx, self.fence):
                raise self._lost("another process took it over")

    def release(self) -> None:
        """Whoever leaves does not wait long for that: an heir proves our end, or waits for the lease's."""
        with self._store.single("release the lease", wait_seconds=RELEASE_SECONDS) as tx:
            leases.release(tx, self.fence, self._holder.holder)
        logs.info("lease released", epoch=self.fence.epoch)

    def _end_monotonic(self, asked_at_monotonic: float) -> float:
        # From before the question was sent: the database began to count later than that.
        return asked_at_monotonic + self._seconds - self._seconds / MARGIN_PART

    def _lost(self, detail: str) -> errors.LeaseLost:
        return errors.LeaseLost(account=self.fence.account_id, epoch=self.fence.epoch, detail=detail)


def acquire(store: Store, account_id: AccountId, account_name: str, lease_seconds: float) -> Lease:
    """The lease, at once where the last holder is gone for sure; LeaseHeld where it may be alive."""
    holder = this_process()
    asked_at = elapsed_seconds()
    with store.single("look at the lease") as tx:
        found = leases.load_lease(tx, account_id)
    with store.single("acquire the lease") as tx:
        if found is None:
            epoch = leases.acquire_first(tx, account_id, holder, lease_seconds)
        else:
            dead = is_dead(found.holder)
            epoch = leases.acquire(
                tx, account_id, holder, lease_seconds, epoch=found.epoch, holder_is_dead=dead
            )
    if epoch is None:
        who = f"process {found.holder.pid} on {found.holder.host}" if found else "another process"
        until = found.expires_at.isoformat(timespec="seconds") if found else "later"
        raise errors.LeaseHeld(account=account_name, holder=who, until=until)
    logs.info("lease acquired", account=account_name, epoch=epoch, seconds=lease_seconds)
    return Lease(store, Fence(account_id, epoch), holder, lease_seconds, asked_at)


def unheld(store: Store, account_id: AccountId) -> Lease:
    """For who only looks: no epoch fits it, and every `require` refuses."""
    return Lease(store, Fence(account_id, 0), this_process(), 0, elapsed_seconds())


def this_process() -> Holder:
    pid = os.getpid()
    return Holder(uuid4(), socket.gethostname(), _boot_id(), pid, _process_started(pid) or "unknown")


def is_dead(holder: Holder) -> bool:
    """Whether a process of this very boot of this very machine is proved to have ended. In doubt, no."""
    if holder.host != socket.gethostname() or holder.boot != _boot_id() or holder.boot == "unknown":
        return False
    return _process_started(holder.pid) != holder.process_started


def _boot_id() -> str:
    """Names this boot and this process namespace: a pid means nothing outside either."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return "unknown"


def _process_started(pid: int) -> str | None:
    """When a process began, in the kernel's ticks; None if it has ended. A zombie has: it can send nothing more."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError:
        return "unknown"
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]
