"""What operators ask and look after, as it is shown: commands, quarantine, reconciliations, audit, jobs, scoring.

A wish is recorded with its line in the audit log, under a key: the same key is the same wish, or a refusal.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from runtime import errors
from runtime.store import paging, queries
from runtime.store.paging import LIMIT, Page
from runtime.store.pool import Store, Tx

_SQL = queries.load("operation_pages")

CommandStatus = Literal["pending", "done", "refused"]
ReconciliationKind = Literal["recovery", "periodic", "operator"]


@dataclass(frozen=True, slots=True)
class Command:
    """A wish to a desk. `outcome` is what the desk says became of it."""

    command_id: UUID
    account_id: UUID
    bot_id: UUID | None
    verb: str
    arguments: dict[str, str]
    requested_by: str
    reason: str
    requested_at: datetime
    idempotency_key: str
    status: CommandStatus
    outcome: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Not ours; `resolution` is what an operator decided, null while it waits."""

    account_id: UUID
    kind: str
    venue_id: str
    symbol: str
    sentence: str
    detail: dict[str, Any]
    found_at: datetime
    resolution: str | None
    resolved_at: datetime | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    reconciliation_id: UUID
    account_id: UUID
    kind: ReconciliationKind
    epoch: int
    started_at: datetime
    finished_at: datetime
    clean: bool
    proved: int
    unproved: int
    quarantined: int
    summary: str
    findings: list[Any]


@dataclass(frozen=True, slots=True)
class AuditLine:
    audit_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    job_id: UUID
    account_id: UUID
    bot_id: UUID
    trigger_reason: str
    status: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ScoringRun:
    run_id: UUID
    scorer: str
    status: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    trader_count: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    account: UUID
    bot: UUID | None
    verb: str
    arguments: Mapping[str, str]
    requested_by: str
    reason: str
    is_new_risk: bool


def record_wish(store: Store, wish: Wish, key: str) -> Command:
    """The command as it was written down, now or when the same was asked under the same key. Whoever is disabled gets
    no new risk."""
    parameters = {
        "account": wish.account,
        "bot": wish.bot,
        "verb": wish.verb,
        "arguments": json.dumps(dict(wish.arguments)),
        "requested_by": wish.requested_by,
        "reason": wish.reason,
        "is_new_risk": wish.is_new_risk,
        "key": key,
    }
    with store.single("record the command") as tx:
        written = tx.row(_SQL["record_wish"], parameters)
    if written is not None:
        return Command(*written)
    with store.single("look for the command of this key") as tx:
        known = tx.row(_SQL["load_wish"], {"key": key})
    if known is None:
        if wish.is_new_risk:
            _require_enabled(store)
        raise errors.Conflict(detail="the command of this key is being written")
    command = Command(*known)
    same = (command.account_id, command.bot_id, command.verb, command.arguments, command.requested_by)
    if same != (wish.account, wish.bot, wish.verb, dict(wish.arguments), wish.requested_by) or (
        command.reason != wish.reason
    ):
        raise errors.KeyUsedBefore(key=key)
    return replace(command, status="pending", outcome=None, finished_at=None)


def _require_enabled(store: Store) -> None:
    with store.single("see whether the user is enabled") as tx:
        found = tx.row(_SQL["load_disabled_user"])
    if found is not None:
        raise errors.UserDisabled(user=found[0])


def load_commands(
    tx: Tx,
    *,
    bot: UUID | None = None,
    status: CommandStatus | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Command]:
    """What was asked of desks and what became of it, the newest first."""
    parameters = {"bot": bot, "status": status}
    return paging.read(tx, _SQL["load_commands"], parameters, limit=limit, after=after, build=Command)


def load_command(tx: Tx, command_id: UUID) -> Command:
    """One command, with its outcome once its desk has obeyed."""
    row = tx.row(_SQL["load_command"], {"command_id": command_id})
    if row is None:
        raise errors.NotFound(noun="command", key=command_id)
    return Command(*row)


def load_quarantine(
    tx: Tx, *, waiting: bool | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[Quarantined]:
    """Orders and fills that are not ours; with `waiting=true` those that nobody decided on yet."""
    parameters = {"waiting": waiting}
    return paging.read(tx, _SQL["load_quarantine"], parameters, limit=limit, after=after, build=Quarantined)


def load_reconciliations(
    tx: Tx,
    *,
    account: UUID | None = None,
    kind: ReconciliationKind | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Reconciliation]:
    """Comparisons of accounts with the ledger, the newest first."""
    query, parameters = _SQL["load_reconciliations"], {"account": account, "kind": kind}
    return paging.read(tx, query, parameters, limit=limit, after=after, build=Reconciliation)


def load_recoveries(
    tx: Tx, *, account: UUID | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[Reconciliation]:
    """What each start found, proved and resumed, the newest first."""
    return load_reconciliations(tx, account=account, kind="recovery", limit=limit, after=after)


def load_audit(tx: Tx, *, limit: int = LIMIT, after: str | None = None) -> Page[AuditLine]:
    """Who did what, the newest first."""
    if not (paging.parse(after)[1] or "0").isdigit():
        raise errors.InvalidRequest(detail="`after` is no cursor of this list")
    return paging.read(tx, _SQL["load_audit"], {}, limit=limit, after=after, build=AuditLine)


def load_jobs(
    tx: Tx,
    *,
    bot: UUID | None = None,
    since: datetime | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Job]:
    """Rounds of decisions that led to orders: of the last day, or since an instant; the newest first."""
    parameters = {"bot": bot, "since": since}
    return paging.read(tx, _SQL["load_jobs"], parameters, limit=limit, after=after, build=Job)


def load_runs(
    tx: Tx, *, scorer: str | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[ScoringRun]:
    """Runs of the scorers, the last requested first."""
    return paging.read(tx, _SQL["load_runs"], {"scorer": scorer}, limit=limit, after=after, build=ScoringRun)
