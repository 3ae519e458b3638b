"""Tenant A against tenant B: every table x role x verb, with the tables taken from the catalogue. Nothing of B is ever
seen or touched, and without a tenant there is nothing at all."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from runtime.local.postgres import Server
from tests.database import Database
from tests.migrations import catalogue
from tests.migrations.rows import Tenant, insertion, populate, rows_of
from tests.postgres_server import drop_database, fresh_database

A, B = Tenant("a"), Tenant("b")
EVERYBODY = (*catalogue.ROLES, catalogue.OWNER)
VERBS = ("select", "insert", "update", "delete", "truncate")
APPEND_ONLY = "HF003"

Connection = catalogue.Connection


@pytest.fixture(scope="module")
def tenants(server: Server, template: str) -> Iterator[Database]:
    """A database with both tenants in every table; the probes leave it as it was."""
    url = fresh_database(server, template)
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    database = Database(server, str(name))
    with database.connect() as connection:
        for tenant in (A, B):
            populate(connection, tenant)
    yield database
    drop_database(server, url)


@contextmanager
def acting(database: Database, role: str, tenant: Tenant | None) -> Iterator[Connection]:
    """As a role, for a tenant or for none; the owner has no login, one becomes it."""
    login = "holdfast_admin" if role == catalogue.OWNER else role
    with psycopg.connect(database.url(login)) as connection:
        if role == catalogue.OWNER:
            connection.execute("set role holdfast_owner")
        setting = "" if tenant is None else str(tenant.user_id)
        connection.execute("select set_config('holdfast.user_id', %s, false)", (setting,))
        connection.commit()
        yield connection
        connection.rollback()


def strike(connection: Connection, verb: str, table: str, column: str | None, stranger: Tenant) -> int | None:
    """How many rows of the stranger were seen or touched; None if PostgreSQL refused. Nothing of it is kept."""
    name, values = sql.Identifier("holdfast", table), None
    match verb:
        case "select":
            # B's rows, and rows that are nobody's: what is not A's own.
            statement: sql.Composed = sql.SQL("select from {} where user_id = %s").format(name)
        case "insert":
            row = rows_of(stranger, 2)[table]
            statement, values = insertion(table, row), list(row.values())
        case "update":
            target = sql.Identifier(column or "user_id")
            statement = sql.SQL("update {} set {} = {} where user_id = %s").format(name, target, target)
        case "delete":
            statement = sql.SQL("delete from {} where user_id = %s").format(name)
        case _:
            # It asks no policy, so it must be refused outright; `cascade`, or a foreign key would refuse it for us.
            statement, values = sql.SQL("truncate {} cascade").format(name), []
    try:
        with connection.transaction(force_rollback=True):
            count = connection.execute(statement, [stranger.user_id] if values is None else values).rowcount
            return -1 if verb == "truncate" else count
    except psycopg.errors.InsufficientPrivilege:
        return None
    except psycopg.DatabaseError as exc:
        if exc.sqlstate == APPEND_ONLY:
            return None
        raise


def fingerprint(database: Database, tenant: Tenant) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a tenant has, as the administrator sees it."""
    with database.connect() as connection:
        return {
            table: connection.execute(
                sql.SQL("select t::text from holdfast.{} as t where user_id = %s order by 1").format(
                    sql.Identifier(table)
                ),
                (tenant.user_id,),
            ).fetchall()
            for table in catalogue.tables(connection)
        }


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("role", EVERYBODY)
@pytest.mark.parametrize("tenant", [A, None], ids=["tenant", "nobody"])
def test_row_security__touches_no_row_of_another_tenant(
    tenants: Database, tenant: Tenant | None, role: str, verb: str
) -> None:
    before = fingerprint(tenants, B)
    with tenants.connect() as admin:
        targets = {table: catalogue.updatable_column(admin, role, table) for table in catalogue.tables(admin)}
    with acting(tenants, role, tenant) as connection:
        touched = {table: strike(connection, verb, table, column, B) for table, column in targets.items()}
    assert {table: count for table, count in touched.items() if count} == {}
    if verb in ("insert", "truncate"):
        assert set(touched.values()) == {None}, "neither can come out as no rows"
    assert fingerprint(tenants, B) == before


