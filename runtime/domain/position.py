"""Positions and trades, derived from fills and from nothing else.

A position is the running sum of a bot's fills in a symbol; a trade is one journey of it from flat to flat. `apply`
takes fills in their order (`Fill.sort_key`); `replay` sorts them first, so that late or shuffled fills give the
same result.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from runtime.domain import money
from runtime.domain.fill import Fill
from runtime.domain.identity import BotId, VenueTradeId
from runtime.domain.money import ZERO
from runtime.domain.order import Side


class Direction(StrEnum):
    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Position:
    bot_id: BotId
    symbol: str
    quantity: Decimal = ZERO  # signed, in the base coin, net of fees taken in the base coin
    cost: Decimal = ZERO  # what that quantity was entered for, signed like it, in the quote coin
    realised: Decimal = ZERO  # before fees
    fees: Decimal = ZERO  # in the quote coin; fees taken in the base coin at the fill's price
    # By coin, where it is neither base nor quote.
    fees_other: Mapping[str, Decimal] = field(default_factory=dict)
    day: date | None = None  # of the newest fill, in UTC
    day_start_result: Decimal = ZERO  # realised less fees when that day began
    fill_count: int = 0
    trade_count: int = 0
    last_fill_at: datetime | None = None
    last_trade_id: VenueTradeId | None = None

    @property
    def average_price(self) -> Decimal | None:
        return None if self.quantity == 0 else money.share(self.cost, Decimal(1), self.quantity)

    def unrealised(self, price: Decimal) -> Decimal:
        return money.product(self.quantity, price) - self.cost

    @property
    def result(self) -> Decimal:
        """Realised, after the fees that are known in the quote coin."""
        return self.realised - self.fees

    def result_on(self, day: date) -> Decimal:
        """What was realised on a day, if it is the day of the newest fill; nothing otherwise."""
        return self.result - self.day_start_result if self.day == day else ZERO

    def follows(self, fill: Fill) -> bool:
        """Whether `fill` comes after everything this position has counted."""
        if self.last_fill_at is None or self.last_trade_id is None:
            return True
        return fill.sort_key > (self.last_fill_at, len(self.last_trade_id), self.last_trade_id)


@dataclass(frozen=True, slots=True)
class Trade:
    bot_id: BotId
    symbol: str
    number: int  # counts from 1 in each bot and symbol
    direction: Direction
    opened_at: datetime
    closed_at: datetime | None
    entry_quantity: Decimal
    entry_quote: Decimal
    exit_quantity: Decimal
    exit_quote: Decimal
    realised: Decimal
    fees: Decimal
    fill_count: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A position after a fill, and the one or two trades that the fill touched."""

    position: Position
    trades: tuple[Trade, ...]


Counted = TypeVar("Counted", Position, Trade)


def apply(position: Position, trade: Trade | None, fill: Fill) -> Applied:
    """Count one fill. `trade` is the open trade of this position, or None when it is flat."""
    with money.precisely():
        counted = _count(position, trade, fill)
    return Applied(
        _written_plainly(counted.position), tuple(_written_plainly(each) for each in counted.trades)
    )


def _written_plainly(value: Counted) -> Counted:
    """Each number in the one way in which it is also loaded."""
    numbers: dict[str, Any] = {
        each.name: money.canonical(number)
        for each in fields(value)
        if isinstance(number := getattr(value, each.name), Decimal)
    }
    return replace(value, **numbers)


def _count(position: Position, trade: Trade | None, fill: Fill) -> Applied:
    fee_quote, fee_base, fee_other = _fees(fill)
    moved = fill.side.sign * fill.quantity - fee_base
    today = fill.traded_at.astimezone(UTC).date()
    counted = replace(
        position,
        day=today,
        day_start_result=position.day_start_result if position.day == today else position.result,
        fees=position.fees + fee_quote,
        fees_other=_add_other(position.fees_other, fill.fee_coin, fee_other),
        fill_count=position.fill_count + 1,
        last_fill_at=fill.traded_at,
        last_trade_id=fill.venue_trade_id,
    )
    if trade is None:
        return _open(counted, fill, moved, fee_quote)
    if (moved > 0) == (trade.direction is Direction.LONG):
        return _add(counted, trade, fill, moved, fee_quote)
    if abs(moved) - abs(position.quantity) >= fill.quantity_step:
        return _flip(counted, trade, fill, moved, fee_quote)
    return _reduce(counted, trade, fill, moved, fee_quote)


