"""Spot endpoints: place, cancel, look up, list, and the assets.

Writes orders and balances through the floor. Keeps the venue's own rule that a client id finds an order only while it
is unfilled, and its fence: a request whose receive window has passed is refused.
"""

from decimal import Decimal

from runtime.simulator import intake, matching
from runtime.simulator.calls import Call, fills_by_order, find_order, listed_fills, page, visible_orders
from runtime.simulator.floor import Floor, balance_of, move_balance
from runtime.simulator.markets import COINS, instrument_of
from runtime.simulator.records import ZERO, Fill, Order, OrderKind, Product, Side, Status
from runtime.simulator.replies import number, refusal

ONE = Decimal(1)


def place_order(floor: Floor, call: Call) -> object:
    _check_window(call)
    ticket = intake.parse_ticket(call, Product.SPOT)
    intake.check_duplicate(floor, call, Product.SPOT, ticket.client_oid)
    coin, frozen = _set_aside(floor, call, ticket)
    held = balance_of(floor.books.live, call.account.name, Product.SPOT, coin)
    if held.available < frozen:
        raise refusal("43012", "Insufficient balance")
    with floor.books.change():
        order = intake.write_order(
            floor, call, ticket, frozen=frozen, reduce_only=False, leverage=ONE, margin_mode=""
        )
        move_balance(floor, call.account.name, Product.SPOT, coin, available=-frozen, frozen=frozen)
        matching.place(floor, order, fraction=call.circumstance.fraction)
    return {"orderId": order.order_id, "clientOid": order.client_oid}


def cancel_order(floor: Floor, call: Call) -> object:
    order = find_order(visible_orders(call, Product.SPOT, opened=True), call)
    if order is None:
        raise refusal("43001", "The order does not exist")
    with floor.books.change():
        matching.cancel(floor, order, "normal_cancel")
    return {"orderId": order.order_id, "clientOid": order.client_oid}


def fetch_order(floor: Floor, call: Call) -> object:
    order = find_order(visible_orders(call, Product.SPOT, opened=not call.text("orderId")), call)
    return [] if order is None else _rows([order], call)


def list_open_orders(floor: Floor, call: Call) -> object:
    orders = page(visible_orders(call, Product.SPOT, opened=True), call)
    return [_open_row(order, call) for order in orders]


def list_history_orders(floor: Floor, call: Call) -> object:
    orders = (order for order in visible_orders(call, Product.SPOT) if not order.is_open)
    return _rows(page(orders, call), call)


def list_fills(floor: Floor, call: Call) -> object:
    call.required("symbol")
    return [_fill_row(one, call) for one in listed_fills(call, Product.SPOT)]


def list_assets(floor: Floor, call: Call) -> object:
    wanted = call.text("coin")
    coins = [coin for coin in COINS if not wanted or coin == wanted]
    return [_asset_row(call, coin) for coin in coins]


def _check_window(call: Call) -> None:
    """The fence: `requestTime` + `receiveWindow`, both optional, together the latest moment for this order."""
    sent, window = call.integer("requestTime"), call.integer("receiveWindow")
    if sent is not None and window is not None and call.now_ms > sent + window:
        raise refusal("40008", "Request timestamp expired")


def _set_aside(floor: Floor, call: Call, ticket: intake.Ticket) -> tuple[str, Decimal]:
    """The coin and how much of it the order may cost."""
    quote = floor.quote(ticket.instrument)
    if ticket.side is Side.SELL:
        intake.check_cost(ticket, ticket.size * (ticket.price or quote.bid))
        return ticket.instrument.base, ticket.size
    cost = ticket.size if ticket.kind is OrderKind.MARKET else ticket.size * ticket.price
    intake.check_cost(ticket, cost)
    if ticket.kind is OrderKind.MARKET and cost < quote.ask * ticket.instrument.lot:
        raise refusal("45110", "less than the minimum amount")
    return ticket.instrument.quote, cost


def _user_id(call: Call) -> str:
    return str(7_000_000_000 + sum(call.account.name.encode()))


def _rows(orders: list[Order], call: Call) -> list[dict[str, object]]:
    fills = fills_by_order(call, orders)
    return [_row(order, call, fills.get(order.order_id, [])) for order in orders]


def _row(order: Order, call: Call, fills: list[Fill]) -> dict[str, object]:
    instrument = instrument_of(order.product, order.symbol)
    return {
        "userId": _user_id(call),
        "symbol": order.symbol,
        "orderId": order.order_id,
        "clientOid": order.client_oid,
        "price": number(order.price),
        "size": number(order.size),
        "orderType": order.kind.value,
        "side": order.side.value,
        "status": order.status.value,
        "priceAvg": number(order.average_price),
        "baseVolume": number(order.filled_base),
        "quoteVolume": number(order.filled_quote),
        "enterPointSource": order.source,
        "feeDetail": _fee_detail(fills),
        "orderSource": "normal" if order.kind is OrderKind.LIMIT else "market",
        "cancelReason": order.cancel_reason if order.status is Status.CANCELLED else "",
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "tpslType": "normal",
        "triggerPrice": None,
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def _open_row(order: Order, call: Call) -> dict[str, object]:
    """Open orders tell their price under another name than the look-up does."""
    return {
        "userId": _user_id(call),
        "symbol": order.symbol,
        "orderId": order.order_id,
        "clientOid": order.client_oid,
        "priceAvg": number(order.price),
        "size": number(order.size),
        "orderType": order.kind.value,
        "side": order.side.value,
        "status": order.status.value,
        "basePrice": number(order.average_price),
        "baseVolume": number(order.filled_base),
        "quoteVolume": number(order.filled_quote),
        "enterPointSource": order.source,
        "orderSource": "normal",
        "triggerPrice": None,
        "tpslType": "normal",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def _fee_detail(fills: list[Fill]) -> str:
    """The fees summed by coin, as the JSON text inside JSON that the venue sends."""
    totals: dict[str, Decimal] = {}
    for one in fills:
        totals[one.fee_coin] = totals.get(one.fee_coin, ZERO) + one.fee
    if not totals:
        return ""
    coins = [
        f'"{coin}":{{"deduction":false,"feeCoinCode":"{coin}","totalDeductionFee":0,"totalFee":{number(-total)}}}'
        for coin, total in totals.items()
    ]
    fresh = '"newFees":{"c":0,"d":0,"deduction":false,"r":0,"t":0,"totalDeductionFee":0}'
    return "{" + ",".join([fresh, *coins]) + "}"


def _fill_row(one: Fill, call: Call) -> dict[str, object]:
    fee = number(-one.fee)
    return {
        "userId": _user_id(call),
        "symbol": one.symbol,
        "orderId": one.order_id,
        "tradeId": one.trade_id,
        "orderType": one.kind.value,
        "side": one.side.value,
        "priceAvg": number(one.price),
        "size": number(one.size),
        "amount": number(one.quote),
        "feeDetail": {
            "deduction": "yes" if one.deducted else "no",
            "feeCoin": one.fee_coin,
            "totalDeductionFee": fee if one.deducted else "",
            "totalFee": fee,
        },
        "tradeScope": one.scope.value,
        "cTime": str(one.created_ms),
        "uTime": str(one.created_ms),
    }


def _asset_row(call: Call, coin: str) -> dict[str, object]:
    held = balance_of(call.shelf, call.account.name, Product.SPOT, coin)
    return {
        "coin": coin,
        "available": number(held.available),
        "limitAvailable": "0",
        "frozen": number(held.frozen),
        "locked": "0",
        "uTime": str(call.now_ms),
    }
