"""What the adapter says of an order when the venue or the network misbehaves, counted in the venue's own books."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime import errors
from runtime.domain.market import Accepted, NotSent, RefusedByVenue, Unproved
from runtime.domain.order import Status
from runtime.exchanges.ccxt_adapter import CcxtExchange, Credentials
from runtime.settings import Secret
from tests.conformance.conftest import PROVED, SYMBOLS, Open
from tests.conformance.rig import Rig
from tests.venue import PAPER_KEYS, RunningSimulator, start_simulator

# Each way to answer so that nobody can know, and whether the order exists behind it.
AMBIGUOUS = {
    "accept_then_timeout": True,
    "refuse_then_timeout": False,
    "drop_before": False,
    "drop_after": True,
    "http_5xx_accepted": True,
    "http_5xx_refused": False,
    "truncated_accepted": True,
    "empty_success_accepted": True,
    "empty_success_refused": False,
    "code_accepted": True,
    "code_refused": False,
    "duplicate_code": False,
    "missing_order_id": True,
    "missing_fields": True,
    "wrong_types": True,
    "nul": True,
}
FILLS = {"none": None, "part": "0.004", "filled": "0.01"}


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_ambiguous_answer__is_unproved_and_the_proof_finds_the_truth(rig: Rig, kind: str, fill: str) -> None:
    rig.fault(kind, hold_seconds=1.5)
    intent = rig.intent()
    answer = rig.exchange.submit(intent)
    assert isinstance(answer, Unproved), answer
    orders = rig.at_venue(intent)
    assert len(orders) == (1 if AMBIGUOUS[kind] else 0)
    if orders and FILLS[fill]:
        rig.venue.control("fill", {"client_oid": intent.client_order_id, "quantity": FILLS[fill]})
    shown = rig.prove(intent)
    assert (shown is not None) == AMBIGUOUS[kind]
    if shown:
        expected = {"none": Status.OPEN, "part": Status.PARTIALLY_FILLED, "filled": Status.FILLED}[fill]
        assert shown.status is expected
        assert str(shown.filled_quantity) == (FILLS[fill] or "0")


@pytest.mark.parametrize("shape", ["empty", "object", "null_data"])
def test_empty_success__of_any_shape_is_unproved(rig: Rig, shape: str) -> None:
    rig.fault("empty_success_accepted", shape=shape)
    intent = rig.intent()
    assert isinstance(rig.exchange.submit(intent), Unproved)
    assert rig.prove(intent) is not None


def test_listed_code__is_a_refusal_with_the_venues_words(rig: Rig) -> None:
    for code in rig.profile.refusal_codes:
        rig.fault("code_refused", code=code, message="because", status=400)
        assert rig.exchange.submit(rig.intent()) == RefusedByVenue(code, "because")


def test_listed_code__with_a_server_fault_proves_nothing(rig: Rig) -> None:
    rig.fault("code_accepted", code="43012", status=502)
    assert isinstance(rig.exchange.submit(rig.intent()), Unproved)


@pytest.mark.parametrize("code", ["40015", "40725", "40010", "45001", "1", "99999", "40200"])
def test_unlisted_code__is_unproved_whatever_the_status(rig: Rig, code: str) -> None:
    for status in (200, 400, 429):
        rig.fault("code_accepted", code=code, status=status)
        assert isinstance(rig.exchange.submit(rig.intent()), Unproved)


def test_duplicate_code__is_never_a_refusal(rig: Rig) -> None:
    for code in rig.profile.duplicate_codes:
        rig.fault("code_refused", code=code, status=400)
        assert isinstance(rig.exchange.submit(rig.intent()), Unproved)


def test_rate_limit__proves_that_the_order_does_not_exist(rig: Rig) -> None:
    rig.fault("rate_limit")
    intent = rig.intent()
    answer = rig.exchange.submit(intent)
    assert isinstance(answer, RefusedByVenue)
    assert answer.code in rig.profile.rate_limit_codes
    assert rig.at_venue(intent) == []


def test_any_answer__follows_one_request_only(rig: Rig) -> None:
    for kind in AMBIGUOUS:
        before = rig.requests("place-order")
        rig.fault(kind, hold_seconds=1.2)
        rig.exchange.submit(rig.intent())
        assert rig.requests("place-order") == before + 1


def test_hidden_order__is_found_once_the_venue_shows_it(rig: Rig) -> None:
    rig.fault("delayed_visibility", seconds=0.4)
    intent = rig.intent()
    assert isinstance(rig.exchange.submit(intent), Accepted)
    assert rig.prove(intent) is None
    deadline = time.monotonic() + 5
    while (shown := rig.prove(intent)) is None:
        assert time.monotonic() < deadline
    assert shown.status is Status.OPEN


def test_request_that_arrives_after_its_window__is_refused_by_the_venue(
    open_at: Open, venue: RunningSimulator
) -> None:
    (profile,) = (each for each in PROVED if each.receive_window_param)
    exchange = open_at(replace(profile, receive_window_seconds=1))
    symbol = SYMBOLS[profile.kind]
    exchange.connect((symbol,))
    rig = Rig(profile, exchange, venue, symbol)
    rig.fault("late_request", seconds=1.5)
    intent = rig.intent()
    assert isinstance(exchange.submit(intent), Unproved)
    deadline = time.monotonic() + 5
    while not (arrived := rig.venue.control("requests?route=place-order")["log"]):
        assert time.monotonic() < deadline
    assert arrived[0]["code"] == "40008"
    assert rig.at_venue(intent) == []


def test_market_order__without_a_quote_is_not_sent(rig: Rig) -> None:
    rig.fault("http_5xx_refused", route="*", times=1)
    assert isinstance(rig.exchange.submit(rig.intent(price=None)), NotSent)
    assert rig.requests("place-order") == 0


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RunningSimulator]:
    running = start_simulator(tmp_path, clock="manual")
    yield running
    running.close()


def test_venue_that_is_gone__proves_that_nothing_left(mortal: RunningSimulator, paper: Credentials) -> None:
    (profile, *_) = PROVED
    exchange = CcxtExchange(profile, paper, base_url=mortal.url, request_timeout_seconds=1)
    symbol = SYMBOLS[profile.kind]
    exchange.connect((symbol,))
    rig = Rig(profile, exchange, mortal, symbol)
    intent = rig.intent()
    mortal.kill()
    assert isinstance(exchange.submit(intent), NotSent)
    with pytest.raises(errors.VenueUnavailable):
        exchange.measure_clock()
    exchange.close()


@pytest.fixture
def paper() -> Credentials:
    return Credentials(*(Secret(PAPER_KEYS[name]) for name in ("apiKey", "secret", "password")))
