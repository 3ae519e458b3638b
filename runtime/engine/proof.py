"""What became of an order, proved by the venue.

In this order: the order by its id, the open orders, the history back to before the intent, the fills. A filled order
is often no longer found by its client id, so the first look-up alone would call it lost. Nothing seen anywhere is a
proof of absence only if the venue's clock had passed the last instant at which it could still accept the request
*before* we looked.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from runtime import logs
from runtime.domain.fill import Fill
from runtime.domain.market import VenueFill, VenueOrder
from runtime.domain.order import RESTING, Order, Status
from runtime.engine.desk import Desk

# How far two clocks, ours carried on from the venue's, may drift apart between two measurements.
CLOCK_SKEW = timedelta(seconds=2)
# How far back before an intent the venue's history is read: its rows may be stamped a little early.
HISTORY_MARGIN = timedelta(seconds=60)

_NEVER_ACCEPTED = (Status.FAILED, Status.REJECTED)


def prove(desk: Desk, order: Order, shown: Sequence[VenueOrder] = ()) -> Order:
    """Look until the order's fate is known, and record it. `shown` is what a listing said of it a moment ago."""
    looked_at = desk.exchange.measure_clock() if order.status is Status.UNKNOWN else desk.exchange.now()
    found = _find(desk, order, shown)
    if found is not None:
        return settle(desk, order, found)
    if order.status is not Status.UNKNOWN:
        return _vanished(desk, order)
    behind_fills = list(_orders_of_fills(desk, order))
    for each in behind_fills:
        if each is not None and _is_same(order, each):
            return settle(desk, order, each)
    if None in behind_fills:
        logs.warning("a fill is listed whose order is not shown", order=order.client_order_id)
        return order
    # What the venue once acknowledged it did accept: that it shows it nowhere now proves nothing about that.
    if order.venue_order_id is None and looked_at > last_possible_acceptance(desk, order):
        facts = {"proof": "absent everywhere after the last instant at which the venue could accept it"}
        return desk.ledger.advance(order, Status.FAILED, desk.exchange.now(), facts)
    return order


def last_possible_acceptance(desk: Desk, order: Order) -> datetime:
    window = timedelta(seconds=desk.exchange.profile.receive_window_seconds)
    return order.send_before + window + CLOCK_SKEW


def settle(desk: Desk, order: Order, found: VenueOrder) -> Order:
    """Record what the venue shows: its id, the fills that are new, and then how the order ended."""
    if order.status in _NEVER_ACCEPTED:
        logs.error(
            "the venue shows an order it had denied",
            order=order.client_order_id,
            venue_order=found.venue_order_id,
        )
        order = desk.ledger.advance(
            order, Status.UNKNOWN, desk.exchange.now(), {"contradicted_by": found.venue_order_id}
        )
    if order.status is Status.PENDING or order.venue_order_id is None or order.status is Status.UNKNOWN:
        order = _acknowledge(desk, order, found)
    if found.filled_quantity > order.filled_quantity:
        order = _record_fills(desk, order)
    if found.filled_quantity > order.filled_quantity:
        return order  # the venue lists fewer fills than it counts; its order is not closed before they have shown up
    return _close(desk, order, found.status)


def _find(desk: Desk, order: Order, shown: Sequence[VenueOrder]) -> VenueOrder | None:
    exchange = desk.exchange
    for listed in shown:
        if _is_same(order, listed):
            return listed
    found = exchange.fetch_order(
        order.symbol, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
    )
    if found is not None and _is_same(order, found):
        return found
    for listed in exchange.fetch_open_orders((order.symbol,)):
        if _is_same(order, listed):
            return listed
    for listed in exchange.fetch_order_history(order.symbol, order.created_at - HISTORY_MARGIN):
        if _is_same(order, listed):
            return listed
    return None


def _orders_of_fills(desk: Desk, order: Order) -> Iterator[VenueOrder | None]:
    """The orders of what was filled since the intent; None for one that the venue does not show.

    A history that is told late must not hide an order that was filled. Fills come from another list, and name their
    order by the venue's own id.
    """
    exchange, known = desk.exchange, {each.venue_order_id for each in desk.ledger.unsettled()}
    listed = exchange.fetch_fills(order.symbol, since=order.created_at - HISTORY_MARGIN)
    fitting = [each for each in listed if each.side is order.side and each.quantity <= order.quantity]
    for venue_order_id in dict.fromkeys(each.venue_order_id for each in fitting):
        if venue_order_id not in known:
            yield exchange.fetch_order(order.symbol, client_order_id=None, venue_order_id=venue_order_id)


def _is_same(order: Order, shown: VenueOrder) -> bool:
    """By the venue's id once it is known; before that by our own, and then what it asks for must be ours too."""
    if order.venue_order_id is not None:
        return shown.venue_order_id == order.venue_order_id
    asks_the_same = (shown.symbol, shown.side) == (order.symbol, order.side)
    return shown.client_order_id == order.client_order_id and asks_the_same


def _vanished(desk: Desk, order: Order) -> Order:
    """The venue acknowledged it once and shows it nowhere now: visible, and blocking, until that is explained."""
    if order.status in RESTING:
        logs.error("an acknowledged order is shown nowhere", order=order.client_order_id)
        return desk.ledger.advance(order, Status.UNKNOWN, desk.exchange.now(), {"shown": "nowhere"})
    return order


def _acknowledge(desk: Desk, order: Order, found: VenueOrder) -> Order:
    facts = {"proof": "shown by the venue", "venue_status": found.status}
    return desk.ledger.advance(
        order, Status.SUBMITTED, desk.exchange.now(), facts, venue_order_id=found.venue_order_id
    )


def _record_fills(desk: Desk, order: Order) -> Order:
    since = order.created_at - HISTORY_MARGIN
    listed = desk.exchange.fetch_fills(order.symbol, since=since, venue_order_id=order.venue_order_id)
    for each in listed:
        if each.quantity > order.remaining:
            logs.error("a fill is larger than what is left of its order", order=order.client_order_id)
            desk.unclean = (
                *desk.unclean,
                f"fill {each.venue_trade_id} is larger than what is left of its order",
            )
            return order
        order = desk.ledger.record_fill(order, render_fill(desk, order, each), desk.exchange.now())
    return order


def render_fill(desk: Desk, order: Order, each: VenueFill) -> Fill:
    market = desk.markets[order.symbol]
    return Fill(
        order_id=order.order_id,
        bot_id=order.bot_id,
        venue_trade_id=each.venue_trade_id,
        venue_order_id=each.venue_order_id,
        symbol=order.symbol,
        base=market.base,
        quote=market.quote,
        side=each.side,
        quantity=each.quantity,
        price=each.price,
        fee=each.fee,
        fee_coin=each.fee_coin,
        quantity_step=market.quantity_step,
        traded_at=each.traded_at,
    )


def _close(desk: Desk, order: Order, shown: Status) -> Order:
    """The status that the venue shows, where the fills have not brought the order there already."""
    if shown is order.status or order.is_settled:
        return order
    ends = shown in (Status.CANCELLED, Status.EXPIRED, Status.REJECTED)
    rests = shown is Status.OPEN and order.status is Status.SUBMITTED
    if not ends and not rests:
        return order
    if shown is Status.REJECTED and order.status is not Status.SUBMITTED:
        shown = Status.CANCELLED  # it had been resting: the venue's engine took it back
    return desk.ledger.advance(order, shown, desk.exchange.now(), {"venue_status": shown})
