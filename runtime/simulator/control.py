"""The control endpoint: set the price and the clock, plan misbehaviour, act as the venue, read the true books.

Loopback only, and with a token when one is configured. What it changes is committed like any other change.
"""

import hmac
import json
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from runtime import errors
from runtime.simulator import faults, matching, mix, spot
from runtime.simulator.calls import Call
from runtime.simulator.clock import SERVER_TIME, wall_ms
from runtime.simulator.config import parse_account
from runtime.simulator.floor import HEDGED, move_balance
from runtime.simulator.markets import COINS, MIX, SPOT, instrument_of
from runtime.simulator.records import (
    Balance,
    Fill,
    Mark,
    Order,
    OrderKind,
    Position,
    Product,
    Scope,
    Side,
    Terms,
)
from runtime.simulator.replies import Reply, render
from runtime.simulator.signature import Request
from runtime.simulator.venue import PIN, Venue

Body = dict[str, Any]
PREFIX = "/control/"
LOOPBACK = ("127.0.0.1", "::1")
LOG_ROWS_MAX = 1000


def answer(venue: Venue, request: Request, peer: str) -> Reply:
    token = venue.config.control_token
    given = request.headers.get("x-control-token", "")
    if peer not in LOOPBACK or token and not hmac.compare_digest(token.encode(), given.encode()):
        return render(403, {"error": "the control endpoint is closed to you"})
    work = TABLE.get((request.method, request.path.removeprefix(PREFIX)))
    if work is None:
        return render(404, {"error": "no such control", "known": [f"{verb} {name}" for verb, name in TABLE]})
    try:
        body = _body(request)
        with venue.lock:
            return render(200, work(venue, body))
    except errors.Refused as exc:
        return render(400, {"error": str(exc), **{name: str(fact) for name, fact in exc.facts.items()}})


def open_account(venue: Venue, body: Body) -> object:
    try:
        spec = parse_account(body)
    except ValueError as exc:
        raise _invalid("accounts", str(exc)) from exc
    known = venue.floor.books.live.accounts.values()
    if any(spec.name == account.name or spec.api_key == account.api_key for account in known):
        raise _invalid("accounts", f"the name {spec.name!r} or its key is taken")
    venue.open_account(spec)
    return {"name": spec.name}


def list_accounts(venue: Venue, body: Body) -> object:
    return [{"name": one.name, "key": one.api_key} for one in venue.floor.books.live.accounts.values()]


def add_fault(venue: Venue, body: Body) -> object:
    fault = faults.parse_fault(body)
    venue.faults.add(fault)
    return _fault_row(fault)


def list_faults(venue: Venue, body: Body) -> object:
    return [_fault_row(fault) for fault in venue.faults.standing]


def clear_faults(venue: Venue, body: Body) -> object:
    venue.faults.clear()
    venue.release()
    return {}


def release(venue: Venue, body: Body) -> object:
    venue.release()
    return {}


def set_fills_mode(venue: Venue, body: Body) -> object:
    mode = str(body.get("mode") or "")
    if mode not in ("", "duplicate", "reverse", "delay"):
        raise _invalid("fills", "mode must be duplicate, reverse, delay or empty")
    venue.faults.fills_mode = mode
    venue.faults.fills_delay_ms = int(_number(body, "seconds", Decimal(5)) * 1000) if mode == "delay" else 0
    return {"mode": mode}


def set_price(venue: Venue, body: Body) -> object:
    """Pin a symbol's price; without a price the path moves it again."""
    symbol = _symbol(body)
    floor, name = venue.floor, PIN + symbol
    with floor.books.change():
        if body.get("price") is None:
            floor.feed.pins.pop(symbol, None)
            floor.books.drop(Mark, name)
        else:
            price = _number(body, "price")
            if price <= 0:
                raise _invalid("price", "a price is above zero")
            floor.feed.pins[symbol] = price
            floor.books.put(Mark(name, price))
    venue.match()
    return show_market(venue, body)


def advance(venue: Venue, body: Body) -> object:
    seconds = _number(body, "seconds")
    if seconds < 0:
        raise _invalid("advance", "time only moves forward")
    venue.floor.clock.advance(int(seconds * 1000))
    venue.match()
    return show_market(venue, body)


def set_server_time(venue: Venue, body: Body) -> object:
    """Show a time so far ahead of the real one, in stamps, signatures and receive windows alike."""
    SERVER_TIME.ahead_ms = int(_number(body, "offset_seconds") * 1000)
    return {"server_ms": wall_ms()}


def show_market(venue: Venue, body: Body) -> object:
    floor = venue.floor
    quotes = {instrument.symbol: floor.quote(instrument) for instrument in SPOT.values()}
    return {
        "market_ms": floor.clock.now_ms(),
        "quotes": {name: asdict(quote) for name, quote in quotes.items()},
    }


def fill_order(venue: Venue, body: Body) -> object:
    """Fill an order as the venue; with `force` also more than it asked for, or after it was closed."""
    order = _order(venue, body)
    instrument = instrument_of(order.product, order.symbol)
    quote = venue.floor.quote(instrument)
    price = _number(body, "price", order.price if order.kind is OrderKind.LIMIT else quote.last)
    left = matching.remaining_size(order, instrument, price)
    size = _number(body, "quantity", left)
    forced = body.get("force") is True
    limited = order.kind is OrderKind.LIMIT
    worse = limited and (price > order.price if order.side is Side.BUY else price < order.price)
    if size <= 0 or price <= 0 or (not forced and (size > left or worse or not order.is_open)):
        raise _invalid(
            "fill", f"{left} of order {order.order_id} ({order.status.value}) can be filled at its price"
        )
    with venue.floor.books.change():
        filled = matching.fill(venue.floor, order, size=size, price=price, scope=Scope.MAKER)
    return asdict(filled)


