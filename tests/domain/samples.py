"""Values of the domain with sensible contents, for tests to change one thing of."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from runtime.domain import identity
from runtime.domain.decision import Proposal, View
from runtime.domain.fill import Fill
from runtime.domain.identity import ClientOrderId, VenueOrderId, VenueTradeId
from runtime.domain.market import Market, MarketKind, Quote, VenueFill, VenueOrder
from runtime.domain.order import Kind, Order, Side, Status
from runtime.domain.position import Position
from runtime.domain.risk import Limits, RiskState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BTC, ETH = "BTC/USDT", "ETH/USDT"
USER = identity.user_id("anna")
ACCOUNT = identity.account_id(USER, "main")
BOT = identity.bot_id(ACCOUNT, "bot")

SPOT = Market(
    symbol=BTC,
    kind=MarketKind.SPOT,
    base="BTC",
    quote="USDT",
    price_step=Decimal("0.01"),
    quantity_step=Decimal("0.001"),
    quantity_min=Decimal("0.001"),
    notional_min=Decimal(1),
)
LINEAR = replace(SPOT, kind=MarketKind.LINEAR, notional_min=Decimal(5))

LIMITS = Limits(
    position_quote_max=Decimal(1000),
    order_quote_max=Decimal(500),
    open_orders_max=5,
    daily_loss_quote_max=Decimal(100),
    cooldown_seconds=0,
    price_collar_ratio=Decimal("0.1"),
)
CALM = RiskState(realised_today=Decimal(0), breaker_tripped=False, last_order_at={})


def make_order(name: str = "one", **changes: Any) -> Order:
    order = Order(
        order_id=identity.order_id(BOT, name),
        bot_id=BOT,
        client_order_id=identity_of(name),
        symbol=BTC,
        side=Side.BUY,
        kind=Kind.LIMIT,
        quantity=Decimal(1),
        price=Decimal(100),
        reduce_only=False,
        created_at=NOW,
        send_before=NOW + timedelta(seconds=10),
        status=Status.OPEN,
        venue_order_id=VenueOrderId(f"v-{name}"),
        filled_quantity=Decimal(0),
    )
    return replace(order, **changes)


def identity_of(name: str) -> ClientOrderId:
    return ClientOrderId(identity.client_order_token(identity.order_id(BOT, name)))


def make_fill(number: int, side: str, quantity: str, price: str, **changes: Any) -> Fill:
    """Fill `number` happens `number` seconds after NOW; without a fee unless told."""
    fill = Fill(
        order_id=identity.order_id(BOT, "one"),
        bot_id=BOT,
        venue_trade_id=VenueTradeId(str(number)),
        venue_order_id=VenueOrderId("v-one"),
        symbol=BTC,
        base="BTC",
        quote="USDT",
        side=Side(side),
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(0),
        fee_coin="USDT",
        quantity_step=Decimal("0.001"),
        traded_at=NOW + timedelta(seconds=number),
    )
    return replace(fill, **changes)


def shown(order: Order, **changes: Any) -> VenueOrder:
    """Our order as an honest venue shows it."""
    report = VenueOrder(
        venue_order_id=order.venue_order_id or VenueOrderId("v-new"),
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        kind=order.kind,
        quantity=order.quantity,
        price=order.price,
        filled_quantity=order.filled_quantity,
        status=order.status,
        created_at=order.created_at,
    )
    return replace(report, **changes)


def venue_fill(trade_id: str, venue_order_id: str = "v-one", **changes: Any) -> VenueFill:
    fill = VenueFill(
        venue_trade_id=VenueTradeId(trade_id),
        venue_order_id=VenueOrderId(venue_order_id),
        symbol=BTC,
        side=Side.BUY,
        quantity=Decimal(1),
        price=Decimal(100),
        fee=Decimal(0),
        fee_coin="USDT",
        traded_at=NOW,
    )
    return replace(fill, **changes)


def make_view(
    position: str = "0", *, cost: str = "0", last: str = "100", orders: tuple[Order, ...] = (), **changes: Any
) -> View:
    price = Decimal(last)
    quotes: Mapping[str, Quote] = {symbol: Quote(symbol, price, price, price, NOW) for symbol in (BTC, ETH)}
    positions = {
        BTC: Position(BOT, BTC, quantity=Decimal(position), cost=Decimal(cost)),
        ETH: Position(BOT, ETH),
    }
    markets = {BTC: SPOT, ETH: replace(SPOT, symbol=ETH, base="ETH")}
    return replace(
        View(now=NOW, markets=markets, quotes=quotes, candles={}, positions=positions, orders=orders),
        **changes,
    )


def propose(side: str = "buy", quantity: str = "1", key: str = "key", **changes: Any) -> Proposal:
    return replace(Proposal(key, BTC, Side(side), Decimal(quantity)), **changes)
