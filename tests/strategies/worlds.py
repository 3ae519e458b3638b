"""Markets, candles and positions for the tests of strategies, and a market place small enough to foresee."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from runtime.domain import position as positions
from runtime.domain.decision import Decision, Memory, Proposal, Strategy, View
from runtime.domain.fill import Fill
from runtime.domain.identity import (
    VenueOrderId,
    VenueTradeId,
    account_id,
    bot_id,
    client_order_token,
    order_id,
    user_id,
)
from runtime.domain.market import Candle, Market, MarketKind, Quote
from runtime.domain.order import Kind, Order, Status
from runtime.domain.position import Position, Trade

BOT = bot_id(account_id(user_id("ada"), "main"), "tester")
START = datetime(2026, 3, 1, tzinfo=UTC)
SPOT = Market(
    "BTC/USDT",
    MarketKind.SPOT,
    "BTC",
    "USDT",
    Decimal("0.01"),
    Decimal("0.000001"),
    Decimal("0.000001"),
    Decimal(1),
)
LINEAR = Market(
    "BTC/USDT:USDT",
    MarketKind.LINEAR,
    "BTC",
    "USDT",
    Decimal("0.1"),
    Decimal("0.0001"),
    Decimal("0.0001"),
    Decimal(5),
)


def make_candles(closes: Iterable[object], start: datetime = START) -> tuple[Candle, ...]:
    candles = []
    for minute, close in enumerate(closes):
        price = Decimal(str(close))
        candles.append(Candle(start + timedelta(minutes=minute), price, price, price, price, Decimal(1)))
    return tuple(candles)


def make_view(
    market: Market,
    candles: tuple[Candle, ...],
    *,
    quantity: str = "0",
    price: str = "60000",
    orders: tuple[Order, ...] = (),
    position: Position | None = None,
) -> View:
    last = candles[-1].close if candles else Decimal(price)
    now = (candles[-1].opened_at if candles else START) + timedelta(minutes=1)
    held = position or Position(
        BOT, market.symbol, quantity=Decimal(quantity), cost=Decimal(quantity) * Decimal(price)
    )
    return View(
        now=now,
        markets={market.symbol: market},
        quotes={market.symbol: Quote(market.symbol, last, last, last, now)},
        candles={market.symbol: candles},
        positions={market.symbol: held},
        orders=orders,
    )


def make_order(proposal: Proposal, at: datetime, **changes: Any) -> Order:
    identity = order_id(BOT, proposal.key)
    made = Order(
        order_id=identity,
        bot_id=BOT,
        client_order_id=client_order_token(identity),  # type: ignore[arg-type]
        symbol=proposal.symbol,
        side=proposal.side,
        kind=proposal.kind,
        quantity=proposal.quantity,
        price=proposal.price,
        reduce_only=proposal.reduce_only,
        created_at=at,
        send_before=at + timedelta(seconds=30),
        status=Status.OPEN,
        venue_order_id=VenueOrderId(str(identity)),
        filled_quantity=Decimal(0),
    )
    return replace(made, **changes)


def keys(decision: Decision) -> list[str]:
    return [proposal.key for proposal in decision.proposals]


@dataclass
class MarketPlace:
    """One symbol of a venue whose market orders fill at the close, and whose limit orders fill when it is reached."""

    strategy: Strategy
    market: Market
    fee_ratio: Decimal = Decimal("0.001")
    candles: tuple[Candle, ...] = ()
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    position: Position = field(init=False)
    trade: Trade | None = None
    memory: Memory = field(default_factory=dict)
    intents: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    refuse_every: int = 0  # the venue refuses each order of that number

    def __post_init__(self) -> None:
        self.position = Position(BOT, self.market.symbol)

    def view(self) -> View:
        return make_view(
            self.market, self.candles[-50:], orders=tuple(self.orders.values()), position=self.position
        )

    def close_candle(self, price: Decimal) -> None:
        start = self.candles[-1].opened_at + timedelta(minutes=1) if self.candles else START
        self.candles = (*self.candles, *make_candles([price], start))
        for name, order in list(self.orders.items()):
            if order.price is not None and (price - order.price) * order.side.sign <= 0:
                self._fill(self.orders.pop(name), order.price)

    def tick(self) -> Decision:
        decision = self.strategy.decide(self.view(), self.memory)
        for cancelled in decision.cancels:
            self.orders.pop(cancelled)
        self.memory = decision.memory
        for proposal in decision.proposals:
            self.intents.append(proposal.key)
            if self.refuse_every and len(self.intents) % self.refuse_every == 0:
                continue
            order = make_order(proposal, self.candles[-1].opened_at)
            if proposal.kind is Kind.MARKET:
                self._fill(order, self.candles[-1].close)
            else:
                self.orders[order.client_order_id] = order
        self.decisions.append(decision)
        return decision

    def run(self, prices: Iterable[Decimal], ticks: int = 3) -> None:
        for price in prices:
            self.close_candle(price)
            for _ in range(ticks):
                self.tick()

    def _fill(self, order: Order, price: Decimal) -> None:
        in_base = self.market.kind is MarketKind.SPOT and order.side.sign > 0
        fee = order.quantity * self.fee_ratio
        fill = Fill(
            order_id=order.order_id,
            bot_id=BOT,
            venue_trade_id=VenueTradeId(str(len(self.fills) + 1)),
            venue_order_id=order.venue_order_id or VenueOrderId("?"),
            symbol=order.symbol,
            base=self.market.base,
            quote=self.market.quote,
            side=order.side,
            quantity=order.quantity,
            price=price,
            fee=fee if in_base else fee * price,
            fee_coin=self.market.base if in_base else self.market.quote,
            quantity_step=self.market.quantity_step,
            traded_at=self.candles[-1].opened_at + timedelta(seconds=len(self.fills) % 60),
        )
        applied = positions.apply(self.position, self.trade, fill)
        self.position, self.trade = applied.position, positions.open_trade(applied.trades)
        self.fills.append(fill)


def only(symbol: str, memory: Memory) -> Mapping[str, Any]:
    inner = memory[symbol]
    assert isinstance(inner, dict)
    return inner