def cancel_order(venue: Venue, body: Body) -> object:
    order = _order(venue, body)
    if not order.is_open:
        raise _invalid("cancel", f"order {order.order_id} is {order.status.value}")
    with venue.floor.books.change():
        cancelled = matching.cancel(venue.floor, order, str(body.get("reason") or "risk_control"))
    return asdict(cancelled)


def place_foreign_order(venue: Venue, body: Body) -> object:
    """An order on the account that nobody of ours sent; the fields are those of place-order."""
    account = venue.floor.books.live.accounts.get(str(body.get("account")))
    if account is None:
        raise _invalid("foreign-order", f"account {body.get('account')!r} is unknown")
    params = {"productType": "USDT-FUTURES", **body, "symbol": _symbol(body)}
    call = Call(params, venue.floor.books.live, wall_ms(), account, source="WEB")
    work = mix.place_order if body.get("product") == "mix" else spot.place_order
    return work(venue.floor, call)


def deposit(venue: Venue, body: Body) -> object:
    """Move money in, or out when it is negative, outside all trading."""
    account, coin = str(body.get("account")), str(body.get("coin", "USDT"))
    if account not in venue.floor.books.live.accounts or coin not in COINS:
        raise _invalid("deposit", f"account {account!r} or coin {coin!r} is unknown")
    wallet = Product.MIX if body.get("wallet") == "mix" else Product.SPOT
    with venue.floor.books.change():
        move_balance(venue.floor, account, wallet, coin, available=_number(body, "amount"))
    return {}


def show_books(venue: Venue, body: Body) -> object:
    """Everything, hidden or not: what the tests count by."""
    account, live = str(body.get("account") or ""), venue.floor.books.live
    listed = {
        "orders": live.orders,
        "fills": live.fills,
        "balances": live.balances,
        "positions": live.positions,
    }
    return {
        name: [asdict(row) for row in rows.values() if account in ("", row.account)]
        for name, rows in listed.items()
        if hasattr(rows, "values")
    }


def reset(venue: Venue, body: Body) -> object:
    """Every order, fill, position and fault goes; balances and terms are what the accounts were given."""
    books = venue.floor.books
    venue.faults.clear()
    venue.release()
    venue.requests.clear()
    venue.counts.clear()
    with books.change():
        books.clear((Order, Fill, Position, Balance, Terms))
        for name in [each for each in books.live.marks if each.startswith(HEDGED)]:
            books.drop(Mark, name)
        for one in list(books.live.openings.values()):
            books.put(Balance(one.account, one.wallet, one.coin, one.amount, Decimal(0)))
    books.forget_past()
    return {}


def list_requests(venue: Venue, body: Body) -> object:
    route = str(body.get("route") or "")
    log = [asdict(one) for one in venue.requests if one.path.endswith(route)]
    return {"counts": dict(venue.counts), "log": log[-LOG_ROWS_MAX:]}


def clear_requests(venue: Venue, body: Body) -> object:
    venue.requests.clear()
    venue.counts.clear()
    return {}


TABLE: dict[tuple[str, str], Callable[[Venue, Body], object]] = {
    ("POST", "accounts"): open_account,
    ("GET", "accounts"): list_accounts,
    ("POST", "faults"): add_fault,
    ("GET", "faults"): list_faults,
    ("DELETE", "faults"): clear_faults,
    ("POST", "release"): release,
    ("POST", "fills"): set_fills_mode,
    ("POST", "price"): set_price,
    ("POST", "advance"): advance,
    ("POST", "server-time"): set_server_time,
    ("GET", "market"): show_market,
    ("POST", "fill"): fill_order,
    ("POST", "cancel"): cancel_order,
    ("POST", "foreign-order"): place_foreign_order,
    ("POST", "deposit"): deposit,
    ("GET", "books"): show_books,
    ("POST", "reset"): reset,
    ("GET", "requests"): list_requests,
    ("DELETE", "requests"): clear_requests,
}


def _body(request: Request) -> Body:
    """The fields of the query and of the JSON body together."""
    try:
        parsed = json.loads(request.body or b"{}", parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError) as exc:
        raise _invalid(request.path, f"the body is no JSON: {exc}") from exc
    if not isinstance(parsed, dict):
        raise _invalid(request.path, "the body is no JSON object")
    return {**request.fields, **parsed}


def _invalid(verb: str, detail: str) -> errors.InvalidCommand:
    return errors.InvalidCommand(verb=verb, detail=detail)


def _number(body: Body, name: str, default: Decimal | None = None) -> Decimal:
    written = body.get(name, default)
    try:
        value = Decimal(str(written))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value.adjusted() > 20:
        raise _invalid(name, f"{name} must be a number, not {written!r}")
    return value


def _symbol(body: Body) -> str:
    """BTCUSDT, BTC/USDT and BTC/USDT:USDT name the same thing here."""
    symbol = str(body.get("symbol") or "").split(":")[0].replace("/", "")
    if symbol not in SPOT and symbol not in MIX:
        raise _invalid("symbol", f"{body.get('symbol')!r} is not listed")
    return symbol


def _order(venue: Venue, body: Body) -> Order:
    order_id, client_oid = str(body.get("order_id") or ""), str(body.get("client_oid") or "")
    for order in reversed(venue.floor.books.live.orders.values()):
        if order_id and order.order_id == order_id or client_oid and order.client_oid == client_oid:
            return order
    raise _invalid("order", f"no order {order_id or client_oid!r}")


def _fault_row(fault: faults.Fault) -> object:
    row = asdict(fault)
    row.pop("created_ns")
    return row
