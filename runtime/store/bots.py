"""Accounts and the bots on them: who trades what, with which limits, and what each bot remembers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from runtime.domain.decision import Memory
from runtime.domain.identity import AccountId, BotId
from runtime.domain.market import MarketKind
from runtime.store import queries
from runtime.store.pool import Fence, Tx

_SQL = queries.load("bots")


@dataclass(frozen=True, slots=True)
class Account:
    account_id: AccountId
    name: str
    venue: str
    kind: MarketKind
    paper: bool
    baseline: Mapping[str, Decimal] | None  # None until the first desk has looked


@dataclass(frozen=True, slots=True)
class BotRow:
    bot_id: BotId
    name: str
    strategy: str
    parameters: Mapping[str, object]
    symbols: tuple[str, ...]
    limits: Mapping[str, object]
    enabled: bool
    state: str
    state_reason: str
    memory: Memory
    breaker_day: date | None
    ticks: int


@dataclass(frozen=True, slots=True)
class TickMark:
    """What one bot's tick leaves behind."""

    bot_id: BotId
    equity: Decimal | None
    memory: Memory | None  # None where it did not change


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a desk's observations still lies on its own disk. `oldest_at`: None if nothing waited when looked at."""

    spool_id: UUID | None = None  # None: the desk keeps nothing of what it sees
    depth: int | None = None
    oldest_at: datetime | None = None


NOTHING_KEPT = Waiting()


def with_baseline(account: Account, baseline: Mapping[str, Decimal]) -> Account:
    return replace(account, baseline=dict(baseline))


def load_account(tx: Tx, name: str) -> Account | None:
    row = tx.row(_SQL["load_account"], {"name": name})
    if row is None:
        return None
    account_id, name, venue, kind, paper, baseline = row
    held = None if baseline is None else {coin: Decimal(amount) for coin, amount in baseline.items()}
    return Account(AccountId(account_id), name, venue, MarketKind(kind), paper, held)


def load_account_names(tx: Tx) -> list[str]:
    return [row[0] for row in tx.rows(_SQL["load_account_names"])]


def load_bots(tx: Tx, account_id: AccountId) -> list[BotRow]:
    rows = tx.rows(_SQL["load_bots"], {"account_id": account_id})
    return [
        BotRow(BotId(bot_id), name, strategy, parameters, tuple(symbols), *rest)
        for bot_id, name, strategy, parameters, symbols, *rest in rows
    ]


def record_baseline(tx: Tx, fence: Fence, baseline: Mapping[str, Decimal]) -> None:
    held = json.dumps({coin: f"{amount:f}" for coin, amount in baseline.items()})
    tx.rows(_SQL["record_baseline"], {"account_id": fence.account_id, "epoch": fence.epoch, "baseline": held})


def record_tick(
    tx: Tx, fence: Fence, at: datetime, marks: Sequence[TickMark], waiting: Waiting = NOTHING_KEPT
) -> None:
    rows = [
        {
            "bot_id": str(mark.bot_id),
            "equity": None if mark.equity is None else f"{mark.equity:f}",
            "memory": None if mark.memory is None else json.dumps(mark.memory),
        }
        for mark in marks
    ]
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "at": at, "bots": json.dumps(rows)}
    spooled = {
        "spool_id": waiting.spool_id,
        "spool_depth": waiting.depth,
        "spool_oldest_at": waiting.oldest_at,
    }
    tx.rows(_SQL["record_tick"], {**parameters, **spooled, "count": len(rows)})


def record_state(tx: Tx, fence: Fence, bot_id: BotId, state: str, *, reason: str, actor: str) -> None:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "bot_id": bot_id}
    tx.rows(_SQL["record_state"], {**parameters, "state": state, "reason": reason, "actor": actor})


def record_enabled(tx: Tx, fence: Fence, bot_id: BotId, *, enabled: bool, actor: str) -> None:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "bot_id": bot_id}
    tx.rows(_SQL["record_enabled"], {**parameters, "enabled": enabled, "actor": actor})


def record_breaker(tx: Tx, fence: Fence, bot_id: BotId, day: date | None) -> None:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "bot_id": bot_id, "day": day}
    tx.rows(_SQL["record_breaker"], parameters)


def record_memory(tx: Tx, fence: Fence, bot_id: BotId, memory: Memory, *, actor: str) -> None:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "bot_id": bot_id, "actor": actor}
    tx.rows(_SQL["record_memory"], {**parameters, "memory": json.dumps(memory)})


def close_interrupted_jobs(tx: Tx, fence: Fence) -> None:
    tx.rows(_SQL["close_interrupted_jobs"], {"account_id": fence.account_id, "epoch": fence.epoch})


def enrol_user(tx: Tx, name: str) -> None:
    tx.rows(_SQL["enrol_user"], {"name": name})


def enrol_account(
    tx: Tx, account_id: AccountId, *, name: str, venue: str, kind: MarketKind, paper: bool
) -> None:
    parameters = {"account_id": account_id, "name": name, "venue": venue, "kind": kind, "paper": paper}
    tx.rows(_SQL["enrol_account"], parameters)


def load_enrolled_account(tx: Tx, account_id: AccountId) -> tuple[str, str, bool] | None:
    """(venue, kind, paper), or None if there is no such account yet."""
    row = tx.row(_SQL["load_enrolled_account"], {"account_id": account_id})
    return None if row is None else (row[0], row[1], row[2])


def enrol_bot(
    tx: Tx,
    account_id: AccountId,
    bot_id: BotId,
    *,
    name: str,
    strategy: str,
    parameters: Mapping[str, object],
    symbols: Sequence[str],
    limits: Mapping[str, object],
) -> None:
    tx.rows(
        _SQL["enrol_bot"],
        {
            "account_id": account_id,
            "bot_id": bot_id,
            "name": name,
            "strategy": strategy,
            "parameters": json.dumps(parameters),
            "symbols": list(symbols),
            "limits": json.dumps(limits),
        },
    )
