"""A simulator for each worker of the run, empty again for every test, and a desk that trades on it."""

from collections.abc import Iterator

import pytest

from runtime.domain.identity import user_id
from runtime.domain.market import MarketKind
from runtime.store.pool import Store
from tests.database import Database
from tests.engine.rig import ETHER_PRICE, PERPETUAL, PRICE, USER, Rig
from tests.venue import RunningSimulator, start_simulator


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    running = start_simulator(tmp_path_factory.mktemp("venue"), clock="manual")
    yield running
    assert running.close() == 0


@pytest.fixture
def venue(simulator: RunningSimulator) -> RunningSimulator:
    """Empty books, no faults, prices that stand still, and the real time."""
    simulator.reset()
    simulator.control("requests", method="DELETE")
    simulator.control("server-time", {"offset_seconds": 0})
    simulator.control("price", {"symbol": "BTC/USDT", "price": str(PRICE)})
    simulator.control("price", {"symbol": "ETH/USDT", "price": str(ETHER_PRICE)})
    return simulator


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    with Store(database.secret("holdfast_bot"), user_id(USER), pool_max=2) as store:
        yield store


@pytest.fixture
def bare(database: Database, venue: RunningSimulator, store: Store) -> Iterator[Rig]:
    """Nothing enrolled yet."""
    rig = Rig(database=database, venue=venue, store=store)
    yield rig
    rig.leave()


@pytest.fixture
def rig(bare: Rig) -> Rig:
    """Two bots on a spot account, recovered and ready to tick."""
    bare.enrol().start()
    return bare


@pytest.fixture
def perpetual(bare: Rig) -> Rig:
    """One bot on an account for perpetuals."""
    bare.kind, bare.names = MarketKind.LINEAR, {"one": PERPETUAL}
    bare.enrol().start()
    return bare
