"""Perpetual endpoints (USDT-FUTURES): orders, fills, the margin account, positions and their terms.

Writes orders, positions and terms through the floor. Unlike spot there is no receive window here, and a look-up by
client id finds orders that are done as well. An account can be set to hedge mode and says so; it trades in one-way
mode only.
"""

from dataclasses import replace
from decimal import ROUND_UP, Decimal

from runtime.simulator import intake, matching
from runtime.simulator.calls import Call, fills_by_order, find_order, listed_fills, page, visible_orders
from runtime.simulator.floor import HEDGE, HEDGED, ONE_WAY, Floor, position_mode, position_of, terms_of
from runtime.simulator.markets import MIX, PRODUCT_TYPE, QUOTE, Instrument, instrument_of
from runtime.simulator.records import ZERO, Fill, Mark, Order, OrderKind, Position, Product, Side, Status
from runtime.simulator.replies import number, refusal
from runtime.simulator.settlement import margin_of, position_margin, unrealised

KEEP_MARGIN_RATE = Decimal("0.004")
MARGIN_DIGITS = Decimal("1e-12")


def place_order(floor: Floor, call: Call) -> object:
    _check_product(call)
    is_hedged = position_mode(call.shelf, call.account.name) == HEDGE
    if is_hedged != bool(call.text("tradeSide")):
        raise refusal(
            "40774", "The order type for unilateral position must also be the unilateral position type."
        )
    if is_hedged:
        raise refusal("40919", "This function is not open yet")
    ticket = intake.parse_ticket(call, Product.MIX)
    intake.check_duplicate(floor, call, Product.MIX, ticket.client_oid)
    reduce_only = call.text("reduceOnly").upper() == "YES"
    terms = terms_of(floor.books.live, call.account.name, ticket.instrument.symbol)
    price = _reference_price(floor, ticket)
    if not reduce_only:
        intake.check_cost(ticket, ticket.size * price)
    needed = _needed_margin(floor, call, ticket, price, reduce_only=reduce_only, leverage=terms.leverage)
    if needed > margin_of(floor, floor.books.live, call.account.name).free:
        raise refusal("40762", "The order amount exceeds the balance")
    with floor.books.change():
        if reduce_only:
            _cancel_older_reducers(floor, call, ticket)
        order = intake.write_order(
            floor,
            call,
            ticket,
            frozen=needed,
            reduce_only=reduce_only,
            leverage=terms.leverage,
            margin_mode=terms.margin_mode,
        )
        matching.place(floor, order, fraction=call.circumstance.fraction)
    return {"orderId": order.order_id, "clientOid": order.client_oid}


def cancel_order(floor: Floor, call: Call) -> object:
    _check_product(call)
    order = find_order(visible_orders(call, Product.MIX, opened=True), call)
    if order is None:
        raise refusal("40768", "Order does not exist")
    with floor.books.change():
        matching.cancel(floor, order, "normal_cancel")
    return {"orderId": order.order_id, "clientOid": order.client_oid}


def fetch_order(floor: Floor, call: Call) -> object:
    _check_product(call)
    order = find_order(visible_orders(call, Product.MIX), call)
    if order is None:
        raise refusal("40109", "The data of the order cannot be found, please confirm the order number")
    row = _rows([order], call)[0]
    row["state"] = row.pop("status")
    return row


def list_open_orders(floor: Floor, call: Call) -> object:
    return _listed(call, opened=True)


def list_history_orders(floor: Floor, call: Call) -> object:
    return _listed(call, opened=False)


def list_fills(floor: Floor, call: Call) -> object:
    _check_product(call)
    rows = listed_fills(call, Product.MIX)
    return {"fillList": [_fill_row(one) for one in rows], "endId": rows[-1].trade_id if rows else ""}


def list_accounts(floor: Floor, call: Call) -> object:
    _check_product(call)
    return [_account_row(floor, call)]


def fetch_account(floor: Floor, call: Call) -> object:
    _check_product(call)
    terms = terms_of(call.shelf, call.account.name, call.required("symbol"))
    return _account_row(floor, call) | {
        "crossedMarginLeverage": int(terms.leverage),
        "isolatedLongLever": int(terms.leverage),
        "isolatedShortLever": int(terms.leverage),
        "marginMode": terms.margin_mode,
    }


def list_positions(floor: Floor, call: Call) -> object:
    _check_product(call)
    symbol = call.text("symbol")
    return [
        _position_row(floor, call, position)
        for position in call.shelf.positions.values()
        if position.account == call.account.name and position.quantity and symbol in ("", position.symbol)
    ]


