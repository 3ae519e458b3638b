"""The checks every new order passes, spot or perpetual, before any money is set aside.

Reads the books, writes nothing. Each refusal bears the code that the venue really uses for it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from runtime.simulator.calls import Call
from runtime.simulator.floor import Floor
from runtime.simulator.markets import Instrument, instrument_of
from runtime.simulator.records import NEVER_MS, ZERO, Force, Order, OrderKind, Product, Side, Status
from runtime.simulator.replies import number, refusal

CLIENT_OID_LENGTH_MAX = 50
Word = TypeVar("Word", Side, OrderKind, Force)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the client asks for, checked against the instrument."""

    instrument: Instrument
    side: Side
    kind: OrderKind
    force: Force
    price: Decimal
    size: Decimal
    client_oid: str


def parse_ticket(call: Call, product: Product) -> Ticket:
    instrument = instrument_of(product, call.required("symbol"))
    side = _one_of(Side, "side", call.required("side"))
    kind = _one_of(OrderKind, "orderType", call.required("orderType"))
    force = _one_of(Force, "force", call.text("force") or "gtc")
    quote_sized = product is Product.SPOT and kind is OrderKind.MARKET and side is Side.BUY
    size = call.amount("size")
    if quote_sized:
        _check_scale("size", size, 8)
    else:
        _check_scale("size", size, instrument.size_places)
    price = ZERO
    if kind is OrderKind.LIMIT:
        price = call.amount("price")
        _check_scale("price", price, instrument.price_places)
    if not quote_sized and size < instrument.size_min:
        raise refusal("45111", f"less than the minimum order quantity {number(instrument.size_min)}")
    return Ticket(instrument, side, kind, force, price, size, _client_oid(call))


def check_cost(ticket: Ticket, cost: Decimal) -> None:
    if cost < ticket.instrument.cost_min:
        raise refusal("45110", f"less than the minimum amount {number(ticket.instrument.cost_min)} USDT")


def check_duplicate(floor: Floor, call: Call, product: Product, client_oid: str) -> None:
    """A client id is taken only while an order that bears it is open: afterwards it makes a second real order."""
    for order in floor.books.live.opened.values():
        same = order.account == call.account.name and order.product is product
        if client_oid and same and order.client_oid == client_oid:
            raise refusal("40786", "Duplicate clientOid")


def write_order(
    floor: Floor,
    call: Call,
    ticket: Ticket,
    *,
    frozen: Decimal,
    reduce_only: bool,
    leverage: Decimal,
    margin_mode: str,
) -> Order:
    order_id = floor.books.next_id()
    held = call.circumstance.held_ms
    return Order(
        order_id=order_id,
        client_oid=ticket.client_oid or order_id,
        account=call.account.name,
        product=ticket.instrument.product,
        symbol=ticket.instrument.symbol,
        side=ticket.side,
        kind=ticket.kind,
        force=ticket.force,
        price=ticket.price,
        size=ticket.size,
        filled_base=ZERO,
        filled_quote=ZERO,
        frozen=frozen,
        status=Status.LIVE,
        reduce_only=reduce_only,
        leverage=leverage,
        margin_mode=margin_mode,
        source=call.source,
        cancel_reason="",
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
        hidden_until_ms=call.now_ms + call.circumstance.hidden_ms if call.circumstance.hidden_ms else 0,
        held_until_ms=(NEVER_MS if held < 0 else call.now_ms + held) if held else 0,
    )


def _one_of(kinds: type[Word], name: str, written: str) -> Word:
    for each in kinds:
        if each.value == written.lower():
            return each
    raise refusal("40017", f"Parameter verification failed {name}")


def _client_oid(call: Call) -> str:
    written = call.text("clientOid")
    if (
        len(written) > CLIENT_OID_LENGTH_MAX
        or not written.isascii()
        or not (written.isprintable() or not written)
    ):
        raise refusal("40305", "client_oid length is not greater than 50, and cannot be Martian characters")
    return written


def _check_scale(name: str, value: Decimal, places: int) -> None:
    if value != value.quantize(Decimal(1).scaleb(-places)):
        detail = (
            f"Parameter verification exception {name} checkBDScale error value={value} checkScale={places}"
        )
        raise refusal("40808", detail)
