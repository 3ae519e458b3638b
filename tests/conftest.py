"""What every suite may ask for: a PostgreSQL server, a migrated template on it, and a fresh copy for one test."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from psycopg.conninfo import conninfo_to_dict
from xdist.remote import Producer

from runtime.local.postgres import Server
from runtime.settings import Secret
from runtime.store import schema
from tests.database import Database
from tests.postgres_server import drop_database, fresh_database, session_server
from tests.together import Together

# A machine that is busy makes an example slow, never wrong.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    return Together(config, log)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One for each worker of the test run; it forgets everything at the end."""
    with session_server() as server:
        yield server


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The name of a migrated, empty database. Nobody may be connected to it while it is copied."""
    url = fresh_database(server)
    schema.upgrade(Secret(url))
    return str(conninfo_to_dict(url)["dbname"])


@pytest.fixture
def database(server: Server, template: str) -> Iterator[Database]:
    """A copy of the migrated template."""
    url = fresh_database(server, template)
    yield Database(server, str(conninfo_to_dict(url)["dbname"]))
    drop_database(server, url)
