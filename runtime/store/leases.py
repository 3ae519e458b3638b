"""The lease on a venue account: one writer, a rising epoch, the database's clock."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from runtime.domain.identity import AccountId
from runtime.store import queries
from runtime.store.pool import Fence, Tx

_SQL = queries.load("leases")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, named so that another one on the same host can prove that it has died."""

    holder: UUID
    host: str
    boot: str
    pid: int
    process_started: str


@dataclass(frozen=True, slots=True)
class Lease:
    epoch: int
    holder: Holder
    released: bool
    seconds_left: float
    expires_at: datetime
    ready_at: datetime | None
    ticked_at: datetime | None


def load_lease(tx: Tx, account_id: AccountId) -> Lease | None:
    row = tx.row(_SQL["load_lease"], {"account_id": account_id})
    if row is None:
        return None
    epoch, holder, host, boot, pid, started, released, seconds_left, expires_at, ready_at, ticked_at = row
    who = Holder(holder, host, boot, pid, started)
    return Lease(epoch, who, released, float(seconds_left), expires_at, ready_at, ticked_at)


def acquire_first(tx: Tx, account_id: AccountId, holder: Holder, seconds: float) -> int | None:
    row = tx.row(_SQL["acquire_first"], {"account_id": account_id, "seconds": seconds, **_facts(holder)})
    return None if row is None else row[0]


def acquire(
    tx: Tx, account_id: AccountId, holder: Holder, seconds: float, *, epoch: int, holder_is_dead: bool
) -> int | None:
    """The new epoch, or None if the lease moved on since it was looked at."""
    parameters = {
        "account_id": account_id,
        "seconds": seconds,
        "epoch": epoch,
        "holder_is_dead": holder_is_dead,
    }
    row = tx.row(_SQL["acquire"], {**parameters, **_facts(holder)})
    return None if row is None else row[0]


def renew(tx: Tx, fence: Fence, holder: UUID, seconds: float) -> bool:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "holder": holder, "seconds": seconds}
    return tx.row(_SQL["renew"], parameters) is not None


def release(tx: Tx, fence: Fence, holder: UUID) -> bool:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "holder": holder}
    return tx.row(_SQL["release"], parameters) is not None


def record_ready(tx: Tx, fence: Fence) -> bool:
    return tx.row(_SQL["record_ready"], {"account_id": fence.account_id, "epoch": fence.epoch}) is not None


def _facts(holder: Holder) -> dict[str, object]:
    return {
        "holder": holder.holder,
        "host": holder.host,
        "boot": holder.boot,
        "pid": holder.pid,
        "process_started": holder.process_started,
    }
