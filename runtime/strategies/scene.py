"""One symbol as a strategy sees it, and what it may wish for there.

A strategy judges closed candles, its position and its resting orders, never the running quote: within one candle the
same cause gives the same order. Each wish is a leg of the newest candle and is proposed once; what was proposed is
remembered by name, so that a tick in between repeats nothing and a crash in between repeats the same keys.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from runtime.domain import money
from runtime.domain.decision import Decision, Json, Memory, Needs, Proposal, View
from runtime.domain.market import Candle, Market, MarketKind
from runtime.domain.money import ZERO
from runtime.domain.order import RESTING, Kind, Order, Side

# A market order may fill lower than the candle closed; its worth must clear the venue's minimum even then.
NOTIONAL_HEADROOM = Decimal("1.1")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a strategy would like in one symbol. A leg that may not be sent is None."""

    legs: tuple[Proposal | None, ...] = ()
    cancels: tuple[Order, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    strategy: str
    market: Market
    candles: tuple[Candle, ...]
    held: Decimal  # signed, whole steps only: what is less cannot be traded
    orders: tuple[Order, ...]
    done: frozenset[str]  # the legs that were proposed for the newest candle
    kept: Mapping[str, str]

    @property
    def price(self) -> Decimal:
        return self.candles[-1].close

    @property
    def may_short(self) -> bool:
        return self.market.kind is MarketKind.LINEAR

    @property
    def holds(self) -> bool:
        """Whether there is a position large enough to be closed."""
        if abs(self.held) < self.market.quantity_min:
            return False
        # Perpetuals may be closed whatever they are worth; a spot sale must clear the minimum like any other.
        return self.may_short or self._clears_minimum(abs(self.held))

    def average(self, count: int) -> Decimal:
        """The mean of the newest closes."""
        closes = [candle.close for candle in self.candles[-count:]]
        return money.share(sum(closes, ZERO), Decimal(1), Decimal(len(closes)))

    def quantity_for(self, quote: Decimal, price: Decimal) -> Decimal:
        return money.round_down(money.share(quote, Decimal(1), price), self.market.quantity_step)

    def price_at(self, price: Decimal) -> Decimal:
        return money.round_nearest(price, self.market.price_step)

    def resting(self, side: Side) -> Decimal:
        return sum((order.remaining for order in self.orders if order.side is side), ZERO)

    def buy_or_sell(
        self, leg: str, side: Side, quantity: Decimal, *, price: Decimal | None = None, reason: str = ""
    ) -> Proposal | None:
        """A leg that may add to the position: at a price, or at the market."""
        if price is None and not self._clears_minimum(quantity):
            return None
        return self._leg(leg, side, quantity, price, reason)

    def close(self, leg: str, *, price: Decimal | None = None, reason: str = "") -> Proposal | None:
        """A leg that closes all that is held, for a moment when nothing rests on that side. None if nothing is held."""
        if not self.holds:
            return None
        side, quantity = (Side.SELL if self.held > 0 else Side.BUY), abs(self.held)
        if price is not None and money.product(quantity, price) < self.market.notional_min:
            price = None  # too little for a limit order, and a rest that cannot be closed would block the bot for ever
        return self._leg(leg, side, quantity, price, reason, reduce_only=True)

    def _leg(
        self,
        leg: str,
        side: Side,
        quantity: Decimal,
        price: Decimal | None,
        reason: str,
        *,
        reduce_only: bool = False,
    ) -> Proposal | None:
        kind = Kind.MARKET if price is None else Kind.LIMIT
        if leg in self.done or self.market.fault(kind, quantity, price):
            return None
        symbol = self.market.symbol
        key = f"{self.strategy}:{symbol}:{self.candles[-1].opened_at.isoformat()}:{leg}"
        return Proposal(key, symbol, side, quantity, kind, price, reduce_only, reason)

    def _clears_minimum(self, quantity: Decimal) -> bool:
        least = money.product(self.market.notional_min, NOTIONAL_HEADROOM)
        return money.product(quantity, self.price) >= least


def leg_of(proposal: Proposal) -> str:
    return proposal.key.rpartition(":")[2]


def stale(orders: Sequence[Order]) -> tuple[Order, ...]:
    """Those that rest and were not asked to go yet."""
    return tuple(order for order in orders if order.status in RESTING and not order.cancel_requested)


class SymbolBySymbol(ABC):
    """A strategy that judges each of its symbols by itself: how many candles that takes, and what it wishes there."""

    __slots__ = ()
    name: str
    symbols: tuple[str, ...]
    timeframe: str

    @property
    @abstractmethod
    def candles(self) -> int: ...

    @abstractmethod
    def wish(self, scene: Scene) -> Wish: ...

    @property
    def needs(self) -> Needs:
        return Needs(self.symbols, self.timeframe, self.candles)

    def decide(self, view: View, memory: Memory) -> Decision:
        """Wish in each symbol that has candles enough, and remember what was wished."""
        proposals, cancels, remembered = list[Proposal](), list[str](), dict[str, Json]()
        for symbol in self.symbols:
            scene = _look(self.name, symbol, self.candles, view, memory.get(symbol))
            if scene is None:
                if symbol in memory:
                    remembered[symbol] = memory[symbol]
                continue
            wish = self.wish(scene)
            legs = [leg for leg in wish.legs if leg is not None]
            proposals += legs
            cancels += [order.client_order_id for order in wish.cancels]
            remembered[symbol] = _remember(scene, legs, wish.kept)
        note = "; ".join(proposal.reason for proposal in proposals)
        return Decision(tuple(proposals), tuple(cancels), remembered, note[:1000])


def _look(strategy: str, symbol: str, candles_min: int, view: View, remembered: Json) -> Scene | None:
    market, candles = view.markets.get(symbol), view.candles.get(symbol, ())
    if market is None or len(candles) < candles_min or any(candle.close <= 0 for candle in candles):
        return None
    position = view.positions.get(symbol)
    held = ZERO if position is None else money.round_down(position.quantity, market.quantity_step)
    orders = tuple(order for order in view.orders if order.symbol == symbol)
    done, kept = _recall(remembered, candles[-1])
    return Scene(strategy, market, candles, held, orders, done, kept)


def _remember(scene: Scene, legs: Sequence[Proposal], kept: Mapping[str, str]) -> dict[str, Json]:
    done: list[Json] = [*sorted(scene.done | {leg_of(leg) for leg in legs})]
    return {"candle": scene.candles[-1].opened_at.isoformat(), "legs": done, "kept": dict(kept)}


def _recall(remembered: Json, newest: Candle) -> tuple[frozenset[str], Mapping[str, str]]:
    """What was done for the newest candle and what is kept. A memory of another shape is as good as none."""
    if not isinstance(remembered, dict):
        return frozenset(), {}
    legs, kept = remembered.get("legs"), remembered.get("kept")
    done, texts = frozenset[str](), dict[str, str]()
    if isinstance(legs, list) and remembered.get("candle") == newest.opened_at.isoformat():
        done = frozenset(leg for leg in legs if isinstance(leg, str))
    if isinstance(kept, dict):
        texts = {name: text for name, text in kept.items() if isinstance(text, str)}
    return done, texts
