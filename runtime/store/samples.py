"""Puts a large made-up ledger into a database, in one transaction: all of it or nothing, past every constraint.

It refuses a database in which anybody trades, or in which it could not see whether somebody does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql

from runtime import errors
from runtime.domain.identity import UserId
from runtime.settings import Secret
from runtime.store import access, queries
from runtime.store.pool import Row, Tx
from runtime.store.timing import Timing

_SQL = queries.load("samples")
_CONNECT_SECONDS = 5
_SESSION = "-c search_path=holdfast -c timezone=UTC -c statement_timeout=0"
COPIED = {
    "jobs": "user_id job_id account_id bot_id trigger_reason status started_at finished_at",
    "orders": "user_id order_id account_id bot_id job_id client_order_id intent_key symbol side kind quantity price"
    " reduce_only status venue_order_id filled_quantity reason epoch created_at send_before updated_at",
    "order_events": "user_id account_id sequence order_id at status_before status_after detail previous digest epoch",
    "fills": "user_id account_id symbol venue_trade_id order_id bot_id venue_order_id base quote side quantity price"
    " fee fee_coin quantity_step traded_at recorded_at epoch",
    "trades": "user_id bot_id symbol number account_id direction opened_at closed_at entry_quantity entry_quote"
    " exit_quantity exit_quote realised fees fill_count voided",
}


class Writer:
    """The transaction that all of it is written in."""

    def __init__(self, connection: psycopg.Connection[Row], tenant: UserId) -> None:
        self._connection = connection
        self.tx = Tx(connection, tenant, Timing())

    def copy(self, batches: Mapping[str, Iterable[str]]) -> None:
        """Lines in COPY's own text format, by table, in the order in which the tables point to each other."""
        for table, names in COPIED.items():
            columns = sql.SQL(", ").join(map(sql.Identifier, names.split()))
            statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(f"sample_{table}"), columns)
            with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write("".join(batches[table]))
        self._connection.execute(_SQL["pour"].encode())

    def record_position(self, position: Mapping[str, object]) -> None:
        self.tx.rows(_SQL["record_position"], position)

    def finish(self) -> None:
        """So that whoever asks next gets plans for a large ledger."""
        self._connection.execute(_SQL["count_trades"].encode())
        self._connection.execute("analyze")


@contextmanager
def writing(admin: Secret, tenant: UserId, command: str) -> Iterator[Writer]:
    try:
        with access.connect(admin, connect_timeout=_CONNECT_SECONDS, options=_SESSION) as connection:
            _refuse_real(
                connection, tenant, lambda detail: errors.InvalidCommand(verb=command, detail=detail)
            )
            connection.execute("set local role holdfast_owner")
            connection.execute("select set_config('holdfast.user_id', %s, true)", (str(tenant),))
            connection.execute(_SQL["make_stage"].encode())
            yield Writer(connection, tenant)
    except (psycopg.IntegrityError, psycopg.DataError) as exc:
        raise errors.BrokenInvariant(
            detail=f"a made-up row was refused: {exc.diag.message_primary}"
        ) from None
    except psycopg.Error as exc:
        detail = exc.diag.message_primary or type(exc).__name__
        raise errors.StoreUnavailable(action="write the sample ledger", detail=detail) from None


def _refuse_real(
    connection: psycopg.Connection[Row], tenant: UserId, refusal: Callable[[str], errors.BotError]
) -> None:
    row = connection.execute(_SQL["look_for_orders"].encode(), {"tenant": tenant}).fetchone()
    assert row is not None
    sees_all, others, ours = row
    if not sees_all:
        raise refusal("this role cannot see whether others trade in this database; be its administrator")
    if others:
        raise refusal("there are orders of real bots in this database; make samples in one of their own")
    if ours:
        raise refusal("there is a sample ledger in this database already")
