"""Grid: a ladder of limit orders around an anchor, each fill answered by the opposite order one rung away.

The rung that the position stands on follows from its quantity: with `u` units held, buys rest on every rung below
-u and sells on every rung above it. The anchor and the size of a unit are remembered as text until the price leaves
the ladder; then all is cancelled, closed at the market, and a new ladder set up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from runtime.domain import money
from runtime.domain.decision import Proposal
from runtime.domain.order import Side
from runtime.strategies.parameters import Parameters
from runtime.strategies.scene import Scene, SymbolBySymbol, Wish, stale

# On spot a bought unit arrives less its fee; a unit counts as held when nine tenths of it are there.
UNIT_SLACK = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Ladder:
    anchor: Decimal
    unit: Decimal  # in the base coin


@dataclass(frozen=True, slots=True)
class Grid(SymbolBySymbol):
    symbols: tuple[str, ...]
    timeframe: str
    levels: int  # rungs on each side
    step_ratio: Decimal  # between two rungs, as a part of the anchor
    order_quote: Decimal  # of one rung
    name: str = "grid"

    @classmethod
    def parse(cls, raw: Mapping[str, object], symbols: tuple[str, ...]) -> "Grid":
        parameters = Parameters(raw)
        made = cls(
            symbols=symbols,
            timeframe=parameters.timeframe(),
            levels=parameters.whole("levels", 3, least=1, most=20),
            step_ratio=parameters.decimal("step_ratio", "0.001", least="0.0001", most="0.04"),
            order_quote=parameters.decimal("order_quote", "50", least="0.01", most="1000000000"),
        )
        parameters.finish("grid")
        return made

    @property
    def candles(self) -> int:
        return 1

    def wish(self, scene: Scene) -> Wish:
        ladder = _recall(scene)
        if ladder is None or (self._is_left(scene, ladder) and not scene.holds and not scene.orders):
            ladder = Ladder(scene.price_at(scene.price), scene.quantity_for(self.order_quote, scene.price))
        if ladder.unit <= 0 or ladder.anchor <= 0:
            return Wish(cancels=stale(scene.orders))  # a rung is too small to be traded: nothing to set up
        kept = {"anchor": f"{ladder.anchor:f}", "unit": f"{ladder.unit:f}"}
        if self._is_left(scene, ladder):
            leave = scene.close("exit", reason=f"the price left the ladder around {ladder.anchor:f}")
            return Wish((leave,) if not scene.orders else (), stale(scene.orders), kept)
        rungs = self._rungs(scene, ladder)
        wanted = {(side, price) for _, side, price in rungs}
        misplaced = [order for order in scene.orders if (order.side, order.price) not in wanted]
        return Wish(tuple(self._legs(scene, ladder, rungs)), stale(misplaced), kept)

    def _is_left(self, scene: Scene, ladder: Ladder) -> bool:
        reach = money.product(ladder.anchor, self.step_ratio) * (self.levels + 1)
        return abs(scene.price - ladder.anchor) > reach

    def _rungs(self, scene: Scene, ladder: Ladder) -> list[tuple[str, Side, Decimal]]:
        """(leg, side, price) of each order that should rest, the nearest to the position's rung first."""
        units = _units(scene, ladder)
        top = self.levels if scene.may_short else 0  # without shorts nothing is sold above what was bought
        buys = [(Side.BUY, rung) for rung in range(-units - 1, -self.levels - 1, -1)]
        sells = [(Side.SELL, rung) for rung in range(-units + 1, top + 1)]
        spacing = money.product(ladder.anchor, self.step_ratio)
        rungs = [
            (f"{side}{rung:+d}", side, scene.price_at(ladder.anchor + spacing * rung))
            for side, rung in [*sells, *buys]
        ]
        return sorted(rungs, key=lambda rung: abs(rung[2] - ladder.anchor + spacing * units))

    def _legs(
        self, scene: Scene, ladder: Ladder, rungs: Iterable[tuple[str, Side, Decimal]]
    ) -> Iterable[Proposal | None]:
        taken = {(order.side, order.price) for order in scene.orders}
        sellable = scene.held - scene.resting(Side.SELL)
        for leg, side, price in rungs:
            if (side, price) in taken or price <= 0:
                continue
            taken.add((side, price))  # on a coarse tick two rungs may fall together
            quantity = ladder.unit
            if side is Side.SELL and not scene.may_short:
                quantity = min(quantity, sellable)
            wanted = scene.buy_or_sell(leg, side, quantity, price=price, reason=f"rung of {ladder.anchor:f}")
            if wanted is not None and side is Side.SELL:
                sellable -= quantity
            yield wanted


def _recall(scene: Scene) -> Ladder | None:
    try:
        anchor, unit = money.parse(scene.kept["anchor"]), money.parse(scene.kept["unit"])
    except (KeyError, ValueError):
        return None
    usable = anchor > 0 and unit > 0 and money.is_multiple(unit, scene.market.quantity_step)
    return Ladder(anchor, unit) if usable else None


def _units(scene: Scene, ladder: Ladder) -> int:
    """How many whole units are held, signed."""
    units = int(money.share(abs(scene.held), Decimal(1), ladder.unit) + UNIT_SLACK)
    return units if scene.held > 0 else -units
