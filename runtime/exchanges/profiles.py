"""What each venue does differently, as data: ids, look-ups, windows, codes, depths.

A profile is `proved` only when its adapter passed the conformance suite against something that speaks the venue's
protocol. An unproved profile, and a venue without a profile, is for paper only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from runtime.domain.identity import ClientOrderId, OrderId, client_order_token
from runtime.domain.market import MarketKind


@dataclass(frozen=True, slots=True)
class Wire:
    """Where a new order's figures stand in the request, as dotted paths, so that they are compared before it leaves."""

    quantity: str
    price: str
    client_id: str
    side: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """One venue and one kind of market. Codes map to why they may be relied upon."""

    venue: str  # the ccxt id
    kind: MarketKind
    proved: bool
    hosts: frozenset[str]  # where live requests may go; a paper run names its own loopback address instead
    client_id: str  # "token32": 32 letters and digits | "hex": 0x and 32 hex digits | "uuid"
    client_id_reusable_after_fill: bool
    lookup_by_client_id: bool  # whether an unfilled order is found by its client id
    duplicate_codes: frozenset[str]  # "look it up", never "refused"
    refusal_codes: Mapping[str, str]  # these prove that no order exists; everything else proves nothing
    not_found_codes: frozenset[str]
    rate_limit_codes: frozenset[str]  # proves that the request was not processed
    receive_window_seconds: int  # after this long the venue refuses a request by its own clock
    receive_window_param: bool  # whether we may send the window with the order, or it is the venue's own rule
    history_days: int
    page_size: int
    wire: Wire
    access_codes: frozenset[str] = frozenset()  # our key will not do, however often we ask
    options: Mapping[str, object] = field(default_factory=dict)  # for ccxt
    success: frozenset[str] = frozenset()  # codes that mean "no fault"; empty where the venue sends none
    code_paths: tuple[str, ...] = ("code",)
    message_paths: tuple[str, ...] = ("msg",)
    payload: str = ""  # where a reply keeps what was asked for; empty where the reply is that itself
    list_names: tuple[str, ...] = ()  # what a listing within the payload may be called
    client_id_param: str = "clientOrderId"  # what ccxt wants it to be called
    echoes_client_id: bool = True  # whether the reply to a new order names our client id
    rows_carry_client_id: bool = False  # whether every listed order, also a foreign one, bears some client id
    closed_in_part: bool = (
        False  # whether ccxt says `closed` of an order that was cancelled with a part filled
    )
    history_method: str = "fetch_canceled_and_closed_orders"
    pages_by_id: bool = (
        False  # whether `idLessThan` pages back; otherwise a full page is an error, not an end
    )
    fills_window_days: int = 90  # the longest span that one listing of fills may cover
    account: Mapping[str, str] = field(
        default_factory=dict
    )  # parameters that name the account in ccxt's calls
    # where the terms of a perpetual say which mode the account is in, and the one that we can trade
    position_mode: tuple[str, str] | None = None
    request_gap_seconds: float = 0.05  # the least time between two reads at the live venue
    market_collar: Decimal = Decimal("0.005")  # how far from the touch a market order may still be filled


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
