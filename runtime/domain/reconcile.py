"""What differs between the ledger and the venue, and what may be done about it. Pure.

Each difference becomes a finding: `prove` (ours, an order whose fate must be looked up), `quarantine` (foreign: shown
and left alone until an operator decides) or `unclean` (totals that do not agree: new risk is refused while it stands).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from runtime.domain import money
from runtime.domain.identity import CLIENT_ORDER_ID_PREFIX, VenueOrderId
from runtime.domain.market import VenueFill, VenueOrder
from runtime.domain.money import ZERO
from runtime.domain.order import TERMINAL, Order, Status


class Reaction(StrEnum):
    PROVE = "prove"
    QUARANTINE = "quarantine"
    UNCLEAN = "unclean"


@dataclass(frozen=True, slots=True)
class Ours:
    """The account as the ledger knows it."""

    orders: tuple[Order, ...]  # unsettled ones, and those settled since the look-back began
    trade_ids: frozenset[tuple[str, str]]  # (symbol, venue trade id) of the fills since the look-back began
    quarantined: frozenset[str]  # venue ids that were set aside, adopted or ignored before
    holdings: Mapping[str, Decimal]  # spot: by coin, linear: by symbol; the sum over the account's bots


@dataclass(frozen=True, slots=True)
class Theirs:
    """The account as the venue shows it."""

    open_orders: tuple[VenueOrder, ...]
    recent_orders: tuple[VenueOrder, ...]
    fills: tuple[VenueFill, ...]
    holdings: Mapping[str, Decimal]  # less what was there before Holdfast came: the account's baseline
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    reaction: Reaction
    subject: str  # the venue's or the client's id, or the coin or symbol
    sentence: str
    order: Order | None = None
    venue_order: VenueOrder | None = None
    venue_fill: VenueFill | None = None


def reconcile(ours: Ours, theirs: Theirs, tolerance: Mapping[str, Decimal]) -> tuple[Finding, ...]:
    """All differences. `tolerance` is what each holding may differ by: the smallest tradable quantity."""
    return (*_orders(ours, theirs), *_fills(ours, theirs), *_holdings(ours, theirs, tolerance))


def _orders(ours: Ours, theirs: Theirs) -> Iterable[Finding]:
    owners = _owners(ours, theirs)
    by_client = {order.client_order_id: order for order in ours.orders}
    seen: set[str] = set()
    for shown in _newest_report((*theirs.open_orders, *theirs.recent_orders)):
        mine = owners.get(shown.venue_order_id)
        if mine is not None:
            seen.add(mine.client_order_id)
            if _differs(mine, shown):
                sentence = f"the ledger says {_said(mine)}, the venue {_said(shown)}"
                yield Finding(Reaction.PROVE, mine.client_order_id, sentence, order=mine, venue_order=shown)
        elif shown.venue_order_id not in ours.quarantined:
            twin = by_client.get(shown.client_order_id) if shown.client_order_id else None
            sentence = _foreign(shown) if twin is None else _second(shown, twin)
            yield Finding(Reaction.QUARANTINE, shown.venue_order_id, sentence, order=twin, venue_order=shown)
    for mine in ours.orders:
        if not mine.is_settled and mine.client_order_id not in seen:
            sentence = f"the ledger says {mine.status}, the venue does not show it"
            yield Finding(Reaction.PROVE, mine.client_order_id, sentence, order=mine)


def _owners(ours: Ours, theirs: Theirs) -> dict[VenueOrderId, Order]:
    """Our order behind each venue order id: the ledger says it, or, where the answer to a submission was lost, the
    client id which the venue shows. An order that has a venue id already is not meant by any other."""
    owners = {order.venue_order_id: order for order in ours.orders if order.venue_order_id}
    unanswered = {order.client_order_id: order for order in ours.orders if not order.venue_order_id}
    for shown in (*theirs.open_orders, *theirs.recent_orders):
        if shown.client_order_id in unanswered:
            owners.setdefault(shown.venue_order_id, unanswered[shown.client_order_id])
    return owners


def _said(order: Order | VenueOrder) -> str:
    return f"{order.status} with {money.canonical(order.filled_quantity):f} filled"


def _newest_report(reports: Iterable[VenueOrder]) -> Iterable[VenueOrder]:
    """One report for each venue order: the one that is furthest on, for two listings are never asked at one instant."""
    newest: dict[str, VenueOrder] = {}
    for report in reports:
        known = newest.get(report.venue_order_id)
        if known is None or _progress(report) > _progress(known):
            newest[report.venue_order_id] = report
    return sorted(newest.values(), key=lambda report: (report.created_at, report.venue_order_id))


def _progress(report: VenueOrder) -> tuple[bool, Decimal]:
    return (report.status in TERMINAL, report.filled_quantity)


def _differs(mine: Order, shown: VenueOrder) -> bool:
    if mine.filled_quantity != shown.filled_quantity:
        return True
    if mine.status in (Status.CANCELLED, Status.EXPIRED, Status.FILLED) and shown.status in TERMINAL:
        return False
    return mine.status is not shown.status


def _foreign(shown: VenueOrder) -> str:
    worth = f"{shown.side} {shown.quantity} {shown.symbol} at {shown.price or 'market'}, {shown.status}"
    if (shown.client_order_id or "").startswith(CLIENT_ORDER_ID_PREFIX):
        return f"an order that looks like ours is not in the ledger (was an older backup restored?): {worth}"
    return f"an order that is not ours: {worth}"


def _second(shown: VenueOrder, twin: Order) -> str:
    return f"a second order {shown.venue_order_id} carries the client id of our {twin.venue_order_id}"


def _fills(ours: Ours, theirs: Theirs) -> Iterable[Finding]:
    owners = _owners(ours, theirs)
    for fill in theirs.fills:
        if (fill.symbol, fill.venue_trade_id) in ours.trade_ids or fill.venue_trade_id in ours.quarantined:
            continue
        mine = owners.get(fill.venue_order_id)
        worth = f"{fill.side} {fill.quantity} {fill.symbol} at {fill.price}"
        if mine is not None:
            sentence = f"a fill of our order is not in the ledger: {worth}"
            yield Finding(Reaction.PROVE, mine.client_order_id, sentence, order=mine, venue_fill=fill)
        else:
            sentence = f"a fill of order {fill.venue_order_id}, which is not ours: {worth}"
            yield Finding(Reaction.QUARANTINE, fill.venue_trade_id, sentence, venue_fill=fill)


def _holdings(ours: Ours, theirs: Theirs, tolerance: Mapping[str, Decimal]) -> Iterable[Finding]:
    for name in sorted({*ours.holdings, *theirs.holdings}):
        expected, found = ours.holdings.get(name, ZERO), theirs.holdings.get(name, ZERO)
        if abs(expected - found) > tolerance.get(name, ZERO):
            sentence = f"{name}: the bots' positions add up to {expected:f}, the venue holds {found:f}"
            yield Finding(Reaction.UNCLEAN, name, sentence)
