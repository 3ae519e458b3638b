"""A desk of its own for each test of the ledger."""

from collections.abc import Iterator

import pytest

from tests.database import Database
from tests.proxy import Proxy
from tests.store.desks import Desk, Names, make_names, open_desk, proxied


@pytest.fixture
def names(database: Database) -> Names:
    return make_names(database)


@pytest.fixture
def desk(database: Database, names: Names) -> Iterator[Desk]:
    with open_desk(database.secret("holdfast_bot"), names) as desk:
        yield desk


@pytest.fixture
def other_desk(database: Database) -> Iterator[Desk]:
    """Another tenant's."""
    with open_desk(database.secret("holdfast_bot"), make_names(database)) as desk:
        yield desk


@pytest.fixture
def line(database: Database, names: Names) -> Iterator[tuple[Proxy, Desk]]:
    """A desk whose every word to PostgreSQL passes a proxy, over one connection."""
    proxy, url = proxied(database.server, database.url("holdfast_bot"))
    with proxy, open_desk(url, names, pool_max=1) as desk:
        yield proxy, desk
