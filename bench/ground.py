"""Where the measurements take place: a server that syncs every commit, a migrated database, a desk with its lease."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict

from runtime.local.postgres import Server
from runtime.settings import Secret
from runtime.store import schema
from tests.database import Database
from tests.postgres_server import drop_database, fresh_database, session_server
from tests.store.desks import Names, make_names


@dataclass(frozen=True, slots=True)
class Ground:
    """A database that nobody else uses, and a tenant in it."""

    database: Database
    names: Names

    @property
    def server(self) -> Server:
        return self.database.server


@contextmanager
def durable_server() -> Iterator[Server]:
    with session_server(durable=True) as server:
        yield server


@contextmanager
def migrated(server: Server) -> Iterator[Ground]:
    url = fresh_database(server)
    try:
        schema.upgrade(Secret(url))
        database = Database(server, str(conninfo_to_dict(url)["dbname"]))
        yield Ground(database, make_names(database))
    finally:
        drop_database(server, url)
