"""Every step of the schema, up and down and up again with rows in every table, on each PostgreSQL that is here."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql

from migrations.losses import losses_of
from runtime import errors
from runtime.settings import Secret
from runtime.store import schema
from tests.database import Database
from tests.migrations import catalogue
from tests.migrations.rows import Tenant, populate

NAMES = [revision.name for revision in schema.history()]
VERSIONS = Path(schema.__file__).parents[2] / "migrations" / "versions"


def before(revision: str) -> str:
    return dict(zip(NAMES, ["base", *NAMES], strict=False))[revision]


def tables_of(database: Database) -> list[str]:
    with database.connect() as connection:
        return catalogue.tables(connection) if has_schema(connection) else []


def has_schema(connection: catalogue.Connection) -> bool:
    return connection.execute("select to_regnamespace('holdfast') is not null").fetchone() == (True,)


def columns_of(database: Database) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with database.connect() as connection:
        for table, column, *_ in catalogue.columns(connection) if has_schema(connection) else []:
            found.setdefault(table, []).append(column)
    return found


def rows_in(database: Database, columns: Mapping[str, list[str]]) -> dict[str, list[tuple[object, ...]]]:
    """What these columns hold, whatever others stand beside them."""
    with database.connect() as connection:
        return {
            table: connection.execute(
                sql.SQL("select row({})::text from holdfast.{} order by 1").format(
                    sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table)
                )
            ).fetchall()
            for table, names in columns.items()
        }


def fill(database: Database) -> None:
    with database.connect() as connection:
        for tenant in (Tenant("a"), Tenant("b")):
            populate(connection, tenant, only=catalogue.tables(connection))


def schema_text(database: Database) -> str:
    with database.connect() as connection:
        return schema.dump(database.secret()) if has_schema(connection) else ""


def test_revisions__are_numbered_in_one_line_with_one_head() -> None:
    assert [f"{number:04}" for number in range(1, len(NAMES) + 1)] == NAMES
    assert schema.head() == NAMES[-1]
    files = sorted(path.name.partition(".")[0] for path in VERSIONS.glob("*.*"))
    titles = [f"{each.name}_{each.title.replace(' ', '_')}" for each in schema.history()]
    assert files == sorted(titles * 3), "a revision is one module, one .up.sql and one .down.sql"


def test_revisions__are_read_by_alembic_as_their_files_are_named() -> None:
    scripts = ScriptDirectory(str(VERSIONS.parent))
    assert scripts.get_heads() == [schema.head()]
    walked = [(each.revision, each.doc) for each in scripts.walk_revisions()]
    assert walked[::-1] == [(each.name, each.title) for each in schema.history()]


def test_program__loads_no_alembic_to_see_whether_it_fits(database: Database) -> None:
    asked = (
        "import sys; from runtime.settings import Secret; from runtime.store import schema; "
        "schema.require_current(Secret(sys.argv[1])); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", asked, database.url("holdfast_bot")]
    said = subprocess.run(
        command, cwd=VERSIONS.parents[1], capture_output=True, text=True, timeout=30, check=True
    )
    assert said.stdout == "False\n"


@pytest.mark.parametrize("revision", NAMES)
def test_revision__goes_up_down_and_up_again_over_rows(
    empty: Database, migrator: Secret, revision: str
) -> None:
    schema.upgrade(migrator, before(revision))
    without, columns_without = schema_text(empty), columns_of(empty)
    schema.upgrade(migrator, revision)
    fill(empty)
    whole, kept = schema_text(empty), rows_in(empty, columns_without)

    schema.downgrade(migrator, before(revision), drop_data=True)
    assert (schema_text(empty), columns_of(empty)) == (without, columns_without)
    assert rows_in(empty, columns_without) == kept

    schema.upgrade(migrator, revision)
    assert schema_text(empty) == whole
    assert schema.current(migrator) == revision
    assert rows_in(empty, columns_without) == kept


@pytest.mark.parametrize("revision", NAMES)
def test_revision__names_the_tables_that_its_way_down_loses(unmigrated: Database, revision: str) -> None:
    schema.upgrade(unmigrated.secret(), revision)
    tables = tables_of(unmigrated)
    schema.downgrade(unmigrated.secret(), before(revision))
    gone = set(tables) - set(tables_of(unmigrated))
    assert set(losses_of(str(next(VERSIONS.glob(f"{revision}_*.py"))))) == gone


def test_rollback__refuses_to_lose_rows_and_counts_those_of_all_tenants(
    empty: Database, migrator: Secret
) -> None:
    schema.upgrade(migrator)
    fill(empty)
    whole, rows = schema_text(empty), rows_in(empty, columns_of(empty))
    with pytest.raises(errors.InvalidCommand) as refused:
        schema.downgrade(migrator, "0001")
    for table in set(rows) - {"users", "user_settings", "accounts", "bots", "leases"}:
        assert f"{table} (2 rows)" in str(refused.value)
    assert "users" not in str(refused.value)
    assert schema.current(migrator) == schema.head()
    assert (schema_text(empty), rows_in(empty, columns_of(empty))) == (whole, rows)


@pytest.mark.parametrize(
    "built", ["create table mine as select 1 as x", "create view mine as select * from bots"]
)
def test_rollback__drops_nothing_that_somebody_else_built(database: Database, built: str) -> None:
    database.rows(built)
    with pytest.raises(errors.MigrationStopped, match="depend"):
        schema.downgrade(database.secret(), "base", drop_data=True)
    assert schema.current(database.secret()) == "0001", "what stood above it went first, each step whole"
    assert database.rows("select to_regclass('holdfast.mine') is not null") == [(True,)]


def test_rollback__of_empty_tables_needs_no_word(empty: Database, migrator: Secret) -> None:
    schema.upgrade(migrator)
    schema.downgrade(migrator, "base")
    assert schema.current(migrator) is None
    assert tables_of(empty) == []


def test_roles__are_as_weak_as_they_should_be(empty: Database, migrator: Secret) -> None:
    schema.upgrade(migrator)
    with empty.connect() as connection:
        roles = connection.execute(
            "select rolname, rolcanlogin, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication,"
            " (select count(*) from pg_auth_members where member = pg_roles.oid)"
            " from pg_roles where rolname like 'holdfast\\_%' and rolname <> 'holdfast_admin' order by 1"
        ).fetchall()
        owners = connection.execute(
            "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = 'holdfast'::regnamespace"
            " union select pg_get_userbyid(proowner) from pg_proc where pronamespace = 'holdfast'::regnamespace"
            " union select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'holdfast'"
        ).fetchall()
        # Being a member is not enough on any server: who does not say that it oversees sees its own tenant's rows.
        becomes, inherits = connection.execute(
            "select pg_has_role('holdfast_api', 'holdfast_overseer', 'member'),"
            " pg_has_role('holdfast_api', 'holdfast_overseer', 'usage')"
        ).fetchall()[0]
    everybody = sorted(
        (*catalogue.ROLES, catalogue.BACKUP, catalogue.OWNER, catalogue.OVERSEER, catalogue.RETENTION)
    )
    no_logins = (catalogue.OWNER, catalogue.OVERSEER)
    assert roles == [(role, role not in no_logins, False, role == "holdfast_api") for role in everybody]
    assert (becomes, inherits) == (True, False)
    assert owners == [("holdfast_owner",)]


def test_upgrade__by_a_login_that_may_not_become_the_owner_says_what_to_grant(unmigrated: Database) -> None:
    schema.upgrade(unmigrated.secret())
    schema.downgrade(unmigrated.secret(), "base")
    with unmigrated.connect() as connection:
        connection.execute("drop role if exists stranger")
        connection.execute("create role stranger login createrole")
        connection.execute(
            sql.SQL("grant all on database {} to stranger").format(sql.Identifier(unmigrated.name))
        )
        connection.execute("grant all on public.alembic_version to stranger")
        version = connection.info.server_version
    if version < 160000:
        # There, whoever may create roles may grant them all.
        return
    with pytest.raises(errors.NotAllowed, match="grant holdfast_owner to stranger"):
        schema.upgrade(unmigrated.secret("stranger"))
    assert schema.current(unmigrated.secret()) is None
    assert tables_of(unmigrated) == []


@pytest.mark.parametrize("verb", [schema.upgrade, schema.downgrade])
def test_revision__that_is_not_there_is_refused_in_one_sentence(
    unmigrated: Database, verb: Callable[[Secret, str], None]
) -> None:
    for revision in ("9999", "-1", "+1", "", "000", "heads", "0001:0002", "'; drop table x"):
        with pytest.raises(errors.BadInput, match=r"There are: base, 0001"):
            verb(unmigrated.secret(), revision)
    assert schema.current(unmigrated.secret()) is None


def test_migrating__does_not_go_backwards_nor_rolling_back_forwards(database: Database) -> None:
    with pytest.raises(errors.InvalidCommand, match="beyond 0001"):
        schema.upgrade(database.secret(), "0001")
    schema.downgrade(database.secret(), "0001")
    with pytest.raises(errors.InvalidCommand, match="before 0002"):
        schema.downgrade(database.secret(), "0002")
    schema.downgrade(database.secret(), "0001")
    schema.upgrade(database.secret(), "0001")
    assert schema.current(database.secret()) == "0001"


def test_history__says_what_a_database_has(database: Database) -> None:
    schema.downgrade(database.secret(), "0002")
    told = [each.applied for each in schema.history(database.secret("holdfast_readonly"))]
    assert told == [name <= "0002" for name in NAMES]
    assert {each.applied for each in schema.history()} == {None}


def test_migration__leaves_no_connection_behind(unmigrated: Database) -> None:
    schema.upgrade(unmigrated.secret())
    with psycopg.connect(unmigrated.url()) as connection:
        asked = "select count(*) from pg_stat_activity where application_name = 'holdfast migrate' and datname = %s"
        assert connection.execute(asked, (unmigrated.name,)).fetchone() == (0,)
