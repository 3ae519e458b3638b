"""What a tenant wishes: a risk profile, caps for its bots, and settings that nobody but its own programs reads."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from runtime.store import queries
from runtime.store.pool import Tx

_SQL = queries.load("user_settings")

RiskProfile = Literal["conservative", "balanced", "aggressive"]


@dataclass(frozen=True, slots=True)
class UserSettings:
    """`updated_at` is null as long as nobody changed what everybody begins with."""

    risk_profile: RiskProfile
    settings: dict[str, Any]
    updated_at: datetime | None


def load_settings(tx: Tx) -> UserSettings:
    """What the tenant wishes."""
    row = tx.row(_SQL["load_settings"])
    return UserSettings("balanced", {}, None) if row is None else UserSettings(*row)


def record_settings(
    tx: Tx, risk_profile: RiskProfile, settings: dict[str, Any], *, actor: str
) -> UserSettings | None:
    """None if there is no such user, or none that is enabled."""
    parameters = {"risk_profile": risk_profile, "settings": json.dumps(settings), "actor": actor}
    row = tx.row(_SQL["record_settings"], parameters)
    return None if row is None else UserSettings(*row)