def set_leverage(floor: Floor, call: Call) -> object:
    _check_product(call)
    instrument = instrument_of(Product.MIX, call.required("symbol"))
    leverage = call.amount("leverage")
    if not 1 <= leverage <= instrument.leverage_max:
        raise refusal("40797", "Exceeded the maximum settable leverage")
    terms = terms_of(floor.books.live, call.account.name, instrument.symbol)
    with floor.books.change():
        floor.books.put(replace(terms, leverage=leverage))
    return {
        "symbol": instrument.symbol,
        "marginCoin": QUOTE,
        "longLeverage": number(leverage),
        "shortLeverage": number(leverage),
        "crossMarginLeverage": number(leverage),
        "marginMode": terms.margin_mode,
    }


def set_margin_mode(floor: Floor, call: Call) -> object:
    _check_product(call)
    instrument = instrument_of(Product.MIX, call.required("symbol"))
    mode = call.required("marginMode")
    if mode not in ("crossed", "isolated"):
        raise refusal("40017", "Parameter verification failed marginMode")
    if position_of(floor.books.live, call.account.name, instrument.symbol).quantity:
        raise refusal("45117", "Currently holding positions or orders, the margin mode cannot be adjusted")
    terms = terms_of(floor.books.live, call.account.name, instrument.symbol)
    with floor.books.change():
        floor.books.put(replace(terms, margin_mode=mode))
    leverage = number(terms.leverage)
    return {
        "symbol": instrument.symbol,
        "marginCoin": QUOTE,
        "longLeverage": leverage,
        "shortLeverage": leverage,
        "marginMode": mode,
    }


def set_position_mode(floor: Floor, call: Call) -> object:
    _check_product(call)
    mode, account = call.required("posMode"), call.account.name
    if mode not in (ONE_WAY, HEDGE):
        raise refusal("40017", "Parameter verification failed posMode")
    live = floor.books.live
    ordered = any(one.account == account and one.product is Product.MIX for one in live.opened.values())
    holds = any(one.account == account and one.quantity for one in live.positions.values())
    if ordered or holds:
        raise refusal("40920", "Position or order exists, the position mode cannot be switched")
    with floor.books.change():
        if mode == HEDGE:
            floor.books.put(Mark(HEDGED + account, Decimal(1)))
        else:
            floor.books.drop(Mark, HEDGED + account)
    return {"posMode": mode}


def _check_product(call: Call) -> None:
    if call.required("productType").upper() != PRODUCT_TYPE:
        raise refusal("40034", "Parameter productType does not exist")


def _reference_price(floor: Floor, ticket: intake.Ticket) -> Decimal:
    if ticket.kind is OrderKind.LIMIT:
        return ticket.price
    quote = floor.quote(ticket.instrument)
    return quote.ask if ticket.side is Side.BUY else quote.bid


def _needed_margin(
    floor: Floor, call: Call, ticket: intake.Ticket, price: Decimal, *, reduce_only: bool, leverage: Decimal
) -> Decimal:
    """Margin and fee of the part that opens; the part that closes an opposite position needs none."""
    held = position_of(floor.books.live, call.account.name, ticket.instrument.symbol).quantity
    closable = max(ZERO, -held if ticket.side is Side.BUY else held)
    if reduce_only and not closable:
        raise refusal("22002", "No position to close")
    opening = ZERO if reduce_only else max(ZERO, ticket.size - closable)
    cost = opening * price
    return (cost / leverage + cost * ticket.instrument.taker_rate).quantize(MARGIN_DIGITS, rounding=ROUND_UP)


def _cancel_older_reducers(floor: Floor, call: Call, ticket: intake.Ticket) -> None:
    """In one-way mode the venue cancels older reduce-only orders that the position can no longer serve."""
    held = abs(position_of(floor.books.live, call.account.name, ticket.instrument.symbol).quantity)
    room = held - ticket.size
    for order in reversed(list(floor.books.live.opened.values())):
        if (
            order.reduce_only
            and order.account == call.account.name
            and order.product is Product.MIX
            and order.symbol == ticket.instrument.symbol
        ):
            room -= order.size - order.filled_base
            if room < 0:
                matching.cancel(floor, order, "reduce_only_replaced")


