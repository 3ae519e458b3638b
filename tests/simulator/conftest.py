"""One simulator process for the whole session; each test gets it empty, with prices pinned."""

import json
from collections.abc import Iterator
from pathlib import Path

import ccxt
import pytest

from tests.venue import RunningSimulator, connect, start_simulator

BTC, BTC_SWAP = "BTC/USDT", "BTC/USDT:USDT"


def account(name: str, **more: object) -> dict[str, object]:
    return {
        "name": name,
        "key": f"{name}-key",
        "secret": f"{name}-secret",
        "passphrase": f"{name}-pass",
        **more,
    }


def keys_of(name: str) -> dict[str, str]:
    return {"apiKey": f"{name}-key", "secret": f"{name}-secret", "password": f"{name}-pass"}


ACCOUNTS = [
    account("alice", spot={"USDT": "10000", "BTC": "1"}, mix={"USDT": "10000"}),
    account("bob", spot={"USDT": "500"}, mix={"USDT": "100"}),
    account("carol", spot={"USDT": "10000", "BGB": "100"}, fee_coin="BGB"),
]


@pytest.fixture(scope="session")
def accounts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("accounts") / "accounts.json"
    path.write_text(json.dumps(ACCOUNTS), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory, accounts_file: Path) -> Iterator[RunningSimulator]:
    running = start_simulator(tmp_path_factory.mktemp("venue"), clock="manual", accounts=accounts_file)
    yield running
    assert running.close() == 0


@pytest.fixture
def venue(simulator: RunningSimulator) -> RunningSimulator:
    """The session's simulator, emptied: BTC stands at 50,000 in spot and in the perpetual."""
    simulator.reset()
    simulator.control("price", {"symbol": "BTC/USDT", "price": "50000"})
    return simulator


@pytest.fixture
def alice(venue: RunningSimulator) -> Iterator[ccxt.bitget]:
    exchange = connect(venue, keys_of("alice"))
    yield exchange
    exchange.session.close()


@pytest.fixture
def bob(venue: RunningSimulator) -> Iterator[ccxt.bitget]:
    exchange = connect(venue, keys_of("bob"))
    yield exchange
    exchange.session.close()


@pytest.fixture
def carol(venue: RunningSimulator) -> Iterator[ccxt.bitget]:
    exchange = connect(venue, keys_of("carol"))
    yield exchange
    exchange.session.close()
