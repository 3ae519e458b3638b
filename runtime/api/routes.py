"""The visible table of everything that the API answers: which address, which function, who may ask.

The functions know no framework: they take a transaction and what was asked, and give plain shapes. `Reads` says what
their transaction is: one statement, or several of one instant; `OWN` is the tenant's own even for an admin, who
otherwise sees all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runtime.api import figures, limits, readiness, wishes
from runtime.api.tokens import Role
from runtime.store import (
    bot_pages,
    holding_pages,
    mark_pages,
    operation_pages,
    order_pages,
    spool_pages,
    thought_pages,
    user_settings,
)


class Reads(StrEnum):
    ONE = "one"
    MANY = "many"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Read:
    """`keep_seconds` is how old an answer may be, where each looks at all that there is."""

    path: str
    act: Callable[..., Any]
    reads: Reads = Reads.ONE
    role: Role = "viewer"
    keep_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A POST. It writes a command, under the key that the request carries."""

    path: str
    act: Callable[..., Any]
    body: type
    role: Role = "operator"


ROOT = "/api/v1"

READS = (
    Read("/bots", bot_pages.load_bots),
    Read("/bots/{bot_id}", bot_pages.load_bot, Reads.MANY),
    Read("/bots/{bot_id}/status", bot_pages.load_bot_status),
    Read("/desks", bot_pages.load_desks),
    Read("/orders", order_pages.load_orders),
    Read("/orders/{order_id}", order_pages.load_order, Reads.MANY),
    Read("/fills", order_pages.load_fills),
    Read("/positions", holding_pages.load_positions),
    Read("/trades", holding_pages.load_trades),
    Read("/decisions", thought_pages.load_decisions),
    Read("/decisions/{decision_id}", thought_pages.load_decision),
    Read("/predictions", thought_pages.load_predictions),
    Read("/phantoms", thought_pages.load_phantoms),
    Read("/phantoms/statistics", figures.load_signal_report, Reads.MANY, keep_seconds=5.0),
    Read("/components", thought_pages.load_components),
    Read("/models", thought_pages.load_models),
    Read("/models/retraining", figures.load_retrainings),
    Read("/candles", mark_pages.load_candles),
    Read("/candles/series", mark_pages.load_series),
    Read("/equity", mark_pages.load_curve),
    Read("/risk", mark_pages.load_risk_marks),
    Read("/allocations", mark_pages.load_allocations),
    Read("/performance", figures.load_report, Reads.MANY),
    Read("/leaderboard", figures.load_leaderboard),
    Read("/scoring-runs", operation_pages.load_runs),
    Read("/internal/ranked-traders", figures.load_ranked_traders),
    Read("/jobs", operation_pages.load_jobs),
    Read("/settings", user_settings.load_settings, Reads.OWN),
    Read("/settings/limits", limits.load_limits, Reads.OWN),
    Read("/quarantine", operation_pages.load_quarantine),
    Read("/reconciliations", operation_pages.load_reconciliations),
    Read("/recoveries", operation_pages.load_recoveries),
    Read("/commands", operation_pages.load_commands),
    Read("/commands/{command_id}", operation_pages.load_command),
    Read("/audit", operation_pages.load_audit),
    Read("/spools", spool_pages.load_spools),
    Read("/ready", readiness.load_readiness, Reads.MANY),
)

WISHES = (
    Wish("/bots/{bot_id}/{verb}", wishes.ask_bot, wishes.Reason),
    Wish("/orders/{order_id}/cancel", wishes.ask_cancel, wishes.Cancelled),
    Wish("/quarantine/{verb}", wishes.ask_quarantine, wishes.Decided),
)
