"""Phantoms: every signal followed as if it had been taken, whether it was or not; when one closes, and what it brought.

Pure. A phantom opens at the price at which the market would have taken it, and closes at the one at which the market
would take it back, so that the spread is paid; fees are not counted. What nobody saw is not made up: a phantom whose
time ran out unseen is void.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from runtime.domain import money
from runtime.domain.identity import BotId
from runtime.domain.market import Quote
from runtime.domain.money import ZERO
from runtime.domain.order import Side

# How far a price has to go for a signal to have been right or wrong, as a share, unless the bot's gate says otherwise;
# the same both ways, so that chance alone is right half of the time.
REACH = Decimal("0.01")
LIFE = timedelta(hours=4)
# So late a price may still tell how a phantom expired.
GRACE = timedelta(minutes=15)
# The rolling win rate is that of the newest ones.
ROLLING = 50


class Outcome(StrEnum):
    WON = "won"
    LOST = "lost"
    EXPIRED = "expired"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """One that is open. Without a barrier on a side only time ends it there."""

    phantom_id: UUID
    bot_id: BotId
    at: datetime
    symbol: str
    side: Side
    opened_price: Decimal
    take_profit: Decimal | None
    stop_loss: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """How one ended. `result` is a share of the price at which it opened."""

    phantom_id: UUID
    at: datetime
    price: Decimal
    outcome: Outcome
    result: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is counted of a phantom; the last three are None as long as it is open."""

    phantom_id: UUID
    strategy: str
    executed: bool
    closed_at: datetime | None
    outcome: Outcome | None
    result: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Right is a signal whose way would have brought something. Void ones are neither right nor wrong."""

    total: int = 0
    executed: int = 0
    open: int = 0
    won: int = 0
    lost: int = 0
    expired: int = 0
    void: int = 0
    right: int = 0
    judged_executed: int = 0
    right_executed: int = 0
    rolling: int = 0
    right_rolling: int = 0

    @property
    def rejected(self) -> int:
        return self.total - self.executed

    @property
    def judged(self) -> int:
        return self.won + self.lost + self.expired

    @property
    def accuracy(self) -> Decimal | None:
        return _share(self.right, self.judged)

    @property
    def accuracy_executed(self) -> Decimal | None:
        return _share(self.right_executed, self.judged_executed)

    @property
    def accuracy_rejected(self) -> Decimal | None:
        """Of what was not taken: near the other one, or above it, the limits cost more than they save."""
        return _share(self.right - self.right_executed, self.judged - self.judged_executed)

    @property
    def rolling_win_rate(self) -> Decimal | None:
        return _share(self.right_rolling, self.rolling)


def opening_price(side: Side, quote: Quote) -> Decimal:
    return quote.ask if side is Side.BUY else quote.bid


def barriers(side: Side, opened_price: Decimal, reach: Decimal = REACH) -> Mapping[str, Decimal]:
    """Where a signal was right, and where it was wrong; without one where no price above zero lies."""
    way = reach if side is Side.BUY else -reach
    marks = {
        "take_profit": money.product(opened_price, 1 + way),
        "stop_loss": money.product(opened_price, 1 - way),
    }
    return {name: price for name, price in marks.items() if price > 0}


def judge(phantom: Phantom, quote: Quote | None, now: datetime) -> Close | None:
    """How it ends at this look, or None while it goes on. None for a quote says that none can be trusted now."""
    age = now - phantom.at
    if age >= LIFE + GRACE:
        return _void(phantom, now)
    price = _closing_price(phantom, quote)
    if price is None:
        return None
    outcome = Outcome.EXPIRED if age >= LIFE else _reached(phantom, price)
    if outcome is None:
        return None
    result = gain(phantom.side, phantom.opened_price, price)
    if not money.is_plausible(result):
        return _void(phantom, now)
    return Close(phantom_id=phantom.phantom_id, at=now, price=price, outcome=outcome, result=result)


def gain(side: Side, opened_price: Decimal, price: Decimal) -> Decimal:
    """What a way from one price to another brought, as a share of the first."""
    with money.precisely():
        way = price - opened_price if side is Side.BUY else opened_price - price
        return money.canonical(money.exact(way / opened_price))


def count(told: Iterable[Told]) -> Statistics:
    known = list(told)
    judged = [each for each in known if each.outcome not in (None, Outcome.VOID)]
    taken = [each for each in judged if each.executed]
    newest = sorted(judged, key=_newest_last)[-ROLLING:]
    ends = [each.outcome for each in known]
    return Statistics(
        total=len(known),
        executed=sum(each.executed for each in known),
        open=ends.count(None),
        won=ends.count(Outcome.WON),
        lost=ends.count(Outcome.LOST),
        expired=ends.count(Outcome.EXPIRED),
        void=ends.count(Outcome.VOID),
        right=_count_right(judged),
        judged_executed=len(taken),
        right_executed=_count_right(taken),
        rolling=len(newest),
        right_rolling=_count_right(newest),
    )


def count_by_strategy(told: Iterable[Told]) -> dict[str, Statistics]:
    strategies: dict[str, list[Told]] = {}
    for each in told:
        strategies.setdefault(each.strategy, []).append(each)
    return {name: count(strategies[name]) for name in sorted(strategies)}


def _closing_price(phantom: Phantom, quote: Quote | None) -> Decimal | None:
    """An empty book has a price of zero on that side, which is none."""
    if quote is None:
        return None
    price = quote.bid if phantom.side is Side.BUY else quote.ask
    return price if price > 0 else None


def _reached(phantom: Phantom, price: Decimal) -> Outcome | None:
    """The stop first: whoever doubts which came first has not won."""
    rises = phantom.side is Side.BUY
    stop, target = phantom.stop_loss, phantom.take_profit
    if stop is not None and (price <= stop if rises else price >= stop):
        return Outcome.LOST
    if target is not None and (price >= target if rises else price <= target):
        return Outcome.WON
    return None


def _void(phantom: Phantom, now: datetime) -> Close:
    return Close(
        phantom_id=phantom.phantom_id, at=now, price=phantom.opened_price, outcome=Outcome.VOID, result=ZERO
    )


def _newest_last(told: Told) -> tuple[datetime, UUID]:
    assert told.closed_at is not None
    return told.closed_at, told.phantom_id


def _count_right(told: Sequence[Told]) -> int:
    return sum(each.result is not None and each.result > 0 for each in told)


def _share(part: int, whole: int) -> Decimal | None:
    return None if whole == 0 else money.canonical(money.share(Decimal(1), Decimal(part), Decimal(whole)))
