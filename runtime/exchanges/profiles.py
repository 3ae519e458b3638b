"""What each venue does differently, as data: ids, look-ups, windows, codes, depths.

A profile is `proved` only when its adapter passed the conformance suite against something that speaks the venue's
protocol. An unproved profile, and a venue without a profile, is for paper only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from runtime.domain.identity import ClientOrderId, OrderId, client_order_token
from runtime.domain.market import MarketKind


@dataclass(frozen=True, slots=True)
class Profile:
    venue: str  # the ccxt id
    kind: MarketKind
    proved: bool
    hosts: frozenset[
        str
    ]  # where live requests may go; a test or paper run names its own loopback address instead
    client_id: str  # "token32": 32 letters and digits | "hex": 0x and 32 hex digits | "uuid"
    client_id_reusable_after_fill: bool
    lookup_by_client_id: bool  # whether an unfilled order is found by its client id
    duplicate_codes: frozenset[str]  # "look it up", never "refused"
    refusal_codes: frozenset[str]  # these prove that no order exists; everything else proves nothing
    not_found_codes: frozenset[str]
    rate_limit_codes: frozenset[str]  # proves that the request was not processed
    receive_window_seconds: int  # after this long the venue refuses a request by its own clock
    receive_window_param: bool  # whether we may send the window with the order, or it is the venue's own rule
    history_days: int
    page_size: int
    options: Mapping[str, object]  # for ccxt


def render(profile: Profile, order_id: OrderId) -> ClientOrderId:
    match profile.client_id:
        case "token32":
            return ClientOrderId(client_order_token(order_id))
        case "hex":
            return ClientOrderId("0x" + hashlib.sha256(order_id.bytes).hexdigest()[:32])
        case "uuid":
            return ClientOrderId(str(order_id))
        case other:
            raise ValueError(
                f"the profile of {profile.venue} names the client id form {other!r}, which is not known"
            )
