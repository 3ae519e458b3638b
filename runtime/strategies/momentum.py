"""Momentum: hold what rises, and on perpetuals sell what falls.

Compares a fast with a slow average of closed candles and moves to the side of the fast one with market orders. It
remembers only which legs it proposed for the newest candle: everything else follows from candles and position.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from runtime.domain import money
from runtime.domain.order import Side
from runtime.strategies.parameters import Parameters
from runtime.strategies.scene import Scene, SymbolBySymbol, Wish


@dataclass(frozen=True, slots=True)
class Momentum(SymbolBySymbol):
    symbols: tuple[str, ...]
    timeframe: str
    fast: int  # candles
    slow: int
    order_quote: Decimal
    threshold_ratio: Decimal  # how far the averages must lie apart, as a part of the slow one
    name: str = "momentum"

    @classmethod
    def parse(cls, raw: Mapping[str, object], symbols: tuple[str, ...]) -> "Momentum":
        parameters = Parameters(raw)
        made = cls(
            symbols=symbols,
            timeframe=parameters.timeframe(),
            fast=parameters.whole("fast", 3, least=1, most=500),
            slow=parameters.whole("slow", 8, least=2, most=1000),
            order_quote=parameters.decimal("order_quote", "100", least="0.01", most="1000000000"),
            threshold_ratio=parameters.decimal("threshold_ratio", "0.0001", least="0", most="0.5"),
        )
        parameters.expect(made.fast < made.slow, f"fast ({made.fast}) must be less than slow ({made.slow})")
        parameters.finish("momentum")
        return made

    @property
    def candles(self) -> int:
        return self.slow

    def wish(self, scene: Scene) -> Wish:
        fast, slow = scene.average(self.fast), scene.average(self.slow)
        side = self._side(fast, slow)
        if side is None or scene.orders:
            return Wish()  # between the averages, or an order of ours is not settled yet
        reason = f"the average of {self.fast} is {fast.normalize():f}, of {self.slow} {slow.normalize():f}"
        with_trend = scene.holds and (scene.held > 0) == (side is Side.BUY)
        if with_trend:
            return Wish()
        leave = scene.close("exit", reason=reason)
        if side is Side.SELL and not scene.may_short:
            return Wish((leave,))
        quantity = scene.quantity_for(self.order_quote, scene.price)
        return Wish((leave, scene.buy_or_sell("entry", side, quantity, reason=reason)))

    def _side(self, fast: Decimal, slow: Decimal) -> Side | None:
        if abs(fast - slow) <= money.product(slow, self.threshold_ratio):
            return None
        return Side.BUY if fast > slow else Side.SELL
