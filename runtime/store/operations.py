"""Commands, quarantine, reconciliations: what operators want, what is foreign, and what each comparison found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from runtime import errors
from runtime.domain import wishes
from runtime.domain.identity import AccountId, BotId
from runtime.domain.wishes import Wishes
from runtime.store import queries
from runtime.store.pool import Fence, Tx

_SQL = queries.load("operations")
COMMANDS_MAX = 100


@dataclass(frozen=True, slots=True)
class Command:
    command_id: UUID
    bot_id: BotId | None
    verb: str
    arguments: Mapping[str, str]
    requested_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    kind: str  # order | fill
    venue_id: str
    symbol: str
    sentence: str
    detail: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    kind: str  # recovery | periodic | operator
    started_at: datetime
    finished_at: datetime
    clean: bool
    proved: int
    unproved: int
    quarantined: int
    summary: str
    findings: tuple[str, ...]


def load_asked(tx: Tx, account_id: AccountId) -> tuple[Wishes, list[Command]]:
    """What the user wishes of all their bots, and the commands that wait, in one question: every tick asks it."""
    rows = tx.rows(_SQL["load_asked"], {"account_id": account_id, "count": COMMANDS_MAX})
    if not rows:
        raise errors.BrokenInvariant(detail="a desk trades for a user who is not in the ledger")
    enabled, risk_profile, settings, *_ = rows[0]
    commands = [Command(*row[3:]) for row in rows if row[3] is not None]
    return wishes.parse(enabled=enabled, risk_profile=risk_profile, settings=settings or {}), commands


def record_command(
    tx: Tx,
    account_id: AccountId,
    bot_id: BotId | None,
    verb: str,
    *,
    arguments: Mapping[str, str],
    requested_by: str,
    reason: str,
    key: str,
) -> UUID | None:
    """The new command's id, or None if the same wish was recorded before."""
    parameters = {
        "account_id": account_id,
        "bot_id": bot_id,
        "verb": verb,
        "arguments": json.dumps(dict(arguments)),
    }
    row = tx.row(
        _SQL["record_command"], {**parameters, "requested_by": requested_by, "reason": reason, "key": key}
    )
    return None if row is None else row[0]


def record_command_outcome(tx: Tx, fence: Fence, command_id: UUID, *, status: str, outcome: str) -> None:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "command_id": command_id}
    tx.rows(_SQL["record_command_outcome"], {**parameters, "status": status, "outcome": outcome})


def record_quarantine(tx: Tx, fence: Fence, at: datetime, found: Sequence[Quarantined]) -> int:
    """How many of them are new."""
    rows = [
        {
            "kind": each.kind,
            "venue_id": each.venue_id,
            "symbol": each.symbol,
            "sentence": each.sentence,
            "detail": each.detail,
        }
        for each in found
    ]
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "at": at, "rows": json.dumps(rows)}
    row = tx.row(_SQL["record_quarantine"], parameters)
    return 0 if row is None else row[0]


def load_quarantined_ids(tx: Tx, account_id: AccountId) -> frozenset[str]:
    return frozenset(row[0] for row in tx.rows(_SQL["load_quarantined_ids"], {"account_id": account_id}))


def load_quarantine(tx: Tx, account_id: AccountId, count: int) -> list[Quarantined]:
    rows = tx.rows(_SQL["load_quarantine"], {"account_id": account_id, "count": count})
    return [Quarantined(*row[:5]) for row in rows]


def resolve_quarantine(tx: Tx, fence: Fence, venue_id: str, *, resolution: str, actor: str) -> int:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "venue_id": venue_id}
    row = tx.row(_SQL["resolve_quarantine"], {**parameters, "resolution": resolution, "actor": actor})
    return 0 if row is None else row[0]


def load_last_started_at(tx: Tx, account_id: AccountId) -> datetime | None:
    row = tx.row(_SQL["load_last_started_at"], {"account_id": account_id})
    return None if row is None else row[0]


def record_reconciliation(tx: Tx, fence: Fence, done: Reconciliation) -> None:
    tx.rows(
        _SQL["record_reconciliation"],
        {
            "account_id": fence.account_id,
            "epoch": fence.epoch,
            "kind": done.kind,
            "started_at": done.started_at,
            "finished_at": done.finished_at,
            "clean": done.clean,
            "proved": done.proved,
            "unproved": done.unproved,
            "quarantined": done.quarantined,
            "summary": done.summary,
            "findings": json.dumps(done.findings),
        },
    )
