"""One order, once: from an intent to the wire, and from what came back to one of four answers.

Never raises for what a venue or a network does. Whether the request left is what the door saw, not what an exception
suggests.
"""

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

from runtime import errors
from runtime.domain import money
from runtime.domain.market import Answer, Market, MarketKind, NotSent, Quote
from runtime.domain.order import Intent, Kind, Side
from runtime.exchanges import answers, faults
from runtime.exchanges.connection import Connection
from runtime.exchanges.door import Ticket
from runtime.exchanges.faults import FOREIGN


def submit(connection: Connection, intent: Intent, fetch_quote: Callable[[str], Quote]) -> Answer:
    listed = connection.listed.get(intent.symbol)
    if listed is None:
        return NotSent(f"{intent.symbol} was not among the symbols that were connected")
    fault = listed.market.fault(intent.kind, intent.quantity, intent.price)
    if fault:
        return NotSent(fault)
    if connection.clock.now() >= intent.send_before:
        return NotSent("its deadline has passed")
    try:
        price = _limit_of(intent, listed.market, connection.profile.market_collar, fetch_quote)
    except errors.Retry as exc:
        return NotSent(str(exc))
    size = intent.quantity / listed.contract_size
    return _send(
        connection,
        intent,
        Ticket(intent.client_order_id, intent.side, size, price, intent.send_before),
    )


def _limit_of(
    intent: Intent, market: Market, collar: Decimal, fetch_quote: Callable[[str], Quote]
) -> Decimal:
    """The worst price at which the order may be filled; docs/decisions/0004-market-orders.md."""
    if intent.price is not None:
        return intent.price
    quote = fetch_quote(intent.symbol)
    if intent.side is Side.BUY:
        return max(money.round_down(quote.ask * (1 + collar), market.price_step), quote.ask)
    lowest = money.round_down(quote.bid * (1 - collar), market.price_step) + market.price_step
    return min(lowest, quote.bid)


def _send(connection: Connection, intent: Intent, ticket: Ticket) -> Answer:
    door, profile = connection.door, connection.profile
    with door.admitting(ticket), localcontext():
        try:
            unified = connection.client.create_order(
                intent.symbol,
                "limit",
                intent.side.value,
                format(ticket.size, "f"),
                format(ticket.price, "f"),
                _params(connection, intent),
            )
        except FOREIGN as exc:
            said = faults.describe(exc)
            if not door.left:
                return NotSent(said)
            return answers.of_failure(profile, door.reply, said, connection.secrets)
    if not door.left:
        return NotSent("the client sent nothing")
    return answers.of_success(profile, intent.client_order_id, unified, door.reply)


def _params(connection: Connection, intent: Intent) -> dict[str, Any]:
    profile = connection.profile
    params: dict[str, Any] = {profile.client_id_param: intent.client_order_id}
    if intent.kind is Kind.MARKET:
        params["timeInForce"] = "IOC"
    if intent.reduce_only and profile.kind is MarketKind.LINEAR:
        params["reduceOnly"] = True
    if profile.receive_window_param:
        params["requestTime"] = str(connection.clock.now_ms())
        params["receiveWindow"] = str(profile.receive_window_seconds * 1000)
    return params
