"""Orders meet prices: at once when they cross the spread, later when the path reaches them.

Writes orders and fills, and through settlement balances and positions, within the caller's change.
"""

from collections import defaultdict
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from runtime.simulator import settlement
from runtime.simulator.clock import wall_ms
from runtime.simulator.floor import Floor, move_balance, position_of
from runtime.simulator.markets import QUOTE, Instrument, instrument_of
from runtime.simulator.prices import Quote
from runtime.simulator.records import ZERO, Fill, Force, Order, OrderKind, Product, Scope, Side, Status

MARGIN_DIGITS = Decimal("1e-12")


def place(floor: Floor, order: Order, *, fraction: Decimal = Decimal(1)) -> Order:
    """Take a checked order whose funds are set aside: fill what crosses, rest or cancel what does not."""
    instrument = instrument_of(order.product, order.symbol)
    quote = floor.quote(instrument)
    floor.books.put(order)
    if not crosses(order, quote):
        return (
            order if order.force in (Force.GTC, Force.POST_ONLY) else cancel(floor, order, "ioc_not_filled")
        )
    if order.force is Force.POST_ONLY:
        return cancel(floor, order, "post_only_would_take")
    return _take(floor, order, instrument, quote, fraction)


def match_resting(floor: Floor) -> bool:
    """Fill every open order that the path has reached since the last look; says whether anything changed."""
    now = floor.clock.now_second()
    after, floor.matched_second = min(floor.matched_second, now), now
    waiting: dict[tuple[Product, str], list[Order]] = defaultdict(list)
    for order in floor.books.live.opened.values():
        if order.held_until_ms <= wall_ms():
            waiting[order.product, order.symbol].append(order)
    changed = False
    for (product, symbol), orders in waiting.items():
        instrument = instrument_of(product, symbol)
        for quote in floor.feed.quotes_between(instrument, after, now):
            reached = [order for order in orders if crosses(order, quote)]
            for order in reached:
                orders.remove(order)
                _fill_rested(floor, order, instrument, quote)
                changed = True
            if not orders:
                break
    return changed


def crosses(order: Order, quote: Quote) -> bool:
    if order.kind is OrderKind.MARKET:
        return True
    return order.price >= quote.ask if order.side is Side.BUY else order.price <= quote.bid


def cancel(floor: Floor, order: Order, reason: str) -> Order:
    """Release what is set aside and close the order."""
    if order.product is Product.SPOT:
        coin = QUOTE if order.side is Side.BUY else instrument_of(order.product, order.symbol).base
        move_balance(floor, order.account, Product.SPOT, coin, available=order.frozen, frozen=-order.frozen)
    closed = replace(order, status=Status.CANCELLED, frozen=ZERO, cancel_reason=reason, updated_ms=wall_ms())
    floor.books.put(closed)
    return closed


def fill(floor: Floor, order: Order, *, size: Decimal, price: Decimal, scope: Scope) -> Order:
    """Record one fill of an order and everything that follows from it."""
    instrument = instrument_of(order.product, order.symbol)
    now_ms, quote = wall_ms(), size * price
    filled = order.filled_base + size
    done = _is_done(order, instrument, filled=filled, spent=order.filled_quote + quote, price=price)
    status = (Status.FILLED if done else Status.PARTIALLY_FILLED) if order.is_open else order.status
    frozen = ZERO if done or not order.is_open else _frozen_after(order, filled=filled, quote=quote)
    released = order.frozen - frozen
    profit = ZERO
    if order.product is Product.SPOT:
        fee = settlement.spot_fee(floor, order, instrument, size, quote, scope)
        settlement.settle_spot(floor, order, instrument, size=size, quote=quote, released=released, fee=fee)
    else:
        rate = instrument.maker_rate if scope is Scope.MAKER else instrument.taker_rate
        fee = settlement.Fee(quote * rate, QUOTE)
        profit = settlement.settle_mix(floor, order, size=size, price=price, fee=fee, now_ms=now_ms)
    floor.books.put(
        Fill(
            trade_id=floor.books.next_id(),
            order_id=order.order_id,
            account=order.account,
            product=order.product,
            symbol=order.symbol,
            side=order.side,
            kind=order.kind,
            price=price,
            size=size,
            quote=quote,
            fee=fee.amount,
            fee_coin=fee.coin,
            deducted=fee.deducted,
            scope=scope,
            profit=profit,
            created_ms=now_ms,
        )
    )
    changed = replace(
        order,
        filled_base=filled,
        filled_quote=order.filled_quote + quote,
        frozen=frozen,
        status=status,
        updated_ms=now_ms,
    )
    floor.books.put(changed)
    return changed


def remaining_size(order: Order, instrument: Instrument, price: Decimal) -> Decimal:
    """What is still to be filled, in base."""
    if order.is_quote_sized:
        return instrument.floor_size((order.size - order.filled_quote) / price)
    return order.size - order.filled_base


def _take(floor: Floor, order: Order, instrument: Instrument, quote: Quote, fraction: Decimal) -> Order:
    price = quote.ask if order.side is Side.BUY else quote.bid
    size = instrument.floor_size(remaining_size(order, instrument, price) * fraction)
    filled = _fill_within_position(floor, order, size=size, price=price, scope=Scope.TAKER)
    immediate = order.force in (Force.IOC, Force.FOK)
    return cancel(floor, filled, "ioc_rest") if filled.is_open and immediate else filled


def _fill_rested(floor: Floor, order: Order, instrument: Instrument, quote: Quote) -> None:
    if order.kind is OrderKind.MARKET:
        _take(floor, order, instrument, quote, Decimal(1))
    else:
        size = order.size - order.filled_base
        _fill_within_position(floor, order, size=size, price=order.price, scope=Scope.MAKER)


def _fill_within_position(
    floor: Floor, order: Order, *, size: Decimal, price: Decimal, scope: Scope
) -> Order:
    """A reduce-only order fills at most what there is to close; the venue cancels the rest by itself."""
    room = size
    if order.reduce_only:
        held = position_of(floor.books.live, order.account, order.symbol).quantity
        room = min(size, max(ZERO, -held if order.side is Side.BUY else held))
    filled = fill(floor, order, size=room, price=price, scope=scope) if room > 0 else order
    if room < size or (size == 0 and order.is_quote_sized):
        return cancel(floor, filled, "nothing_left_to_close" if order.reduce_only else "too_small")
    return filled


def _is_done(
    order: Order, instrument: Instrument, *, filled: Decimal, spent: Decimal, price: Decimal
) -> bool:
    if order.is_quote_sized:
        return instrument.floor_size((order.size - spent) / price) <= 0
    return filled >= order.size


def _frozen_after(order: Order, *, filled: Decimal, quote: Decimal) -> Decimal:
    if order.product is Product.MIX:
        left, before = order.size - filled, order.size - order.filled_base
        return (order.frozen * left / before).quantize(MARGIN_DIGITS, rounding=ROUND_DOWN)
    if order.side is Side.SELL:
        return order.size - filled
    return order.frozen - quote if order.is_quote_sized else order.price * (order.size - filled)
