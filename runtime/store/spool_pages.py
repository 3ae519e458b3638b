"""How far the spools of desks were drained, as it is shown; what waits still lies on the desks' own disks."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from runtime.store import queries
from runtime.store.pool import Tx

_SQL = queries.load("spool_pages")
SPOOLS_MAX = 50


@dataclass(frozen=True, slots=True)
class Spool:
    """`sequence` is the last observation that PostgreSQL has. Each start of a desk opens a spool of its own."""

    spool_id: UUID
    sequence: int
    moved_at: datetime


def load_spools(tx: Tx) -> list[Spool]:
    """How far the newest spools were drained, the last drained first."""
    return [Spool(*row) for row in tx.rows(_SQL["load_spools"], {"count": SPOOLS_MAX})]
