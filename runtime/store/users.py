"""The user whose bots these are: what they wish of all of them, and whether those may take new risk."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from runtime import errors
from runtime.domain import wishes
from runtime.domain.wishes import Wishes
from runtime.store import queries
from runtime.store.pool import Tx

_SQL = queries.load("users")


@dataclass(frozen=True, slots=True)
class User:
    name: str
    wishes: Wishes
    updated_at: datetime | None  # None: nobody ever wished anything


def load_user(tx: Tx) -> User:
    row = tx.row(_SQL["load_user"])
    if row is None:
        raise errors.InvalidCommand(verb="user", detail="there is no such user; enrol a desk file first")
    name, enabled, risk_profile, settings, updated_at = row
    found = wishes.parse(enabled=enabled, risk_profile=risk_profile, settings=settings or {})
    return User(name, found, updated_at)


def record_enabled(tx: Tx, *, enabled: bool, actor: str, reason: str) -> bool:
    """False if it was so already."""
    row = tx.row(_SQL["record_enabled"], {"enabled": enabled, "actor": actor, "reason": reason})
    return row is not None and row[0] == 1


def record_wishes(
    tx: Tx, *, risk_profile: str | None, caps: Mapping[str, Decimal | None], actor: str, reason: str
) -> None:
    """What is not named stays as it is; a cap of None is taken away."""
    told = {name: None if cap is None else f"{cap:f}" for name, cap in caps.items()}
    parameters = {"risk_profile": risk_profile, "caps": json.dumps(told), "actor": actor, "reason": reason}
    tx.rows(_SQL["record_wishes"], parameters)
