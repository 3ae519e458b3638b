"""What a tenant wishes: whether anything new is begun at all, a risk profile, caps for its bots, and settings that
nobody but its own programs reads."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from runtime import errors
from runtime.store import paging, queries
from runtime.store.paging import Page
from runtime.store.pool import Tx

_SQL = queries.load("user_settings")

RiskProfile = Literal["conservative", "balanced", "aggressive"]


@dataclass(frozen=True, slots=True)
class UserSettings:
    """`updated_at` is null as long as nobody changed what everybody begins with. For a user who is not `enabled` no bot
    takes new risk."""

    risk_profile: RiskProfile
    settings: dict[str, Any]
    updated_at: datetime | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class Told:
    """The limits that a bot was told, and what its user wishes of all bots, as the ledger has them."""

    bot_id: UUID
    account: str
    bot: str
    limits: dict[str, Any]
    risk_profile: str | None
    settings: dict[str, Any]


def load_limits(tx: Tx, *, limit: int, after: str | None) -> Page[Told]:
    return paging.read_named(tx, _SQL["load_limits"], {}, limit=limit, after=after, build=Told)


def is_enrolled(tx: Tx) -> bool:
    """Whether there is such a user at all."""
    return tx.row(_SQL["load_tenant"]) is not None


def load_settings(tx: Tx) -> UserSettings:
    """What the tenant wishes."""
    row = tx.row(_SQL["load_settings"])
    if row is None:
        return UserSettings("balanced", {}, None, enabled=True)
    enabled, risk_profile, settings, updated_at = row
    return UserSettings(risk_profile or "balanced", settings or {}, updated_at, enabled)


def record_settings(
    tx: Tx, risk_profile: RiskProfile, settings: dict[str, Any], *, actor: str
) -> UserSettings:
    """Of a user who is disabled too: nothing new is begun for them, whatever they wish."""
    parameters = {"risk_profile": risk_profile, "settings": json.dumps(settings), "actor": actor}
    row = tx.row(_SQL["record_settings"], parameters)
    if row is None:
        raise errors.NotFound(noun="user", key=actor)
    return UserSettings(*row)
