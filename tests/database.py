"""A database of its own for one test, and factories that put the first rows into it.

The rows go in as the administrator, whom row-level security does not hold back, so a test may make several tenants.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg

from runtime.local.cluster import SUPERUSER
from runtime.local.postgres import Server
from runtime.settings import Secret

ROLES = ("holdfast_bot", "holdfast_api", "holdfast_readonly")
_numbers = itertools.count(1)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database that only this test knows."""

    server: Server
    name: str

    def url(self, role: str = SUPERUSER) -> str:
        """For holdfast_bot, holdfast_api, holdfast_readonly, or for the administrator, who may do everything."""
        return self.server.url(role=role, database=self.name)

    def secret(self, role: str = SUPERUSER) -> Secret:
        return Secret(self.url(role))

    @contextmanager
    def connect(self, role: str = SUPERUSER, *, tenant: UUID | None = None) -> Iterator[Connection]:
        """An open connection that commits each statement; with `tenant` its rows are visible for the whole session."""
        with psycopg.connect(self.url(role), autocommit=True) as connection:
            connection.execute("set search_path to holdfast")
            if tenant is not None:
                connection.execute("select set_config('holdfast.user_id', %s, false)", (str(tenant),))
            yield connection

    def rows(
        self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """What the administrator sees: the rows of all tenants. Also for statements that return nothing."""
        with self.connect() as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


def make_user(database: Database, name: str | None = None) -> UUID:
    user_id = uuid4()
    database.rows(
        "insert into users (user_id, name) values (%s, %s)", (user_id, name or f"user-{next(_numbers)}")
    )
    return user_id


def make_account(
    database: Database,
    user_id: UUID,
    *,
    name: str | None = None,
    venue: str = "bitget",
    kind: str = "spot",
    paper: bool = True,
) -> UUID:
    account_id = uuid4()
    database.rows(
        "insert into accounts (user_id, account_id, name, venue, kind, paper) values (%s, %s, %s, %s, %s, %s)",
        (user_id, account_id, name or f"account-{next(_numbers)}", venue, kind, paper),
    )
    return account_id


def make_bot(
    database: Database,
    user_id: UUID,
    account_id: UUID,
    *,
    name: str | None = None,
    strategy: str = "momentum",
    symbols: Sequence[str] = ("BTC/USDT",),
    parameters: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
) -> UUID:
    bot_id = uuid4()
    database.rows(
        "insert into bots (user_id, bot_id, account_id, name, strategy, parameters, symbols, limits)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            user_id,
            bot_id,
            account_id,
            name or f"bot-{next(_numbers)}",
            strategy,
            json.dumps(dict(parameters or {})),
            list(symbols),
            json.dumps(dict(limits or {})),
        ),
    )
    return bot_id