def _listed(call: Call, *, opened: bool) -> dict[str, object]:
    _check_product(call)
    client_oid, order_id = call.text("clientOid"), call.text("orderId")
    orders = (
        order
        for order in visible_orders(call, Product.MIX, opened=opened)
        if order.is_open == opened
        and client_oid in ("", order.client_oid)
        and order_id in ("", order.order_id)
    )
    rows = page(orders, call)
    return {"entrustedList": _rows(rows, call), "endId": rows[-1].order_id if rows else ""}


def _rows(orders: list[Order], call: Call) -> list[dict[str, object]]:
    fills = fills_by_order(call, orders)
    return [_row(order, fills.get(order.order_id, [])) for order in orders]


def _row(order: Order, fills: list[Fill]) -> dict[str, object]:
    fee = sum((one.fee for one in fills), ZERO)
    profit = sum((one.profit for one in fills), ZERO)
    return {
        "symbol": order.symbol,
        "size": number(order.size),
        "orderId": order.order_id,
        "clientOid": order.client_oid,
        "baseVolume": number(order.filled_base),
        "fee": number(-fee),
        "price": number(order.price) if order.kind is OrderKind.LIMIT else "",
        "priceAvg": number(order.average_price) if order.filled_base else "",
        "status": "canceled" if order.status is Status.CANCELLED else order.status.value,
        "side": order.side.value,
        "force": order.force.value,
        "totalProfits": number(profit),
        "posSide": "net",
        "marginCoin": QUOTE,
        "quoteVolume": number(order.filled_quote),
        "leverage": number(order.leverage),
        "marginMode": order.margin_mode,
        "enterPointSource": order.source,
        "tradeSide": f"{order.side.value}_single",
        "posMode": ONE_WAY,
        "orderType": order.kind.value,
        "orderSource": "normal",
        "cancelReason": order.cancel_reason,
        "presetStopSurplusPrice": "",
        "presetStopLossPrice": "",
        "reduceOnly": "YES" if order.reduce_only else "NO",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def _fill_row(one: Fill) -> dict[str, object]:
    return {
        "tradeId": one.trade_id,
        "symbol": one.symbol,
        "orderId": one.order_id,
        "price": number(one.price),
        "baseVolume": number(one.size),
        "feeDetail": [
            {
                "deduction": "no",
                "feeCoin": one.fee_coin,
                "totalDeductionFee": None,
                "totalFee": number(-one.fee),
            }
        ],
        "side": one.side.value,
        "quoteVolume": number(one.quote),
        "profit": number(one.profit),
        "enterPointSource": "api",
        "tradeSide": f"{one.side.value}_single",
        "posMode": ONE_WAY,
        "tradeScope": one.scope.value,
        "cTime": str(one.created_ms),
    }


def _account_row(floor: Floor, call: Call) -> dict[str, object]:
    margin = margin_of(floor, call.shelf, call.account.name)
    free = number(margin.free)
    return {
        "marginCoin": QUOTE,
        "locked": number(margin.ordered),
        "available": number(margin.cash),
        "crossedMaxAvailable": free,
        "isolatedMaxAvailable": free,
        "maxTransferOut": free,
        "accountEquity": number(margin.equity),
        "usdtEquity": number(margin.equity),
        "btcEquity": "0",
        "crossedRiskRate": "0",
        "unrealizedPL": number(margin.unrealised),
        "coupon": "0",
        "crossedUnrealizedPL": number(margin.unrealised),
        "isolatedUnrealizedPL": "0",
        "posMode": position_mode(call.shelf, call.account.name),
    }


def _position_row(floor: Floor, call: Call, position: Position) -> dict[str, object]:
    instrument: Instrument = MIX[position.symbol]
    terms = terms_of(call.shelf, position.account, position.symbol)
    size = number(abs(position.quantity))
    return {
        "marginCoin": QUOTE,
        "symbol": position.symbol,
        "holdSide": "long" if position.quantity > 0 else "short",
        "openDelegateSize": "0",
        "marginSize": number(position_margin(call.shelf, position)),
        "available": size,
        "locked": "0",
        "total": size,
        "leverage": number(terms.leverage),
        "achievedProfits": number(position.realised),
        "openPriceAvg": number(position.open_price),
        "marginMode": terms.margin_mode,
        "posMode": ONE_WAY,
        "unrealizedPL": number(unrealised(floor, position)),
        "liquidationPrice": "0",
        "keepMarginRate": number(KEEP_MARGIN_RATE),
        "markPrice": number(floor.quote(instrument).last),
        "marginRatio": "0",
        "cTime": str(position.opened_ms),
    }
