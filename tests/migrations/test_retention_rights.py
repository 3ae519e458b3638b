"""The role that takes old observations away: what it may delete is on one short list, held against the catalogue, and
no row of the ledger is within its reach, nor within anybody else's."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from tests.database import Database
from tests.migrations import catalogue
from tests.migrations.rows import Tenant, populate

A, B = Tenant("a"), Tenant("b")
DELETES = {
    "allocations",
    "artefacts",
    "blocked_signals",
    "candles",
    "equity_marks",
    "market_snapshots",
    "models",
    "predictions",
    "risk_marks",
    "snapshots",
}
SEES = DELETES | {"accounts", "bots", "decisions", "phantoms", "summaries", "trades", "users"}
# What money hangs on, and who did what: nobody but the owner of the database could take it away.
LEDGER = {"audit_log", "commands", "fills", "jobs", "order_events", "orders", "positions", "trades"}
_WHOLE = """
    select t.relname, string_agg(lower(g.privilege_type), ' ' order by g.privilege_type)
    from pg_class as t cross join aclexplode(t.relacl) as g join pg_roles as r on r.oid = g.grantee
    where t.relnamespace = 'holdfast'::regnamespace and r.rolname = 'holdfast_retention' group by 1
"""
_COLUMNS = """
    select t.relname, lower(g.privilege_type), string_agg(a.attname, ' ' order by a.attname)
    from pg_attribute as a join pg_class as t on t.oid = a.attrelid cross join aclexplode(a.attacl) as g
    join pg_roles as r on r.oid = g.grantee
    where t.relnamespace = 'holdfast'::regnamespace and r.rolname = 'holdfast_retention' group by 1, 2
"""


@contextmanager
def retaining(database: Database, tenant: Tenant | None) -> Iterator[catalogue.Connection]:
    """As the role, one tenant at a time. Nothing of it is kept."""
    with psycopg.connect(database.url(catalogue.RETENTION)) as connection:
        setting = "" if tenant is None else str(tenant.user_id)
        connection.execute("select set_config('holdfast.user_id', %s, false)", (setting,))
        connection.execute("set search_path to holdfast")
        yield connection
        connection.rollback()


@pytest.fixture
def tenants(database: Database) -> Database:
    with database.connect() as connection:
        for tenant in (A, B):
            populate(connection, tenant)
    return database


def test_rights__on_tables_are_these_and_no_others(undisturbed: Database) -> None:
    found = dict(undisturbed.rows(_WHOLE))
    assert found == {
        table: " ".join(sorted({"select", *(["delete"] if table in DELETES else ())})) for table in SEES
    } | {"summaries": "insert select"}
    assert undisturbed.rows(_COLUMNS) == [
        ("decisions", "update", "answer prompt"),
        ("summaries", "update", "facts written_at"),
    ]


def test_delete__reaches_the_listed_tables_of_one_tenant_and_nothing_else(tenants: Database) -> None:
    """Tried on every table that there is, so that one which comes tomorrow is tried too."""
    tenants.rows("update models set promoted = false")
    with retaining(tenants, A) as connection:
        deleted = dict[str, int]()
        # Bytes go after the models that name them.
        for table in sorted(catalogue.tables(connection), key=lambda table: table == "artefacts"):
            statement = sql.SQL("delete from {}").format(sql.Identifier(table))
            try:
                with connection.transaction():
                    deleted[table] = connection.execute(statement).rowcount
            except psycopg.errors.InsufficientPrivilege:
                continue
        assert deleted == dict.fromkeys(DELETES, 1)
        assert not deleted.keys() & LEDGER


@pytest.mark.parametrize("verb", ["delete", "truncate"])
def test_ledger__may_be_emptied_by_no_role(undisturbed: Database, verb: str) -> None:
    asked = (
        "select t.relname, r.rolname from pg_class as t, pg_roles as r"
        " where t.relnamespace = 'holdfast'::regnamespace and t.relname = any (%s) and r.rolname like 'holdfast\\_%%'"
        " and not r.rolsuper and r.oid <> t.relowner and has_table_privilege(r.oid, t.oid, %s)"
    )
    assert undisturbed.rows(asked, (sorted(LEDGER), verb)) == []


def test_model__that_is_in_use_goes_for_nobody(tenants: Database) -> None:
    for role in (catalogue.RETENTION, None):
        with (
            tenants.connect(*([role] if role else []), tenant=A.user_id) as connection,
            pytest.raises(psycopg.DatabaseError, match="version 1 of ml:1 is in use"),
        ):
            connection.execute("delete from models")


def test_tenants__are_all_seen_by_name_and_one_at_a_time_by_their_rows(tenants: Database) -> None:
    with retaining(tenants, A) as connection:
        assert connection.execute("select user_id from users").rowcount == 2
        for table in SEES - {"users"}:
            statement = sql.SQL("select user_id from {}").format(sql.Identifier(table))
            assert connection.execute(statement).fetchall() == [(A.user_id,)], table
    with retaining(tenants, None) as connection:
        for table in SEES - {"users"}:
            statement = sql.SQL("select user_id from {}").format(sql.Identifier(table))
            assert connection.execute(statement).rowcount == 0, table


def test_decision__loses_its_texts_alone_and_to_this_role_alone(tenants: Database) -> None:
    with tenants.connect() as admin:
        admin.execute("alter table decisions disable trigger decisions_keep_all_but_texts")
        admin.execute("update decisions set prompt = 'p', prompt_length = 1, answer = 'a', answer_length = 1")
        admin.execute("alter table decisions enable trigger decisions_keep_all_but_texts")
        with pytest.raises(psycopg.DatabaseError, match="append-only"):
            admin.execute("update decisions set prompt = null, answer = null")
    with retaining(tenants, A) as connection:
        for change in ("prompt = 'another'", "answer = 'another', prompt = null"):
            with pytest.raises(psycopg.DatabaseError, match="append-only"), connection.transaction():
                connection.execute(f"update decisions set {change}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("update decisions set notes = 'another'")
        assert connection.execute("update decisions set prompt = null, answer = null").rowcount == 1
        left = connection.execute("select prompt_length, answer_length from decisions").fetchall()
        assert left == [(1, 1)]