def replay(bot_id: BotId, symbol: str, fills: Iterable[Fill]) -> Applied:
    """The position and every trade that these fills make, in whatever order they arrived, each counted once."""
    position, trades = Position(bot_id, symbol), dict[int, Trade]()
    for fill in sorted(
        {fill.venue_trade_id: fill for fill in fills}.values(), key=lambda fill: fill.sort_key
    ):
        applied = apply(position, open_trade(trades.values()), fill)
        position = applied.position
        trades.update((trade.number, trade) for trade in applied.trades)
    return Applied(position, tuple(trades[number] for number in sorted(trades)))


def open_trade(trades: Iterable[Trade]) -> Trade | None:
    return next((trade for trade in trades if trade.closed_at is None), None)


def _fees(fill: Fill) -> tuple[Decimal, Decimal, Decimal]:
    """The fee as (worth in the quote coin, taken from the base coin, in a third coin)."""
    if fill.fee_coin == fill.quote:
        return fill.fee, ZERO, ZERO
    if fill.fee_coin == fill.base:
        return money.product(fill.fee, fill.price), fill.fee, ZERO
    return ZERO, ZERO, fill.fee


def _add_other(fees: Mapping[str, Decimal], coin: str, fee: Decimal) -> Mapping[str, Decimal]:
    return fees if fee == 0 else {**fees, coin: money.canonical(fees.get(coin, ZERO) + fee)}


def _open(position: Position, fill: Fill, moved: Decimal, fee: Decimal) -> Applied:
    number = position.trade_count + 1
    trade = Trade(
        bot_id=position.bot_id,
        symbol=position.symbol,
        number=number,
        direction=Direction.LONG if fill.side is Side.BUY else Direction.SHORT,
        opened_at=fill.traded_at,
        closed_at=None,
        entry_quantity=abs(moved),
        entry_quote=money.product(abs(moved), fill.price),
        exit_quantity=ZERO,
        exit_quote=ZERO,
        realised=ZERO,
        fees=fee,
        fill_count=1,
    )
    grown = _moved(position, moved, money.product(moved, fill.price))
    return Applied(replace(grown, trade_count=number), (trade,))


def _add(position: Position, trade: Trade, fill: Fill, moved: Decimal, fee: Decimal) -> Applied:
    worth = money.product(moved, fill.price)
    grown = replace(
        trade,
        entry_quantity=trade.entry_quantity + abs(moved),
        entry_quote=trade.entry_quote + abs(worth),
        fees=trade.fees + fee,
        fill_count=trade.fill_count + 1,
    )
    return Applied(_moved(position, moved, worth), (grown,))


def _reduce(position: Position, trade: Trade, fill: Fill, moved: Decimal, fee: Decimal) -> Applied:
    # What lies beyond the position here is dust (less than one step): its cost is taken as its worth.
    released = _released_cost(position, moved, fill.price)
    gained = -money.product(moved, fill.price) + released
    left = replace(
        position,
        quantity=position.quantity + moved,
        cost=position.cost + released,
        realised=position.realised + gained,
    )
    closed = abs(left.quantity) < fill.quantity_step
    shrunk = replace(
        trade,
        closed_at=fill.traded_at if closed else None,
        exit_quantity=trade.exit_quantity + abs(moved),
        exit_quote=trade.exit_quote + money.product(abs(moved), fill.price),
        realised=trade.realised + gained,
        fees=trade.fees + fee,
        fill_count=trade.fill_count + 1,
    )
    return Applied(left, (shrunk,))


def _flip(position: Position, trade: Trade, fill: Fill, moved: Decimal, fee: Decimal) -> Applied:
    """One fill that closes a trade and opens the opposite one; the fee is split by quantity."""
    closing = -position.quantity
    fee_closing = money.share(fee, closing, moved)
    ended = _reduce(position, trade, fill, closing, fee_closing)
    begun = _open(ended.position, fill, moved - closing, fee - fee_closing)
    return Applied(begun.position, (*ended.trades, *begun.trades))


def _released_cost(position: Position, moved: Decimal, price: Decimal) -> Decimal:
    """The change of cost when `moved` leaves the position: minus its part of the cost."""
    if abs(moved) < abs(position.quantity):
        return -money.share(position.cost, -moved, position.quantity)
    return -position.cost + money.product(position.quantity + moved, price)


def _moved(position: Position, moved: Decimal, worth: Decimal) -> Position:
    return replace(position, quantity=position.quantity + moved, cost=position.cost + worth)
