"""What must be true before a venue may be traded."""

from collections.abc import Callable
from dataclasses import replace
from decimal import getcontext
from typing import Any

import pytest

from runtime import errors
from runtime.domain.market import MarketKind
from runtime.exchanges import bitget, registry, unproved
from runtime.exchanges.ccxt_adapter import CcxtExchange, Credentials
from runtime.exchanges.profiles import Profile
from runtime.settings import Secret
from tests.conformance.conftest import Open
from tests.conformance.rig import Rig
from tests.venue import RunningSimulator

SABOTAGE: dict[str, Callable[[Any], object]] = {
    "resends": lambda client: client.options.update(maxRetriesOnFailure=2),
    "redirects": lambda client: setattr(client.session, "max_redirects", 5),
    "addresses": lambda client: client.urls["api"].update(mix="https://api.bitget.example"),
    "floating point": lambda client: setattr(client, "number", float),
    "prints": lambda client: setattr(client, "verbose", True),
    "sleep": lambda client: setattr(client, "enableRateLimit", True),
    "proxy": lambda client: setattr(client.session, "trust_env", True),
    "uta": lambda client: client.options.update(uta=None),
}


@pytest.mark.parametrize("word", SABOTAGE)
def test_unsafe_client__is_refused_at_the_start(open_at: Open, word: str) -> None:
    exchange = open_at(bitget.SPOT)
    SABOTAGE[word](exchange.connection.client)
    with pytest.raises(errors.VenueUnsafe, match=word):
        exchange.connect(("BTC/USDT",))


def test_request_to_another_address__is_held_back_even_after_the_start(rig: Rig) -> None:
    client: Any = rig.exchange.connection.client  # type: ignore[attr-defined]
    for name in client.urls["api"]:
        client.urls["api"][name] = "http://127.0.0.1:9"
    with pytest.raises(errors.VenueUnavailable, match="not this venue's"):
        rig.exchange.fetch_balances()


@pytest.mark.parametrize("profile", unproved.ALL, ids=lambda each: f"{each.venue}-{each.kind}")
def test_unproved_profile__is_for_paper_only(profile: Profile, credentials: Credentials) -> None:
    for base_url, live in ((None, True), ("https://simulator.example", False)):
        with pytest.raises(errors.VenueUnsafe, match="paper only"):
            registry.open_exchange(
                profile.venue,
                profile.kind,
                credentials,
                base_url=base_url,
                request_timeout_seconds=1,
                live=live,
            )
    paper = registry.open_exchange(
        profile.venue, profile.kind, credentials, base_url="http://127.0.0.1:1", request_timeout_seconds=1
    )
    paper.close()


@pytest.mark.parametrize(("base_url", "live"), [(None, False), ("http://127.0.0.1:1", True)])
def test_live__must_be_said_and_excludes_a_simulator(
    credentials: Credentials, base_url: str | None, live: bool
) -> None:
    with pytest.raises(errors.VenueUnsafe, match="HOLDFAST_LIVE"):
        CcxtExchange(bitget.SPOT, credentials, base_url=base_url, request_timeout_seconds=1, live=live)


@pytest.mark.parametrize("profile", [bitget.SPOT, bitget.LINEAR], ids=["spot", "linear"])
def test_live_client__has_only_the_venues_own_addresses(profile: Profile, credentials: Credentials) -> None:
    exchange = CcxtExchange(profile, credentials, base_url=None, request_timeout_seconds=1, live=True)
    stranger = replace(profile, hosts=frozenset({"api.bitget.example"}))
    strange = CcxtExchange(stranger, credentials, base_url=None, request_timeout_seconds=1, live=True)
    with pytest.raises(errors.VenueUnsafe, match="addresses are not this venue's"):
        strange.connect(("BTC/USDT",))
    exchange.close()
    strange.close()


def test_unknown_venue__is_refused_with_the_known_ones(credentials: Credentials) -> None:
    with pytest.raises(errors.VenueUnsafe, match=r"Known are: .*bitget \(linear\), bitget \(spot\)"):
        registry.open_exchange(
            "mtgox", MarketKind.SPOT, credentials, base_url=None, request_timeout_seconds=1, live=True
        )


def test_unknown_symbol__is_refused_at_the_start(rig: Rig) -> None:
    with pytest.raises(errors.VenueUnsafe, match="NOPE/USDT"):
        rig.exchange.connect(("NOPE/USDT",))


def test_settings__make_each_known_profile_distinct() -> None:
    assert len(registry.PROFILES) == 2 + len(unproved.ALL)
    for (venue, kind), profile in registry.PROFILES.items():
        assert (profile.venue, profile.kind) == (venue, kind)
        assert not profile.duplicate_codes & set(profile.refusal_codes)
        assert not profile.rate_limit_codes & set(profile.refusal_codes)


def test_key__that_the_venue_does_not_know_stops_the_desk(venue: RunningSimulator) -> None:
    stranger = Credentials(Secret("nobody"), Secret("x"), Secret("y"))
    exchange = registry.open_exchange(
        "bitget", MarketKind.SPOT, stranger, base_url=venue.url, request_timeout_seconds=5
    )
    exchange.connect(("BTC/USDT",))
    with pytest.raises(errors.VenueUnsafe, match="HOLDFAST_VENUE_KEY"):
        exchange.fetch_balances()
    exchange.close()


def test_account_in_hedge_mode__is_refused_at_the_start(open_at: Open) -> None:
    """There an order that shall close a position opens a second one beside it."""
    exchange = open_at(bitget.LINEAR)
    symbol = "BTC/USDT:USDT"
    exchange.connect((symbol,))
    client: Any = exchange.connection.client
    client.set_position_mode(True, symbol)
    with pytest.raises(errors.VenueUnsafe, match=r"hedge mode.* set its position mode to one-way"):
        exchange.connect((symbol,))
    client.set_position_mode(False, symbol)
    exchange.connect((symbol,))


def test_position_mode__that_the_venue_does_not_tell_is_no_permission(rig: Rig) -> None:
    if rig.profile.position_mode is None:
        return
    for kind in ("missing_fields", "wrong_types"):
        rig.fault(kind, route="account", fields=["posMode"])
        with pytest.raises(errors.VenueUnavailable, match="position mode"):
            rig.exchange.connect((rig.symbol,))


def test_simulator__on_another_machine_must_be_reached_over_tls(credentials: Credentials) -> None:
    with pytest.raises(errors.VenueUnsafe, match="not encrypted"):
        registry.open_exchange(
            "bitget",
            MarketKind.SPOT,
            credentials,
            base_url="http://192.0.2.1:1",
            request_timeout_seconds=5,
        )


def test_client__leaves_our_own_arithmetic_as_it_was(rig: Rig) -> None:
    """ccxt sets the thread's rounding and traps; a ledger that rounds otherwise after an order is another ledger."""
    before = getcontext().copy()
    intent = rig.intent()
    order = rig.accepted(intent)
    rig.exchange.cancel(rig.symbol, order.venue_order_id)
    rig.exchange.fetch_balances()
    assert (getcontext().rounding, getcontext().traps) == (before.rounding, before.traps)
