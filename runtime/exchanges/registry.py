"""Which venues there are, and how one is opened: a table that anybody can read."""

from collections.abc import Mapping

from runtime import errors
from runtime.domain.market import MarketKind
from runtime.exchanges import bitget, unproved
from runtime.exchanges.ccxt_adapter import CcxtExchange, Credentials
from runtime.exchanges.port import Exchange
from runtime.exchanges.profiles import Profile

PROFILES: Mapping[tuple[str, MarketKind], Profile] = {
    (each.venue, each.kind): each for each in (bitget.SPOT, bitget.LINEAR, *unproved.ALL)
}


def open_exchange(
    venue: str,
    kind: MarketKind,
    credentials: Credentials,
    *,
    base_url: str | None,
    request_timeout_seconds: float,
    live: bool = False,
) -> Exchange:
    """Exactly one of `live` and `base_url`: real money never hides behind a forgotten address."""
    profile = PROFILES.get((venue, kind))
    if profile is None:
        known = ", ".join(sorted(f"{name} ({each})" for name, each in PROFILES))
        raise errors.VenueUnsafe(
            venue=venue, detail=f"there is no profile for its {kind} markets", remedy=f"Known are: {known}."
        )
    return CcxtExchange(
        profile,
        credentials,
        base_url=base_url,
        request_timeout_seconds=request_timeout_seconds,
        live=live,
    )
