"""What happens in an order's life: a strategy that follows a script, and a venue that plays its part between the ticks.

Both are driven by what they see alone, so that they go on correctly in a process that knows nothing of the one before.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runtime.domain import money
from runtime.domain.decision import Decision, Memory, Needs, Proposal, View
from runtime.domain.market import MarketKind
from runtime.domain.order import RESTING, Kind, Side, Status
from runtime.engine.desk import Desk
from tests.venue import RunningSimulator

PRICE = Decimal(60_000)
SYMBOLS = {MarketKind.SPOT: "BTC/USDT", MarketKind.LINEAR: "BTC/USDT:USDT"}
LIMITS: Mapping[str, object] = {
    "position_quote_max": "20000",
    "order_quote_max": "5000",
    "open_orders_max": 5,
    "daily_loss_quote_max": "5000",
    "cooldown_seconds": 0,
    "price_collar_ratio": "0.1",
}
PART = Decimal("0.4")
TURNS_MAX = 60
# What the venue's clock moves on by while an order is unproved: past any deadline and receive window.
PATIENCE_SECONDS = {MarketKind.SPOT: 15, MarketKind.LINEAR: 42}
UNFINISHED = 70


@dataclass(frozen=True, slots=True)
class Step:
    """An order of the script; without a quantity it closes what is held."""

    key: str
    side: Side
    quantity: Decimal | None
    limit: Decimal | None = None  # as a part of the last price
    then: str = "wait"  # or "cancel" once it rests
    beyond: Decimal = Decimal(0)  # sold on top of what is held, so that a perpetual's position flips


RESTS = Step("rest", Side.BUY, Decimal("0.020"), Decimal("0.99"))
TAKES = Step("take", Side.BUY, Decimal("0.010"))
LEAVES = Step("leave", Side.BUY, Decimal("0.010"), Decimal("0.98"), then="cancel")
CLOSES = Step("close", Side.SELL, None)
FLIPS = Step("flip", Side.SELL, None, beyond=Decimal("0.010"))
PAUSES = Step(
    "pause", Side.BUY, Decimal("1e-9")
)  # less than the venue takes: a turn in which nothing is asked for
RETURNS = Step("return", Side.BUY, Decimal("0.010"))
SCRIPTS = {
    "spot": (RESTS, TAKES, LEAVES, CLOSES),
    "linear": (RESTS, TAKES, LEAVES, FLIPS, RETURNS),
    "leave": (TAKES, PAUSES, CLOSES),
}


class Scripted:
    """Takes one step after the other, and proposes the last one again each time, as a strategy that forgot it would."""

    name = "scripted"

    def __init__(self, symbol: str, steps: tuple[Step, ...]) -> None:
        self.needs = Needs((symbol,), "1m", 2)
        self.steps = steps
        self._symbol = symbol

    def decide(self, view: View, memory: Memory) -> Decision:
        taken = int(str(memory.get("taken", 0)))
        if view.orders:
            return Decision(cancels=self._cancels(view, taken), memory=memory)
        if taken >= len(self.steps):
            return Decision(memory=memory)
        wanted = [self._proposal(view, step) for step in self.steps[max(0, taken - 1) : taken + 1]]
        return Decision(tuple(filter(None, wanted)), memory={"taken": taken + 1}, note="the script goes on")

    def _cancels(self, view: View, taken: int) -> tuple[str, ...]:
        if not taken or self.steps[taken - 1].then != "cancel":
            return ()
        return tuple(order.client_order_id for order in view.orders if order.status in RESTING)

    def _proposal(self, view: View, step: Step) -> Proposal | None:
        market, held = view.markets[self._symbol], view.positions[self._symbol].quantity
        last = view.quotes[self._symbol].last
        quantity = (
            step.quantity or money.round_down(max(held, Decimal(0)), market.quantity_step) + step.beyond
        )
        if quantity < market.quantity_min:
            return None
        price = None if step.limit is None else money.round_down(last * step.limit, market.price_step)
        kind = Kind.MARKET if price is None else Kind.LIMIT
        return Proposal(step.key, self._symbol, step.side, quantity, kind, price)


def build_strategy(_: str, parameters: Mapping[str, object], symbols: tuple[str, ...]) -> Scripted:
    return Scripted(symbols[0], SCRIPTS[str(parameters["script"])])


class Director(threading.Event):
    """The event that the desk's loop waits on between two turns: meanwhile the venue plays its part.

    A first order that rests is filled in two parts, each once the ledger has seen what was before. While an order is
    unproved the venue's clock moves on. Set when the script is through and nothing is open.
    """

    def __init__(self, desk: Desk, venue: RunningSimulator, account: str, ahead: int = 0) -> None:
        super().__init__()
        self.desk = desk
        self.turns = 0
        self.turns_max = TURNS_MAX
        self.verdict = UNFINISHED
        self.on_turn: Callable[[], object] = list
        self._venue = venue
        self._account = account
        self._ahead = ahead

    def wait(self, timeout: float | None = None) -> bool:
        self.turns += 1
        self.on_turn()
        if self._is_through():
            self.verdict = 0
            self.set()
        elif self.turns >= self.turns_max:
            self.set()
        else:
            self.play()
        return self.is_set()

    def play(self) -> None:
        for order in self.desk.ledger.unsettled(Status.OPEN, Status.PARTIALLY_FILLED):
            if order.quantity == RESTS.quantity:
                share = PART if order.status is Status.OPEN else Decimal(1)
                self.fill(str(order.client_order_id), share)
        if self.desk.ledger.unsettled(Status.UNKNOWN):
            self.move_on()

    def fill(self, client_order_id: str, share: Decimal) -> None:
        """Fill a part of what was asked for, or all that is left, unless the ledger is behind."""
        for order in self.open_orders():
            if order["client_oid"] == client_order_id:
                left = Decimal(order["size"]) - Decimal(order["filled_base"])
                wanted = left if share == 1 else Decimal(order["size"]) * share
                if share == 1 or left == Decimal(order["size"]):
                    self._venue.control("fill", {"order_id": order["order_id"], "quantity": str(wanted)})

    def open_orders(self) -> list[dict[str, Any]]:
        orders = self._venue.books(self._account)["orders"]
        return [order for order in orders if order["status"] in ("live", "partially_filled")]

    def move_on(self) -> None:
        self._ahead += PATIENCE_SECONDS[self.desk.account.kind]
        self._venue.control("server-time", {"offset_seconds": self._ahead})

    def _is_through(self) -> bool:
        desk = self.desk
        if not desk.bots:
            return False
        bot = desk.bots[0]
        assert isinstance(bot.strategy, Scripted)
        return bot.memory.get("taken", 0) == len(bot.strategy.steps) and not desk.ledger.unsettled()
