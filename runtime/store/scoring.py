"""Scoring runs and what they found of each trader: requested, begun once, filled in batches, completed or failed.

Whoever asks for the ranked traders gets those of the newest completed run, and nothing is reckoned for them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from runtime.domain.identity import BotId
from runtime.store import queries
from runtime.store.pool import Tx

_SQL = queries.load("scoring")


@dataclass(frozen=True, slots=True)
class Run:
    run_id: UUID
    scorer: str
    status: str  # pending | running | completed | failed
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    trader_count: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Score:
    """A trader is a bot of ours, or somebody else by a name."""

    trader: str
    bot_id: BotId | None
    rank: int
    score: Decimal
    metrics: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Ranked:
    score: Score
    run_id: UUID
    scored_at: datetime


def fail_abandoned(tx: Tx, scorer: str, error: str) -> list[UUID]:
    return [run_id for (run_id,) in tx.rows(_SQL["fail_abandoned"], {"scorer": scorer, "error": error})]


def find_pending(tx: Tx, scorer: str) -> UUID | None:
    row = tx.row(_SQL["find_pending"], {"scorer": scorer})
    return None if row is None else row[0]


def hold_run(tx: Tx, run_id: UUID) -> bool:
    """False if it is not running any more."""
    return tx.row(_SQL["hold_run"], {"run_id": run_id}) is not None


def load_falls(tx: Tx, since: date) -> dict[BotId, Decimal]:
    return {BotId(bot_id): fall for bot_id, fall in tx.rows(_SQL["load_falls"], {"since": since})}


def request_run(tx: Tx, scorer: str) -> UUID:
    row = tx.row(_SQL["request_run"], {"scorer": scorer})
    assert row is not None
    run_id: UUID = row[0]
    return run_id


def start_run(tx: Tx, run_id: UUID) -> bool:
    """False if somebody else has begun it, or it is over."""
    return tx.row(_SQL["start_run"], {"run_id": run_id}) is not None


def record_scores(tx: Tx, run_id: UUID, scores: Sequence[Score]) -> int:
    """How many were written: all, or none where the run is not running."""
    rows = [
        {
            "trader": each.trader,
            "bot_id": None if each.bot_id is None else str(each.bot_id),
            "rank": each.rank,
            "score": f"{each.score:f}",
            "metrics": dict(each.metrics),
        }
        for each in scores
    ]
    row = tx.row(_SQL["record_scores"], {"run_id": run_id, "count": len(rows), "scores": json.dumps(rows)})
    return 0 if row is None else int(row[0])


def complete_run(tx: Tx, run_id: UUID) -> bool:
    return tx.row(_SQL["complete_run"], {"run_id": run_id}) is not None


def fail_run(tx: Tx, run_id: UUID, error: str) -> bool:
    return tx.row(_SQL["fail_run"], {"run_id": run_id, "error": error}) is not None


def load_runs(tx: Tx, scorer: str, *, count: int) -> list[Run]:
    return [Run(*row) for row in tx.rows(_SQL["load_runs"], {"scorer": scorer, "count": count})]


def load_ranked(tx: Tx, scorer: str, *, count: int, after: int = 0) -> list[Ranked]:
    """The best first; `after` is the rank of the last one that was seen."""
    rows = tx.rows(_SQL["load_ranked"], {"scorer": scorer, "count": count, "after": after})
    return [
        Ranked(Score(trader, bot_id, rank, score, metrics), run_id, scored_at)
        for trader, bot_id, rank, score, metrics, run_id, scored_at in rows
    ]
