"""What the database itself refuses in the ledger: moves that no order makes, rewritten intents, changed history, and
numbers that are none. The moves stand in runtime/domain too; here both are held against each other."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from runtime.domain.order import MOVES, Status
from tests.database import Database
from tests.migrations import catalogue
from tests.migrations.rows import Tenant, insert, insertion, order_row, populate, rows_of

A = Tenant("a")
PAIRS = list(product(Status, Status))
MAY_CHANGE = {"status", "venue_order_id", "filled_quantity", "cancel_requested_at", "updated_at", "reason"}
APPEND_ONLY = ("audit_log", "decisions", "fills", "order_events", "trader_scores")
NOT_NUMBERS = ("NaN", "Infinity", "-Infinity")
# Types that lose a digit of money, or the time zone of an instant, or the order of keys.
FORBIDDEN_TYPES = {
    "real",
    "double precision",
    "money",
    "timestamp without time zone",
    "json",
    "time without time zone",
}

Connection = catalogue.Connection


@contextmanager
def as_owner(database: Database) -> Iterator[Connection]:
    """The owner of the tables, acting for the tenant; a superuser with another hat."""
    with psycopg.connect(database.url()) as connection:
        populate(connection, A)
        connection.execute("set role holdfast_owner")
        connection.execute("set search_path to holdfast")
        connection.execute("select set_config('holdfast.user_id', %s, false)", (str(A.user_id),))
        yield connection
        connection.rollback()


def refusal(
    connection: Connection, statement: LiteralString | sql.Composed, values: Sequence[Any] = ()
) -> str | None:
    """The code with which PostgreSQL refuses; None if it does not. Nothing of it is kept."""
    try:
        with connection.transaction(force_rollback=True):
            assert connection.execute(statement, values).rowcount != 0
    except psycopg.DatabaseError as exc:
        return exc.sqlstate
    return None


def test_may_move__agrees_with_the_domain_for_every_pair(undisturbed: Database) -> None:
    rows = undisturbed.rows(
        "select a, b from unnest(%s::text[]) as a, unnest(%s::text[]) as b where may_move(a, b)",
        ([*Status], [*Status]),
    )
    assert set(rows) == {(before, after) for before, after in PAIRS if after in MOVES[before]}


@pytest.mark.parametrize("before", Status)
def test_orders__move_as_the_domain_says_for_every_pair(undisturbed: Database, before: Status) -> None:
    with as_owner(undisturbed) as connection:
        row = {**order_row(A, 2, status=before), "quantity": 1, "filled_quantity": 1}
        insert(connection, "orders", row)
        moved = {
            after
            for after in Status
            if refusal(
                connection, "update orders set status = %s where order_id = %s", (after, row["order_id"])
            )
            is None
        }
    assert moved == {*MOVES[before], before}


def test_orders__an_illegal_move_has_a_code_of_its_own(undisturbed: Database) -> None:
    with as_owner(undisturbed) as connection:
        assert refusal(connection, "update orders set status = 'pending'") == "HF004"


def test_orders__what_was_asked_for_is_never_rewritten(undisturbed: Database) -> None:
    with as_owner(undisturbed) as connection:
        names = [column for table, column, _, _ in catalogue.columns(connection) if table == "orders"]
        for name in sorted({*names} - MAY_CHANGE):
            other = order_row(Tenant("b"), 2).get(name)
            value = {"side": "sell", "kind": "market", "quantity": 2, "price": 2, "reduce_only": True}.get(
                name, other
            )
            if name in ("symbol", "epoch", "created_at", "send_before"):
                value = {"symbol": "ETH/USDT", "epoch": 2}.get(name, "2026-11-22T00:00Z")
            statement = sql.SQL("update orders set {} = %s").format(sql.Identifier(name))
            assert refusal(connection, statement, (value,)) == "HF003", name


@pytest.mark.parametrize(
    "change", ["filled_quantity = 0.5", "venue_order_id = 'another'", "venue_order_id = null"]
)
def test_orders__what_the_venue_proved_is_never_taken_back(undisturbed: Database, change: str) -> None:
    with as_owner(undisturbed) as connection:
        connection.execute("update orders set filled_quantity = 0.75, status = 'partially_filled'")
        assert refusal(connection, f"update orders set {change}") == "HF003"


@pytest.mark.parametrize(
    "change",
    [
        {"side": "hold"},
        {"kind": "stop"},
        {"kind": "market"},
        {"price": None},
        {"status": "lost"},
        {"status": "filled"},
        {"status": "submitted", "venue_order_id": None},
        {"status": "filled", "filled_quantity": 1, "venue_order_id": None},
        {"filled_quantity": 2},
        {"send_before": "2026-11-20T00:00Z"},
    ],
)
def test_orders__that_contradict_themselves_are_refused(
    undisturbed: Database, change: dict[str, Any]
) -> None:
    with as_owner(undisturbed) as connection:
        row = {**order_row(A, 2), **change}
        assert refusal(connection, insertion("orders", row), list(row.values())) == "23514"


@pytest.mark.parametrize("status", Status)
def test_orders__of_every_status_can_be_written(undisturbed: Database, status: Status) -> None:
    with as_owner(undisturbed) as connection:
        row = order_row(A, 2, status=status)
        assert refusal(connection, insertion("orders", row), list(row.values())) is None


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("bots", "state = 'gone'"),
        ("bots", "symbols = '{}'"),
        ("jobs", "status = 'lost'"),
        ("trades", "direction = 'up'"),
    ],
)
def test_words__that_nobody_knows_are_refused(undisturbed: Database, table: str, change: str) -> None:
    with as_owner(undisturbed) as connection:
        assert refusal(connection, f"update {table} set {change}") == "23514"


@pytest.mark.parametrize("change", [{"sequence": 0}, {"digest": b"short"}, {"previous": bytes(33)}])
def test_order_events__are_links_of_a_chain(undisturbed: Database, change: dict[str, Any]) -> None:
    with as_owner(undisturbed) as connection:
        row = {**rows_of(A, 2)["order_events"], "user_id": A.user_id, **change}
        assert refusal(connection, insertion("order_events", row), list(row.values())) == "23514"


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["update {} set user_id = user_id", "delete from {}", "truncate {}"])
@pytest.mark.parametrize("role", ["holdfast_owner", "holdfast_admin"])
def test_append_only__history_is_not_changed_even_by_the_owner(
    undisturbed: Database, role: str, verb: str, table: str
) -> None:
    with as_owner(undisturbed) as connection:
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        assert refusal(connection, verb.format(table)) == "HF003"


def test_append_only__tables_are_these(undisturbed: Database) -> None:
    rows = undisturbed.rows(
        "select distinct tgrelid::regclass::text from pg_trigger"
        " where tgfoid = 'refuse_change()'::regprocedure order by 1"
    )
    assert rows == [(table,) for table in APPEND_ONLY]


@pytest.mark.parametrize("not_a_number", NOT_NUMBERS)
def test_numbers__are_finite_in_every_column(undisturbed: Database, not_a_number: str) -> None:
    with as_owner(undisturbed) as connection:
        numbers = [
            (table, column)
            for table, column, kind, is_computed in catalogue.columns(connection)
            if kind == "numeric" and not is_computed
        ]
        assert len(numbers) > 15
        for table, column in numbers:
            statement = sql.SQL("update {} set {} = %s").format(sql.Identifier(table), sql.Identifier(column))
            # 23514: a check; 22003: too big for the column's digits. The domain speaks before any trigger does.
            assert refusal(connection, statement, (not_a_number,)) in ("23514", "22003"), (table, column)


def test_numbers__a_number_can_be_written_where_the_others_were_refused(undisturbed: Database) -> None:
    with as_owner(undisturbed) as connection:
        assert (
            refusal(connection, "update bots set equity = '12345678901234567890.123456789012345678'") is None
        )


def test_types__none_loses_money_or_time(undisturbed: Database) -> None:
    with undisturbed.connect() as connection:
        kinds = {(table, column): kind for table, column, kind, _ in catalogue.columns(connection)}
    assert {place: kind for place, kind in kinds.items() if kind in FORBIDDEN_TYPES} == {}


@pytest.mark.parametrize("change", ["epoch = 0", "epoch = 1, holder = gen_random_uuid()"])
def test_leases__an_epoch_neither_falls_nor_has_two_holders(undisturbed: Database, change: str) -> None:
    with as_owner(undisturbed) as connection:
        assert refusal(connection, f"update leases set {change}") in ("HF001", "23514")


def test_fills__come_once(undisturbed: Database) -> None:
    with as_owner(undisturbed) as connection:
        connection.execute("create temporary table again as select * from fills")
        assert refusal(connection, "insert into fills select * from again") == "23505"


def test_fills__belong_to_an_order(undisturbed: Database) -> None:
    with as_owner(undisturbed) as connection:
        connection.execute("create temporary table again as select * from fills")
        connection.execute("update again set venue_trade_id = 'another', order_id = gen_random_uuid()")
        assert refusal(connection, "insert into fills select * from again") == "23503"


def test_orders__belong_to_a_bot_of_the_account_that_they_name(undisturbed: Database) -> None:
    with as_owner(undisturbed) as connection:
        insert(connection, "accounts", rows_of(A, 2)["accounts"])
        row = {**order_row(A, 2), "account_id": A.id("account", 2)}
        assert refusal(connection, insertion("orders", row), list(row.values())) == "23503"
