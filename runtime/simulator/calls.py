"""One request, once it is known who asks: its fields read strictly, and its rows paged as documented.

Pure; touches nothing. Every malformed field is a refusal with the venue's code, never an exception of Python's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import TypeVar

from runtime.simulator.books import Shelf
from runtime.simulator.records import Account, Fill, Order, Product
from runtime.simulator.replies import refusal

PAGE_ROWS_MAX = 100
HISTORY_DAYS = 90
DAY_MS = 86_400_000
NUMBER_DIGITS_MAX = 24
NUMBER_EXPONENT_MAX = 16
NOBODY = Account("", "", "", "", "")
Row = TypeVar("Row", Order, Fill)


@dataclass(frozen=True, slots=True)
class Circumstance:
    """What a fault does to the work itself, as opposed to its answer."""

    hidden_ms: int = 0
    held_ms: int = 0
    fraction: Decimal = Decimal(1)
    fills_mode: str = ""
    fills_delay_ms: int = 0
    stale_ms: int = 0  # how old the market data is that is shown


@dataclass(frozen=True, slots=True)
class Call:
    params: Mapping[str, object]
    shelf: Shelf
    now_ms: int
    account: Account = NOBODY
    circumstance: Circumstance = field(default_factory=Circumstance)
    source: str = "API"

    def text(self, name: str) -> str:
        """The field as text, or an empty text when it is absent."""
        value = self.params.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise refusal("40017", f"Parameter verification failed {name}")
        return str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise refusal("40019", f"Parameter {name} cannot be empty")
        return value

    def amount(self, name: str) -> Decimal:
        """A finite number above zero, of a sane length."""
        written = self.required(name)
        try:
            value = Decimal(written)
        except InvalidOperation:
            raise refusal("40017", f"Parameter verification failed {name}") from None
        sane = value.is_finite() and value > 0 and abs(value.adjusted()) <= NUMBER_EXPONENT_MAX
        if not sane or len(value.as_tuple().digits) > NUMBER_DIGITS_MAX:
            raise refusal("40017", f"Parameter verification failed {name}")
        return value

    def integer(self, name: str) -> int | None:
        written = self.text(name)
        if not written:
            return None
        if not written.isascii() or not written.isdigit() or len(written) > 25:
            raise refusal("40020", f"Parameter {name} error")
        return int(written)


def page(rows: Iterable[Row], call: Call, *, limit_max: int = PAGE_ROWS_MAX) -> list[Row]:
    """The newest rows first that the call asks for, at most a page of them."""
    limit = min(call.integer("limit") or limit_max, limit_max)
    return list(islice(_asked_for(rows, call), limit))


def _asked_for(rows: Iterable[Row], call: Call) -> Iterator[Row]:
    first, last = call.integer("startTime") or 0, call.integer("endTime")
    below, symbol, order_id = call.integer("idLessThan"), call.text("symbol"), call.text("orderId")
    first = max(first, call.now_ms - HISTORY_DAYS * DAY_MS)
    for row in rows:
        if symbol and row.symbol != symbol or order_id and row.order_id != order_id:
            continue
        if row.created_ms < first or last is not None and row.created_ms > last:
            continue
        if below is None or int(row.key) < below:
            yield row


def visible_orders(call: Call, product: Product, *, opened: bool = False) -> Iterator[Order]:
    """The account's orders, or its open ones only, newest first, without those that the venue does not show yet."""
    for order in reversed((call.shelf.opened if opened else call.shelf.orders).values()):
        if (
            order.account == call.account.name
            and order.product is product
            and order.hidden_until_ms <= call.now_ms
        ):
            yield order


def visible_fills(call: Call, product: Product) -> Iterator[Fill]:
    for one in reversed(call.shelf.fills.values()):
        if one.account == call.account.name and one.product is product:
            order = call.shelf.orders.get(one.order_id)
            if order is None or order.hidden_until_ms <= call.now_ms:
                yield one


def listed_fills(call: Call, product: Product) -> list[Fill]:
    """A page of fills, told late, twice or backwards when the venue was asked to."""
    told = call.now_ms - call.circumstance.fills_delay_ms
    rows = page((one for one in visible_fills(call, product) if one.created_ms <= told), call)
    match call.circumstance.fills_mode:
        case "duplicate":
            return [row for row in rows for _ in range(2)]
        case "reverse":
            return rows[::-1]
        case _:
            return rows


def fills_by_order(call: Call, orders: Iterable[Order]) -> dict[str, list[Fill]]:
    """The fills of these orders, in one pass over the books."""
    wanted: dict[str, list[Fill]] = {order.order_id: [] for order in orders if order.filled_base}
    for one in call.shelf.fills.values() if wanted else ():
        if one.order_id in wanted:
            wanted[one.order_id].append(one)
    return wanted


def find_order(orders: Iterable[Order], call: Call) -> Order | None:
    """By order id, else by client id: the newest that bears it."""
    order_id, client_oid = call.text("orderId"), call.text("clientOid")
    if not order_id and not client_oid:
        raise refusal("40019", "Parameter orderId cannot be empty")
    for order in orders:
        if order_id and order.order_id == order_id or not order_id and order.client_oid == client_oid:
            return order
    return None
