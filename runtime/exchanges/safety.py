"""What must be true of a client before it may trade; asserted at every start.

Reads a client's settings, changes nothing. Each refusal says what could have happened and what to do.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import ccxt

from runtime import errors
from runtime.exchanges.door import LOOPBACK
from runtime.exchanges.line import Adapter
from runtime.exchanges.profiles import Profile


def allow(profile: Profile, base_url: str | None, *, live: bool) -> None:
    """Refuse what must not be traded, before a client is made."""
    host = urlsplit(base_url).hostname if base_url else None
    if live == (base_url is not None):
        raise _unsafe(
            profile,
            "it must be said which: the live venue, or the address of a simulator",
            "Set HOLDFAST_LIVE to yes, or HOLDFAST_VENUE_URL, but not both.",
        )
    if base_url and host not in LOOPBACK and not base_url.startswith("https://"):
        raise _unsafe(
            profile,
            "the address of its simulator is on another machine and not encrypted",
            "Use https, or run the simulator on this machine.",
        )
    if not profile.proved and host not in LOOPBACK:
        raise _unsafe(
            profile,
            "its profile was never proved against anything that speaks its protocol: paper only",
            "Point it at a simulator on this machine.",
        )


def origins(profile: Profile, base_url: str | None) -> frozenset[tuple[str, str]]:
    """The scheme and address of every place that a request may go to."""
    if base_url:
        parts = urlsplit(base_url)
        return frozenset({(parts.scheme, parts.netloc)})
    return frozenset(("https", host) for host in profile.hosts)


def assert_safe(client: Any, profile: Profile, allowed: frozenset[tuple[str, str]]) -> None:
    for wrong, detail in _checks(client, profile, allowed):
        if wrong:
            raise _unsafe(
                profile, detail, "This is a defect of the adapter or of the client's version: do not trade."
            )


def _checks(client: Any, profile: Profile, allowed: frozenset[tuple[str, str]]) -> Iterator[tuple[bool, str]]:
    retries = [client.options.get("maxRetriesOnFailure") or 0, *(_adapter_retries(client))]
    yield any(retries), "the client resends what failed, which makes second orders"
    unwatched = [each for each in client.session.adapters.values() if not isinstance(each, Adapter)]
    yield bool(unwatched), "the client could wait for a reply for ever"
    yield client.session.max_redirects != 0, "the client follows redirects, which sends an order twice"
    strange = sorted(each for each in _addresses(client) if _origin(each) not in allowed)
    yield bool(strange), f"{len(strange)} of the client's addresses are not this venue's"
    yield client.number is not str, "the client would turn prices into floating point numbers"
    yield bool(client.verbose), "the client prints its requests, keys among them"
    yield bool(client.enableRateLimit), "the client may sleep before it sends, past an order's deadline"
    yield (
        client.precisionMode != ccxt.TICK_SIZE,
        "the client does not count steps of prices and sizes as we do",
    )
    yield bool(client.session.trust_env), "the client would take a proxy or a password from its surroundings"
    missing = sorted(name for name, value in profile.options.items() if client.options.get(name) != value)
    yield bool(missing), f"the client was not told {', '.join(missing)}"
    if profile.venue == "bitget":
        yield client.options.get("uta") is None, "the client would guess the account type"


def _adapter_retries(client: Any) -> Iterator[int]:
    for adapter in client.session.adapters.values():
        yield adapter.max_retries.total or 0


def _addresses(client: Any) -> Iterator[str]:
    found = [client.urls["api"]]
    while found:
        each = found.pop()
        if isinstance(each, dict):
            found.extend(each.values())
        elif isinstance(each, str):
            yield client.implode_hostname(each)


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc


def _unsafe(profile: Profile, detail: str, remedy: str) -> errors.VenueUnsafe:
    return errors.VenueUnsafe(venue=profile.venue, detail=detail, remedy=remedy)
