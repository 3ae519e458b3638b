"""How large the database is and how well, as whoever signs in may see it; and what keeps it so: vacuum and analyze.

It reads catalogues and counters, of our own tables only. No statement's values are told. The tables are tended one by
one outside of any transaction; what cannot be had is said, not passed over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from runtime import errors
from runtime.settings import Secret
from runtime.store import access, queries
from runtime.store.pool import Row, Tx, parse_json

_SQL = queries.load("upkeep")
_CONNECT_SECONDS = 5
_SESSION = "-c search_path=holdfast -c timezone=UTC -c statement_timeout=0 -c lock_timeout=5s"
# As autovacuum counts, with a smaller share: a table is tended once so many of its rows are dead or changed.
_DUE_ROWS, _DUE_SHARE = 50, 20


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` is the statistics' estimate; `is_ours` says that this role may tend it."""

    name: str
    bytes: int
    heap_bytes: int
    index_bytes: int
    rows: int
    dead_rows: int
    changed_rows: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None
    is_ours: bool

    @property
    def is_due(self) -> bool:
        limit = _DUE_ROWS + self.rows // _DUE_SHARE
        return max(self.dead_rows, self.changed_rows) > limit


@dataclass(frozen=True, slots=True)
class Picture:
    """`slow` is None where the server does not count statements."""

    database: str
    server: str
    bytes: int
    connections_max: int
    started_at: datetime
    revision: str
    tables: tuple[Table, ...]
    oldest: dict[str, str | None]
    connections: tuple[Row, ...]
    running: tuple[Row, ...]
    slow: list[dict[str, Any]] | None

    def told(self) -> dict[str, Any]:
        tables = [
            {name: value for name, value in asdict(each).items() if name != "is_ours"} for each in self.tables
        ]
        return {
            "database": self.database,
            "server": self.server,
            "bytes": self.bytes,
            "started_at": self.started_at,
            "revision": self.revision,
            "tables": [{**each, "oldest": self.oldest.get(each["name"])} for each in tables],
            "connections_max": self.connections_max,
            "connections": [
                dict(zip(("role", "program", "state", "count", "since_seconds"), row, strict=True))
                for row in self.connections
            ],
            "running": [
                dict(zip(("pid", "role", "program", "seconds", "waits_for"), row, strict=True))
                for row in self.running
            ],
            "slow": self.slow,
        }


@dataclass(frozen=True, slots=True)
class Glance:
    """`tables`: the largest, each with its bytes, rows and dead rows."""

    bytes: int
    revision: str
    connections: int
    connections_max: int
    tables: tuple[tuple[str, int, int, int], ...]


def glance(tx: Tx, tables_max: int) -> Glance:
    """What any role of ours may know, quickly; no row of a table is read."""
    ((size, revision, connections, connections_max),) = tx.rows(_SQL["glance"])
    rows = tx.rows(_SQL["glance_tables"], {"count": tables_max})
    tables = tuple((name, of, live, dead) for name, of, live, dead in rows)
    return Glance(size, revision, connections, connections_max, tables)


def look(address: Secret, slow_seconds: float) -> Picture:
    """Every table is read once for its oldest row."""
    with _connected(address, "look at the database") as connection:

        def rows(text: str, parameters: dict[str, Any] | None = None) -> list[Row]:
            return connection.execute(text.encode(), parameters).fetchall()

        ((database, server, size, connections_max, started_at, revision),) = rows(_SQL["load_server"])
        connection.execute(_SQL["find_oldest"].encode())
        connection.execute(_SQL["find_slow"].encode())
        slow = rows(_SQL["load_slow"])[0][0]
        return Picture(
            database=database,
            server=server,
            bytes=size,
            connections_max=connections_max,
            started_at=started_at,
            revision=revision,
            tables=_load_tables(connection),
            oldest=parse_json(rows(_SQL["load_oldest"])[0][0]),
            connections=tuple(rows(_SQL["load_connections"])),
            running=tuple(rows(_SQL["load_running"], {"slow_seconds": slow_seconds})),
            slow=None if slow is None else parse_json(slow),
        )


def load_due(address: Secret) -> list[Table]:
    """What needs tending, the most neglected first. Refused to a role that may not: PostgreSQL would only warn."""
    with _connected(address, "look at the tables") as connection:
        due = [each for each in _load_tables(connection) if each.is_due]
    strange = [each.name for each in due if not each.is_ours]
    if strange:
        detail = f"it does not own {', '.join(strange[:5])}"
        raise errors.NotAllowed(action="tend the tables", detail=detail)
    return sorted(due, key=lambda each: (each.dead_rows + each.changed_rows, each.name), reverse=True)


def tend(address: Secret, name: str) -> None:
    """Beside whoever works with it; it reindexes nothing."""
    with _connected(address, f"tend {name}") as connection:
        connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier("holdfast", name)))


def _load_tables(connection: psycopg.Connection[Row]) -> tuple[Table, ...]:
    return tuple(Table(*row) for row in connection.execute(_SQL["load_tables"].encode()).fetchall())


@contextmanager
def _connected(address: Secret, action: str) -> Iterator[psycopg.Connection[Row]]:
    try:
        with access.connect(
            address,
            connect_timeout=_CONNECT_SECONDS,
            autocommit=True,
            application_name="holdfast upkeep",
            options=_SESSION,
        ) as connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege as exc:
        raise errors.NotAllowed(action=action, detail=exc.diag.message_primary) from None
    except psycopg.Error as exc:
        detail = exc.diag.message_primary or type(exc).__name__
        raise errors.StoreUnavailable(action=action, detail=detail) from None
