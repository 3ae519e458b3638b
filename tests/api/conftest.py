"""One API for a module of tests: two tenants with a row in every table, and a third with nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg.conninfo import conninfo_to_dict

from runtime.domain.identity import user_id
from runtime.local.postgres import Server
from tests.api.serving import Api, serving
from tests.database import Database
from tests.migrations.rows import Tenant, populate
from tests.postgres_server import drop_database, fresh_database


@dataclass(frozen=True, slots=True)
class Named(Tenant):
    """A tenant of rows whose id is the one that a token's user has."""

    @property
    def user_id(self) -> UUID:
        return user_id(self.name)


ANNA, BERT = Named("anna"), Named("bert")


@pytest.fixture(scope="module")
def books(server: Server, template: str) -> Iterator[Database]:
    url = fresh_database(server, template)
    database = Database(server, str(conninfo_to_dict(url)["dbname"]))
    with database.connect() as connection:
        for tenant in (ANNA, BERT):
            populate(connection, tenant)
    yield database
    drop_database(server, url)


@pytest.fixture(scope="module")
def api(books: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(folder(tmp_path_factory), books.url("holdfast_api")) as api:
        yield api


def folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("api")


def rows(database: Database, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return database.rows(statement, parameters)
