"""Replies of every venue, driven through the real client, the real door and a real socket."""

import json
from pathlib import Path
from typing import Any

import pytest

from runtime.domain.market import Accepted, RefusedByVenue, Unproved
from runtime.exchanges import registry
from runtime.exchanges.ccxt_adapter import CcxtExchange
from runtime.exchanges.profiles import Profile
from tests.exchanges.answering import answering
from tests.exchanges.listings import intent_of, open_listed

RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "recorded").glob("*.json"))
}
PROFILES = list(registry.PROFILES.values())


def _cases() -> list[Any]:
    return [
        pytest.param(profile, reply, id=f"{profile.venue}-{profile.kind}-{reply['name']}")
        for profile in PROFILES
        for reply in RECORDED[profile.venue]["replies"]
        if profile.kind in reply["kinds"]
    ]


def _orders() -> list[Any]:
    return [
        pytest.param(profile, each, id=f"{profile.venue}-{profile.kind}")
        for profile in PROFILES
        for each in RECORDED[profile.venue]["orders"]
        if each["kind"] == profile.kind
    ]


@pytest.mark.parametrize(("profile", "reply"), _cases())
def test_recorded_reply__is_judged_by_what_it_proves(profile: Profile, reply: dict[str, Any]) -> None:
    with answering(reply["status"], "") as venue:
        exchange, _, symbol = open_listed(profile, venue.url)
        intent = intent_of(exchange, symbol)
        venue.text = json.dumps(reply["body"]).replace("{client_id}", intent.client_order_id)
        answer = exchange.submit(intent)
        exchange.close()
    kind, *facts = reply["expect"]
    match kind:
        case "accepted":
            assert answer == Accepted(facts[0])
        case "refused":
            assert isinstance(answer, RefusedByVenue), answer
            assert answer.code == facts[0]
        case _:
            assert isinstance(answer, Unproved), answer
    sent = [body for body in venue.bodies if intent.client_order_id in body]
    assert len(sent) == 1


@pytest.mark.parametrize(("profile", "recorded"), _orders())
def test_recorded_order__is_read_exactly(profile: Profile, recorded: dict[str, Any]) -> None:
    exchange, client, symbol = open_listed(profile, "http://127.0.0.1:1")
    parsed = client.parse_order(recorded["row"], client.market(symbol))
    order = exchange.connection.order(parsed, symbol)
    shown = {name: str(getattr(order, name)) for name in recorded["expect"]}
    exchange.close()
    assert shown == recorded["expect"]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: f"{each.venue}-{each.kind}")
def test_every_profile__has_an_accepted_a_refused_and_an_unproved_reply(profile: Profile) -> None:
    replies = [each for each in RECORDED[profile.venue]["replies"] if profile.kind in each["kinds"]]
    assert {each["expect"][0] for each in replies} == {"accepted", "refused", "unproved"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect__sends_an_order_once_and_proves_nothing(status: int) -> None:
    with answering(200, "{}") as elsewhere, answering(status, "", elsewhere.url) as venue:
        exchange, _, symbol = open_listed(PROFILES[0], venue.url)
        answer = exchange.submit(intent_of(exchange, symbol))
        exchange.close()
    assert isinstance(answer, Unproved)
    assert (len(venue.bodies), elsewhere.bodies) == (1, [])


def test_request__that_the_client_would_alter_is_held_back() -> None:
    with answering(200, "{}") as venue:
        exchange, client, symbol = open_listed(PROFILES[0], venue.url)
        client.markets[symbol]["precision"]["amount"] = "0.001"  # it would round 0.0123 down in silence
        answer = exchange.submit(intent_of(exchange, symbol))
        exchange.close()
    assert "size" in getattr(answer, "detail", "")
    assert venue.bodies == []


def test_exchange__shows_no_secret_when_it_is_printed() -> None:
    exchange, _, _ = open_listed(PROFILES[0], "http://127.0.0.1:1")
    assert isinstance(exchange, CcxtExchange)
    assert "c2Vjc" not in repr(exchange)
    exchange.close()
