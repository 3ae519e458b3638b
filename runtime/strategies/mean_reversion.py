"""Mean reversion: bid below the usual range, leave at its middle; on perpetuals also the other way round.

Rests limit orders at the edges of a band around the average close and one at the average to leave. Orders that no
longer stand where the band is are cancelled first; their successors follow once they are gone, so that no two rest
for one purpose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from runtime.domain import money
from runtime.domain.decision import Proposal
from runtime.domain.money import ZERO
from runtime.domain.order import Order, Side
from runtime.strategies.parameters import Parameters
from runtime.strategies.scene import Scene, SymbolBySymbol, Wish, stale


@dataclass(frozen=True, slots=True)
class Band:
    low: Decimal
    middle: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class MeanReversion(SymbolBySymbol):
    symbols: tuple[str, ...]
    timeframe: str
    lookback: int  # candles
    width: Decimal  # of the half band, in mean absolute deviations
    width_ratio_min: Decimal  # of the half band, as a part of the price: what a round trip must earn at least
    drift_ratio: Decimal  # how far an order may stand from its place, as a part of the price, and stay
    order_quote: Decimal
    name: str = "mean_reversion"

    @classmethod
    def parse(cls, raw: Mapping[str, object], symbols: tuple[str, ...]) -> "MeanReversion":
        parameters = Parameters(raw)
        made = cls(
            symbols=symbols,
            timeframe=parameters.timeframe(),
            lookback=parameters.whole("lookback", 12, least=2, most=1000),
            width=parameters.decimal("width", "1.2", least="0.1", most="20"),
            width_ratio_min=parameters.decimal("width_ratio_min", "0.0005", least="0.00001", most="0.5"),
            drift_ratio=parameters.decimal("drift_ratio", "0.0002", least="0", most="0.1"),
            order_quote=parameters.decimal("order_quote", "100", least="0.01", most="1000000000"),
        )
        parameters.finish("mean_reversion")
        return made

    @property
    def candles(self) -> int:
        return self.lookback

    def wish(self, scene: Scene) -> Wish:
        legs = self._legs(scene, self._band(scene))
        wanted = {side: price for side, price, _ in legs}
        misplaced = [order for order in scene.orders if self._is_misplaced(order, wanted)]
        busy = {order.side for order in scene.orders}
        return Wish(tuple(leg for side, _, leg in legs if side not in busy), stale(misplaced))

    def _band(self, scene: Scene) -> Band:
        middle = scene.average(self.lookback)
        closes = [candle.close for candle in scene.candles[-self.lookback :]]
        spread = sum((abs(close - middle) for close in closes), ZERO)
        half = max(
            money.share(spread, self.width, Decimal(len(closes))), money.product(middle, self.width_ratio_min)
        )
        return Band(scene.price_at(middle - half), scene.price_at(middle), scene.price_at(middle + half))

    def _legs(self, scene: Scene, band: Band) -> list[tuple[Side, Decimal, Proposal | None]]:
        """The orders that should rest now, with their side and place."""
        if scene.holds:
            side = Side.SELL if scene.held > 0 else Side.BUY
            leave = scene.close("exit", price=band.middle, reason=f"leave at the average {band.middle}")
            return [(side, band.middle, leave)]
        legs = [self._entry(scene, Side.BUY, band.low)]
        if scene.may_short:
            legs.append(self._entry(scene, Side.SELL, band.high))
        return legs

    def _entry(self, scene: Scene, side: Side, price: Decimal) -> tuple[Side, Decimal, Proposal | None]:
        if price <= 0:
            return side, price, None
        quantity = scene.quantity_for(self.order_quote, price)
        reason = f"the band's edge is {price}"
        return side, price, scene.buy_or_sell(side.value, side, quantity, price=price, reason=reason)

    def _is_misplaced(self, order: Order, wanted: Mapping[Side, Decimal]) -> bool:
        place = wanted.get(order.side)
        if place is None or order.price is None:
            return True
        return abs(order.price - place) > money.product(place, self.drift_ratio)
