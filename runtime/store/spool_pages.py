"""The spools of desks, as they are shown: how far each was drained, and what still lies on the desk's own disk."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from runtime.store import queries
from runtime.store.pool import Tx

_SQL = queries.load("spool_pages")
SPOOLS_MAX = 50


@dataclass(frozen=True, slots=True)
class Spool:
    """`sequence` is the last observation that PostgreSQL has. Each start of a desk opens a spool of its own; of the one
    that is open now `depth` is how many observations wait, with those that earlier starts left, and `oldest_at` is when
    the first of them was made, as the tick at `told_at` knew."""

    spool_id: UUID
    sequence: int | None
    moved_at: datetime | None
    account_id: UUID | None
    account: str | None
    depth: int | None
    oldest_at: datetime | None
    told_at: datetime | None


def load_spools(tx: Tx) -> list[Spool]:
    """What waits in the spools of desks that tick, and how far the newest others were drained."""
    return [Spool(*row) for row in tx.rows(_SQL["load_spools"], {"count": SPOOLS_MAX})]
