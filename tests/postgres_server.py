"""A throw-away PostgreSQL for the test suites, and fresh databases on it. It is the product's own embedded server
with durability off, in a temporary folder that is removed at the end."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from runtime.local.postgres import Server, Wishes, open_server, stop_server

_numbers = itertools.count(1)


@contextmanager
def session_server(*, prefer: Path | None = None, durable: bool = False) -> Iterator[Server]:
    """A server of its own for one test session; with `durable` it syncs as the real one does."""
    with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
        data_dir = Path(folder) / "postgres"
        with open_server(data_dir, Wishes(prefer=prefer, throw_away=not durable)) as server:
            try:
                yield server
            finally:
                stop_server(data_dir)


def fresh_database(server: Server, template: str = "template1", *, role: str = "holdfast_admin") -> str:
    """The URL of a new database, a copy of `template`; nobody may be connected to the template meanwhile."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    # A log copy of the blocks is faster than copying files here: the latter forces two checkpoints.
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
        connection.execute(statement)
    return server.url(role=role, database=name)


def drop_database(server: Server, url: str) -> None:
    """Remove a database that `fresh_database` made, cutting off whoever is still connected."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name)))
        )
