"""What a ledger holds, in figures that a backup can be held against: rows, orders by state, sums, the ends of chains.

It only reads, and everything of one instant: the same that `pg_dump --snapshot` sees. It refuses to look as a role from
which row-level security would hide rows without a word.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from runtime import errors
from runtime.domain.identity import AccountId, UserId
from runtime.settings import Secret
from runtime.store import access, queries
from runtime.store.pool import Row, parse_json

_SQL = queries.load("contents")
_CONNECT_SECONDS = 5
# A large ledger takes minutes to count, and meanwhile the session that exported the snapshot does nothing.
_SESSION = (
    "-c search_path=holdfast -c timezone=UTC -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    # The desks trade meanwhile: a count must not take all the processors.
    " -c max_parallel_workers_per_gather=0"
)
_BEGIN = "begin isolation level repeatable read, read only"

# Texts, numbers and mappings of them only: what JSON brings back as it was.
Contents = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """The server and database that a dump comes from."""

    database: str
    version: str
    major: int
    roles: tuple[str, ...]


class Snapshot:
    """One instant of a database, held open. `name` is what pg_dump is told."""

    def __init__(
        self, connection: psycopg.Connection[Row], origin: Origin, name: str, taken_at: datetime
    ) -> None:
        self._connection = connection
        self.origin = origin
        self.name = name
        self.taken_at = taken_at

    def measure(self) -> Contents:
        """May run in another thread than the one that holds the snapshot open."""
        with _translated("measure the ledger"):
            return _measure(self._connection)


@contextmanager
def snapshot(address: Secret) -> Iterator[Snapshot]:
    with _translated("hold a snapshot of the ledger"):
        connection = access.connect(
            address,
            connect_timeout=_CONNECT_SECONDS,
            autocommit=True,
            application_name="holdfast backup",
            options=_SESSION,
        )
    with connection:
        with _translated("hold a snapshot of the ledger"):
            origin = _look_at_server(connection)
            connection.execute(_BEGIN)
            exported = connection.execute(_SQL["export_snapshot"].encode()).fetchone()
        assert exported is not None
        yield Snapshot(connection, origin, *exported)


def load_all_accounts(address: Secret) -> list[tuple[UserId, AccountId, str]]:
    """Of every tenant, as an administrator sees them: a restored ledger is verified whole."""
    with _translated("look for the accounts"), access.connect(address, options=_SESSION) as connection:
        rows = connection.execute(_SQL["load_all_accounts"].encode()).fetchall()
    return [(UserId(user), AccountId(account), name) for user, account, name in rows]


def _look_at_server(connection: psycopg.Connection[Row]) -> Origin:
    row = connection.execute(_SQL["look_at_server"].encode()).fetchone()
    assert row is not None
    database, version, major, roles, hidden = row
    if hidden:
        detail = f"row-level security hides rows of {', '.join(hidden)} from it"
        raise errors.NotAllowed(action="back up the whole ledger", detail=detail)
    return Origin(database, version, major, tuple(roles))


def _measure(connection: psycopg.Connection[Row]) -> Contents:
    def rows(text: str) -> list[Row]:
        return connection.execute(text.encode()).fetchall()

    revisions = rows(_SQL["load_revisions"])
    connection.execute(_SQL["count_rows"].encode())
    counts = parse_json(rows(_SQL["load_row_counts"])[0][0])
    connection.execute(_SQL["note_artefacts"].encode())
    artefacts = parse_json(rows(_SQL["load_artefacts"])[0][0])
    orders: Contents = {}
    for account, status, count in rows(_SQL["load_order_states"]):
        orders.setdefault(account, {})[status] = count
    fills: Contents = {}
    for account, coin, count, quote, fee in rows(_SQL["load_fill_sums"]):
        fills.setdefault(account, {})[coin] = {"count": count, "quote": quote, "fee": fee}
    chains = {
        account: {"sequence": n, "digest": hexes} for account, n, hexes in rows(_SQL["load_chain_ends"])
    }
    return {
        "revision": ",".join(sorted(str(row[0]) for row in revisions)),
        "rows": dict(sorted(counts.items())),
        "orders": orders,
        "fills": fills,
        "chains": chains,
        # Not told where there are none: manifests that were written before there could be any say the same.
        **({"artefacts": dict(sorted(artefacts.items()))} if artefacts else {}),
    }


@contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        remedy = "Is it migrated, and is DATABASE_URL the address of our own database?"
        raise errors.BadInput(
            where="The database", detail="it holds no ledger of ours", remedy=remedy
        ) from None
    except psycopg.errors.InsufficientPrivilege as exc:
        raise errors.NotAllowed(action=action, detail=exc.diag.message_primary) from None
    except psycopg.Error as exc:
        detail = exc.diag.message_primary or type(exc).__name__
        raise errors.StoreUnavailable(action=action, detail=detail) from None
