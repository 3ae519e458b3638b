"""Empty databases on every PostgreSQL that this machine has, for a superuser and for a login that is none."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from runtime.local.finder import SYSTEM_FOLDERS
from runtime.local.postgres import Server
from runtime.settings import Secret
from tests.database import Database
from tests.postgres_server import drop_database, fresh_database, session_server

# A managed database gives its master no more than this.
MASTER = "cloud_master"
FOLDERS = sorted(path for pattern in SYSTEM_FOLDERS for path in Path("/").glob(pattern.lstrip("/")))


@pytest.fixture(scope="session", params=[None, *FOLDERS], ids=["embedded", *map(str, FOLDERS)])
def any_server(request: pytest.FixtureRequest, server: Server) -> Iterator[Server]:
    """The embedded server, and each of the system's own."""
    if request.param is None:
        yield server
        return
    with session_server(prefer=request.param) as other:
        yield other


@pytest.fixture
def empty(any_server: Server) -> Iterator[Database]:
    """A database that nobody migrated, on each server."""
    yield from _empty(any_server)


@pytest.fixture
def unmigrated(server: Server) -> Iterator[Database]:
    """The same on the embedded server alone."""
    yield from _empty(server)


@pytest.fixture(scope="session")
def undisturbed(server: Server, template: str) -> Iterator[Database]:
    """A migrated database for all who only look, or undo what they do: copies cost more than most of these tests."""
    url = fresh_database(server, template)
    yield Database(server, str(psycopg.conninfo.conninfo_to_dict(url)["dbname"]))
    drop_database(server, url)


@pytest.fixture(params=["superuser", "master"])
def migrator(request: pytest.FixtureRequest, empty: Database) -> Secret:
    """Who migrates `empty`: a superuser, or a login that may only create roles and databases."""
    if request.param == "superuser":
        return empty.secret()
    with psycopg.connect(empty.url(), autocommit=True) as connection:
        if not connection.execute("select from pg_roles where rolname = %s", (MASTER,)).rowcount:
            connection.execute(
                sql.SQL("create role {} login createrole createdb").format(sql.Identifier(MASTER))
            )
        # Our roles may be there from another test, made by the superuser.
        if connection.execute("select from pg_roles where rolname = 'holdfast_owner'").rowcount:
            connection.execute(sql.SQL("grant holdfast_owner to {}").format(sql.Identifier(MASTER)))
        connection.execute(
            sql.SQL("alter database {} owner to {}").format(
                sql.Identifier(empty.name), sql.Identifier(MASTER)
            )
        )
    return empty.secret(MASTER)


def _empty(server: Server) -> Iterator[Database]:
    url = fresh_database(server)
    yield Database(server, str(psycopg.conninfo.conninfo_to_dict(url)["dbname"]))
    drop_database(server, url)
