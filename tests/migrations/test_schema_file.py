"""The schema as a text: the committed file, the offline script and the migrations must all say the same."""

import subprocess
from pathlib import Path

import pytest
from psycopg import sql

from runtime.store import schema
from tests.database import Database

FILE = Path(schema.__file__).parent / "schema.sql"
NAMES = [revision.name for revision in schema.history()]


def run_script(database: Database, script: str) -> None:
    arguments = [str(database.server.program("psql")), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]
    done = subprocess.run(
        [*arguments, database.url()], input=script, text=True, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_schema_file__is_what_the_migrations_make(empty: Database) -> None:
    schema.upgrade(empty.secret())
    assert schema.dump(empty.secret()) == FILE.read_text(encoding="utf-8"), "run `make schema`"


def test_schema_file__can_be_run_and_gives_the_same_schema(unmigrated: Database) -> None:
    schema.upgrade(unmigrated.secret())
    schema.downgrade(unmigrated.secret(), "base")
    with unmigrated.connect() as connection:
        database = sql.Identifier(unmigrated.name)
        connection.execute(sql.SQL("grant create on database {} to holdfast_owner").format(database))
    run_script(unmigrated, "set role holdfast_owner;\n" + FILE.read_text(encoding="utf-8"))
    assert schema.dump(unmigrated.secret()) == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("revision", NAMES)
def test_offline_script__does_what_migrating_does(empty: Database, revision: str) -> None:
    schema.upgrade(empty.secret(), revision)
    online = schema.dump(empty.secret())
    schema.downgrade(empty.secret(), "base")
    with empty.connect() as connection:
        connection.execute("drop table public.alembic_version")

    run_script(empty, schema.render_sql(revision))

    assert schema.dump(empty.secret()) == online
    assert schema.current(empty.secret("holdfast_bot")) == revision


def test_offline_script__stops_on_a_database_that_has_a_schema(database: Database) -> None:
    before = schema.dump(database.secret())
    with pytest.raises(AssertionError, match="already exists"):
        run_script(database, schema.render_sql())
    assert schema.dump(database.secret()) == before


DIFFERENCES = [
    "create index later on orders (user_id)",
    "alter table orders add column later text",
    "alter table orders alter reason set default 'x'",
    "alter table orders drop constraint orders_sound",
    "alter table orders alter reason drop not null",
    "alter table orders disable row level security",
    "alter table orders no force row level security",
    "drop policy tenant on orders",
    "drop trigger fills_append_only on fills",
    "alter table audit_log disable trigger audit_log_append_only",
    "grant delete on orders to holdfast_bot",
    "revoke update (status) on orders from holdfast_bot",
    "grant select on orders to public",
    "create or replace function tenant() returns uuid language sql return null::uuid",
    "alter function tenant() security definer",
    "revoke execute on function tenant() from public",
    "alter domain amount drop constraint amount_is_finite",
    "create view all_orders as select * from orders",
    "alter view all_orders set (security_invoker = true)",
    "create sequence later_numbers",
    "create type mood as enum ('fine')",
    "grant create on schema holdfast to holdfast_bot",
    "grant usage on schema holdfast to public",
]


def test_dump__shows_every_kind_of_difference(database: Database) -> None:
    seen = {schema.dump(database.secret())}
    with database.connect() as connection:
        for difference in DIFFERENCES:
            connection.execute(difference)
            text = schema.dump(database.secret())
            assert text not in seen, difference
            seen.add(text)
