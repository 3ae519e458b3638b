"""Puts a large made-up ledger into a database, with what bots saw beside it, in one transaction: all of it or nothing.

It refuses a database in which anybody trades, or in which it could not see whether somebody does.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql

from runtime import errors
from runtime.domain.identity import UserId
from runtime.learning.memory import Saved
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


# What bots saw and thought beside those orders, derived from them where they lie; what one needs stands before it.
_OBSERVED = {
    "decisions": _SQL["make_decisions"],
    "predictions": _SQL["make_predictions"],
    "phantoms": _SQL["make_phantoms"],
    "blocked_signals": _SQL["make_blocked_signals"],
    "equity_marks": _SQL["make_equity_marks"],
    "risk_marks": _SQL["make_risk_marks"],
    "allocations": _SQL["make_allocations"],
    "snapshots": _SQL["make_snapshots"],
    "candles": _SQL["make_candles"],
    "market_snapshots": _SQL["make_market_snapshots"],
    "scoring_runs": _SQL["make_scoring_runs"],
    "trader_scores": _SQL["make_trader_scores"],
}


class Writer:
    """The transaction that all of it is written in."""

    def __init__(self, connection: psycopg.Connection[Row], tenant: UserId) -> None:
        self._connection = connection
        self._is_analyzed = False
        self.tx = Tx(connection, tenant, Timing())

    def copy(self, batches: Mapping[str, Iterable[str]]) -> None:
        """Lines in COPY's own text format, by table, in the order in which the tables point to each other."""
        for table, names in COPIED.items():
            columns = sql.SQL(", ").join(map(sql.Identifier, names.split()))
            statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(f"sample_{table}"), columns)
            with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write("".join(batches[table]))
        self._connection.execute(_SQL["pour"].encode())
        if not self._is_analyzed:
            # Autovacuum, or a run that was broken off, may have told the planner that these are empty: each look for a
            # parent would read all of a table. Analyzing takes a lock too, which keeps autovacuum away until the end.
            self._analyze(*COPIED)
            self._is_analyzed = True

    def record_position(self, position: Mapping[str, object]) -> None:
        self.tx.rows(_SQL["record_position"], position)

    def make_observations(self, tell: Callable[[str, int], None]) -> None:
        """`tell` is told of each table with its rows."""
        self._analyze(*COPIED)
        for table, statement in _OBSERVED.items():
            tell(table, self._connection.execute(statement.encode()).rowcount)
            self._analyze(table)

    def _analyze(self, *tables: str) -> None:
        """What reads them next would plan for empty ones."""
        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        self._connection.execute(sql.SQL("analyze {}").format(names))

    def make_component_state(self, component: str, saved: Saved) -> None:
        parameters = {"component": component, **_saved(saved)}
        self._connection.execute(_SQL["make_component_state"].encode(), parameters)

    def make_models(self, saved: Saved, metrics: Mapping[str, object], training_size: int) -> None:
        """Of each bot two versions, of the same bytes."""
        parameters = {**_saved(saved), "metrics": json.dumps(dict(metrics)), "training_size": training_size}
        self._connection.execute(_SQL["make_artefact"].encode(), parameters)
        self._connection.execute(_SQL["make_models"].encode(), parameters)

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


def _saved(saved: Saved) -> dict[str, object]:
    return {"shape": saved.version, "codec": str(saved.codec), "body": saved.body}