@pytest.mark.parametrize("role", EVERYBODY)
def test_row_security__shows_a_tenant_all_its_own_rows(tenants: Database, role: str) -> None:
    with acting(tenants, role, A) as connection:
        for table in catalogue.tables(connection):
            seen = connection.execute(
                sql.SQL("select user_id from holdfast.{}").format(sql.Identifier(table))
            ).fetchall()
            assert seen == [(A.user_id,)], table


@pytest.mark.parametrize("role", EVERYBODY)
def test_row_security__shows_nobody_any_row(tenants: Database, role: str) -> None:
    with acting(tenants, role, None) as connection:
        for table in catalogue.tables(connection):
            statement = sql.SQL("select from holdfast.{}").format(sql.Identifier(table))
            assert connection.execute(statement).rowcount == 0, table


def test_row_security__a_tenant_left_by_an_earlier_transaction_is_gone(tenants: Database) -> None:
    with psycopg.connect(tenants.url("holdfast_bot")) as connection:
        connection.execute("select set_config('holdfast.user_id', %s, true)", (str(B.user_id),))
        connection.commit()
        assert connection.execute("select current_setting('holdfast.user_id')").fetchone() == ("",)
        assert connection.execute("select from holdfast.orders").rowcount == 0


@pytest.mark.parametrize("role", EVERYBODY)
def test_row_security__gives_no_row_away_to_another_tenant(tenants: Database, role: str) -> None:
    with acting(tenants, role, A) as connection:
        for table in catalogue.tables(connection):
            statement = sql.SQL("update holdfast.{} set user_id = %s").format(sql.Identifier(table))
            with (
                pytest.raises(psycopg.DatabaseError) as refused,
                connection.transaction(force_rollback=True),
            ):
                connection.execute(statement, (B.user_id,))
            assert refused.value.sqlstate in ("42501", APPEND_ONLY), table


@pytest.mark.parametrize("kind", ["unique keys", "foreign keys"])
def test_keys__hold_the_tenant(tenants: Database, kind: str) -> None:
    with tenants.connect() as connection:
        if kind == "unique keys":
            without = {
                key: each for key, each in catalogue.unique_keys(connection).items() if "user_id" not in each
            }
            assert without == {}
        else:
            pairs = [
                (name, dict(zip(own, theirs, strict=True)))
                for name, _, _, own, theirs in catalogue.foreign_keys(connection)
            ]
            assert [name for name, pair in pairs if pair.get("user_id") != "user_id"] == []
            assert pairs


def test_row_security__has_no_hole(undisturbed: Database) -> None:
    with undisturbed.connect() as connection:
        assert {kind: found for kind, found in catalogue.holes(connection).items() if found} == {}


HOLES = [
    "create table later (user_id uuid)",
    "alter table orders no force row level security",
    "create policy wide on orders for select using (true)",
    "alter policy backup on orders to public",
    "drop policy backup on orders",
    "alter policy overseer on orders to public",
    "drop policy overseer on orders",
    "create view all_orders as select * from orders",
    "create materialized view all_orders as select * from orders",
    "create function first_order() returns uuid language sql security definer"
    " return (select min(order_id::text)::uuid from holdfast.orders)",
]


@pytest.mark.parametrize("hole", HOLES)
def test_holes__are_seen(undisturbed: Database, hole: str) -> None:
    with undisturbed.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("set role holdfast_owner")
        connection.execute(hole)
        assert sum(map(len, catalogue.holes(connection).values())) == 1


def test_rows__are_there_for_every_table(tenants: Database) -> None:
    with tenants.connect() as connection:
        assert sorted(rows_of(A)) == catalogue.tables(connection)
