"""Every test of this folder runs once for each proved profile, against a simulator of its own folder."""

import json
from collections.abc import Callable, Iterator

import pytest

from runtime.domain.market import MarketKind
from runtime.exchanges import registry
from runtime.exchanges.ccxt_adapter import CcxtExchange, Credentials
from runtime.exchanges.profiles import Profile
from runtime.settings import Secret
from tests.conformance.rig import PRICE, Rig
from tests.venue import RunningSimulator, start_simulator

# What must never be seen in an error, a log or an answer.
CANARIES = ("canary-key-7f3a", "canary-secret-91bc", "canary-phrase-d2e8")
ACCOUNTS = [
    {
        "name": "canary",
        "key": CANARIES[0],
        "secret": CANARIES[1],
        "passphrase": CANARIES[2],
        "spot": {"USDT": "100000", "BTC": "2"},
        "mix": {"USDT": "100000"},
    }
]
SYMBOLS = {MarketKind.SPOT: "BTC/USDT", MarketKind.LINEAR: "BTC/USDT:USDT"}
PROVED = [profile for profile in registry.PROFILES.values() if profile.proved]
TIMEOUT_SECONDS = 1.0

Open = Callable[[Profile], CcxtExchange]


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    accounts = tmp_path_factory.mktemp("accounts") / "accounts.json"
    accounts.write_text(json.dumps(ACCOUNTS), encoding="utf-8")
    running = start_simulator(tmp_path_factory.mktemp("venue"), clock="manual", accounts=accounts)
    yield running
    assert running.close() == 0


@pytest.fixture
def venue(simulator: RunningSimulator) -> RunningSimulator:
    simulator.reset()
    simulator.control("price", {"symbol": "BTC/USDT", "price": str(PRICE)})
    return simulator


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(*(Secret(each) for each in CANARIES))


@pytest.fixture
def open_at(venue: RunningSimulator, credentials: Credentials) -> Iterator[Open]:
    opened: list[CcxtExchange] = []

    def open_one(profile: Profile) -> CcxtExchange:
        exchange = CcxtExchange(
            profile, credentials, base_url=venue.url, request_timeout_seconds=TIMEOUT_SECONDS
        )
        opened.append(exchange)
        return exchange

    yield open_one
    for exchange in opened:
        exchange.close()


@pytest.fixture(params=PROVED, ids=lambda profile: f"{profile.venue}-{profile.kind}")
def rig(request: pytest.FixtureRequest, venue: RunningSimulator, open_at: Open) -> Rig:
    profile: Profile = request.param
    exchange = open_at(profile)
    symbol = SYMBOLS[profile.kind]
    exchange.connect((symbol,))
    return Rig(profile, exchange, venue, symbol)
