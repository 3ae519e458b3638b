"""Whole databases of a server: made, renamed and dropped, for a restore. It never touches the rows of any.

A name is quoted by the driver and comes from an operator; no database is dropped that was not made here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from runtime import errors
from runtime.settings import Secret
from runtime.store import access, queries
from runtime.store.pool import Row

_SQL = queries.load("databases")
_CONNECT_SECONDS = 5
# Nothing else of ours reaches the programs: a stray PGHOST or PGOPTIONS would lead them elsewhere.
_USUAL = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGAPPNAME": "holdfast backup"}


class _Elsewhere(access.Access):
    """Another database of the same server, entered in the same way."""

    __slots__ = ("_origin",)

    def __init__(self, origin: Secret, database: str) -> None:
        super().__init__(Secret(make_conninfo(origin.reveal(), dbname=database)), ca=None, password=None)
        self._origin = origin

    def parameters(self) -> dict[str, Any]:
        return self._origin.parameters() if isinstance(self._origin, access.Access) else {}


def beside(address: Secret, database: str) -> Secret:
    """The address of another database of the same server."""
    return _Elsewhere(address, database)


def environment(address: Secret) -> dict[str, str]:
    """What PostgreSQL's own programs are told: no command line, which everybody on the machine may read, holds any."""
    given = address.parameters() if isinstance(address, access.Access) else {}
    text = make_conninfo(address.reveal(), **given)
    options = psycopg.pq.Conninfo.parse(text.encode())
    told = {each.envvar.decode(): each.val.decode() for each in options if each.envvar and each.val}
    return {**_USUAL, **told}


class Databases:
    """The databases of one server, as its administrator may make them. `beside` any database that is there."""

    def __init__(self, admin: Secret) -> None:
        self._admin = admin

    def address(self, name: str) -> Secret:
        return beside(self._admin, name)

    def major(self) -> int:
        with self._connected("look at the server") as connection:
            row = connection.execute(_SQL["find_major"].encode()).fetchone()
        assert row is not None
        return int(row[0])

    def exists(self, name: str) -> bool:
        with self._connected("look for the database") as connection:
            return connection.execute(_SQL["find_database"].encode(), {"name": name}).fetchone() is not None

    def create(self, name: str) -> None:
        with self._connected("make a database") as connection:
            try:
                connection.execute(
                    sql.SQL("create database {} template template0").format(sql.Identifier(name))
                )
            except psycopg.errors.DuplicateDatabase:
                raise errors.DatabaseExists(database=name) from None

    def drop(self, name: str) -> None:
        """Also while somebody looks at it."""
        with self._connected("drop a database") as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )

    def rename(self, name: str, after: str) -> None:
        with self._connected("give a database its name") as connection:
            statement = sql.SQL("alter database {} rename to {}").format(
                sql.Identifier(name), sql.Identifier(after)
            )
            try:
                connection.execute(statement)
            except psycopg.errors.DuplicateDatabase:
                raise errors.DatabaseExists(database=after) from None

    def make_roles(self, names: Sequence[str]) -> None:
        """Those that a dump grants something to and this server lacks; nobody can sign in as one."""
        with self._connected("make the roles that the backup names") as connection:
            for (statement,) in connection.execute(
                _SQL["find_missing_roles"].encode(), {"names": list(names)}
            ).fetchall():
                connection.execute(statement.encode())

    @contextmanager
    def _connected(self, action: str) -> Iterator[psycopg.Connection[Row]]:
        try:
            with access.connect(
                self._admin,
                connect_timeout=_CONNECT_SECONDS,
                autocommit=True,
                application_name="holdfast restore",
            ) as connection:
                yield connection
        except psycopg.errors.InsufficientPrivilege as exc:
            raise errors.NotAllowed(action=action, detail=exc.diag.message_primary) from None
        except psycopg.Error as exc:
            detail = exc.diag.message_primary or type(exc).__name__
            raise errors.StoreUnavailable(action=action, detail=detail) from None
