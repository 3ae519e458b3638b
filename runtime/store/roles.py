"""Makes the database's roles where a master user has to: on RDS, once, before the first migration.

It is given the master's address and keeps nothing of it. Done twice it changes nothing; the migration itself makes the
same roles where the migrator may, as on the embedded server.
"""

import psycopg

from runtime import errors
from runtime.settings import Secret
from runtime.store import access, queries

_SQL = queries.load("roles")
_CONNECT_SECONDS = 5


def make_roles(master: Secret) -> None:
    try:
        with access.connect(master, connect_timeout=_CONNECT_SECONDS) as connection:
            connection.execute(_SQL["make_roles"].encode())
    except psycopg.errors.InsufficientPrivilege as exc:
        raise errors.NotAllowed(action="make the roles", detail=exc.diag.message_primary) from None
    except psycopg.OperationalError as exc:
        detail = exc.diag.message_primary or "the master could not sign in"
        raise errors.StoreUnavailable(action="make the roles", detail=detail) from None
