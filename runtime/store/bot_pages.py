"""Bots and desks as they are shown: how each stands, who holds its account, and what would refuse new risk there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from runtime import errors
from runtime.domain.identity import UserId
from runtime.store import operation_pages, paging, queries
from runtime.store.operation_pages import Reconciliation
from runtime.store.paging import LIMIT, LIMIT_MAX, Page
from runtime.store.pool import Tx

_SQL = queries.load("bot_pages")


@dataclass(frozen=True, slots=True)
class Bot:
    """`equity` is what it won or lost since it began, as of `ticked_at`; `today` is realised after fees since midnight
    UTC. `lease_held` says whether a process may trade its account now."""

    user_id: UUID
    bot_id: UUID
    account_id: UUID
    account: str
    name: str
    venue: str
    market: str
    paper: bool
    strategy: str
    symbols: list[str]
    enabled: bool
    state: Literal["running", "paused", "halted"]
    state_reason: str
    state_since: datetime
    breaker_tripped: bool
    ticks: int
    ticked_at: datetime | None
    equity: str | None
    result: str | None
    today: str | None
    fills: int
    open_orders: int
    unknown_orders: int
    quarantined: int
    lease_held: bool
    exposure: str | None
    drawdown: str | None
    risk_at: datetime | None


@dataclass(frozen=True, slots=True)
class Desk:
    """An account and the process on it. `clean` is what the last comparison with the venue found."""

    user_id: UUID
    account_id: UUID
    account: str
    venue: str
    market: str
    paper: bool
    epoch: int | None
    host: str | None
    pid: int | None
    acquired_at: datetime | None
    renewed_at: datetime | None
    expires_at: datetime | None
    ready_at: datetime | None
    ticked_at: datetime | None
    lease_held: bool
    tick_age_seconds: float | None
    unknown_orders: int
    quarantined: int
    clean: bool | None
    compared: str | None
    compared_at: datetime | None


@dataclass(frozen=True, slots=True)
class BotStory:
    """`recovery` is what the last start of its desk found, proved and resumed."""

    bot: Bot
    parameters: dict[str, Any]
    parameters_version: int
    limits: dict[str, Any]
    memory_at: datetime | None
    created_at: datetime
    desk: Desk
    recovery: Reconciliation | None


def load_bots(tx: Tx, *, limit: int = LIMIT, after: str | None = None) -> Page[Bot]:
    """Every bot and how it stands, by account and name."""
    return _load_bots(tx, None, limit=limit, after=after)


def every_bot(tx: Tx) -> Iterator[Bot]:
    return paging.every(lambda after: load_bots(tx, limit=LIMIT_MAX, after=after))


def load_bot_status(tx: Tx, bot_id: UUID) -> Bot:
    """How one bot stands."""
    found = _load_bots(tx, bot_id, limit=1, after=None).items
    if not found:
        raise errors.NotFound(noun="bot", key=bot_id)
    return found[0]


def load_bot(tx: Tx, bot_id: UUID) -> BotStory:
    """One bot: how it stands, what it was told, who trades its account, and what the last recovery found."""
    bot = load_bot_status(tx, bot_id)
    told = tx.row(_SQL["load_bot_settings"], {"bot": bot_id})
    assert told is not None, "it was there in the same instant"
    (desk,) = load_desks(tx, account=bot.account_id).items
    recoveries = operation_pages.load_recoveries(tx, account=bot.account_id, limit=1).items
    parameters, version, limits, memory_at, created_at = told
    recovery = recoveries[0] if recoveries else None
    return BotStory(bot, parameters, version, limits, memory_at, created_at, desk, recovery)


def load_desks(
    tx: Tx, *, account: UUID | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[Desk]:
    """Every venue account, and the process that trades it, by name."""
    parameters = {"account": account}
    return paging.read_named(tx, _SQL["load_desks"], parameters, limit=limit, after=after, build=Desk)


def every_desk(tx: Tx) -> Iterator[Desk]:
    return paging.every(lambda after: load_desks(tx, limit=LIMIT_MAX, after=after))


def load_owner(tx: Tx, account: UUID) -> UserId | None:
    row = tx.row(_SQL["load_account_of"], {"account": account})
    return None if row is None else UserId(row[0])


def _load_bots(tx: Tx, bot: UUID | None, *, limit: int, after: str | None) -> Page[Bot]:
    return paging.read_named(tx, _SQL["load_bots"], {"bot": bot}, limit=limit, after=after, build=Bot)
