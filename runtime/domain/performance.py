"""How well a bot did: figures of closed trades, of a curve of equity, and of what is held against what was wanted.

Pure and exact: money stays decimal, and a ratio is rounded once, to eighteen places. A figure that does not exist (a
win rate without trades, a ratio over nothing) is None and never zero, which would be a claim.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby, pairwise

from runtime.domain import money
from runtime.domain.money import ZERO
from runtime.domain.position import Trade

# Venues never close: a year of daily returns has 365 of them.
DAYS_OF_YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Of closed trades, after their fees. A trade that won nothing and lost nothing is neither a win nor a loss.

    Streaks do not add up as the rest does: they are None where only sums were asked for.
    """

    trades: int = 0
    wins: int = 0
    losses: int = 0
    gained: Decimal = ZERO
    lost: Decimal = ZERO
    best: Decimal | None = None
    worst: Decimal | None = None
    fees: Decimal = ZERO
    streak: int | None = 0  # wins in a row at the end, or losses as a negative number
    longest_wins: int | None = 0
    longest_losses: int | None = 0
    held: timedelta = timedelta()

    @property
    def result(self) -> Decimal:
        return self.gained - self.lost

    @property
    def win_rate(self) -> Decimal | None:
        return _over(Decimal(self.wins), Decimal(self.trades))

    @property
    def profit_factor(self) -> Decimal | None:
        return _over(self.gained, self.lost)

    @property
    def expectancy(self) -> Decimal | None:
        """What a trade brought on the average."""
        return _over(self.result, Decimal(self.trades))

    @property
    def average_win(self) -> Decimal | None:
        return _over(self.gained, Decimal(self.wins))

    @property
    def average_loss(self) -> Decimal | None:
        return _over(self.lost, Decimal(self.losses))


@dataclass(frozen=True, slots=True)
class Mark:
    """What an account, or a bot, was worth at an instant."""

    at: datetime
    equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall below the best there had been. `recovered_at` is None as long as that was not reached again."""

    amount: Decimal
    share: Decimal
    peak_at: datetime
    trough_at: datetime
    recovered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """A symbol's part of the whole as it is and as it was wanted; a short position has a negative part."""

    symbol: str
    current: Decimal
    target: Decimal

    @property
    def drift(self) -> Decimal:
        return self.current - self.target


@dataclass(frozen=True, slots=True)
class Exposure:
    """In the quote coin. Gross counts long and short, net sets one against the other."""

    gross: Decimal
    net: Decimal


# --- trades ---------------------------------------------------------------------------------------------------------


def closed_in_order(trades: Iterable[Trade]) -> list[Trade]:
    ended = [each for each in trades if each.closed_at is not None]
    return sorted(ended, key=lambda each: (_closed_at(each), each.symbol, each.number))


def summarise(trades: Iterable[Trade]) -> Performance:
    ordered = closed_in_order(trades)
    with money.precisely():
        results = [each.realised - each.fees for each in ordered]
        runs = [(sign, len(list(run))) for sign, run in groupby(map(_sign, results))]
        return Performance(
            trades=len(results),
            wins=sum(each > 0 for each in results),
            losses=sum(each < 0 for each in results),
            gained=money.canonical(sum((each for each in results if each > 0), ZERO)),
            lost=money.canonical(-sum((each for each in results if each < 0), ZERO)),
            best=max(results, default=None),
            worst=min(results, default=None),
            fees=money.canonical(sum((each.fees for each in ordered), ZERO)),
            streak=runs[-1][0] * runs[-1][1] if runs else 0,
            longest_wins=max((length for sign, length in runs if sign > 0), default=0),
            longest_losses=max((length for sign, length in runs if sign < 0), default=0),
            held=sum((_closed_at(each) - each.opened_at for each in ordered), timedelta()),
        )


def by_symbol(trades: Iterable[Trade]) -> dict[str, Performance]:
    symbols: dict[str, list[Trade]] = {}
    for each in trades:
        symbols.setdefault(each.symbol, []).append(each)
    return {symbol: summarise(symbols[symbol]) for symbol in sorted(symbols)}


def daily_results(trades: Iterable[Trade]) -> dict[date, Decimal]:
    """By the UTC day on which they closed; a day without a trade has no entry."""
    days: dict[date, Decimal] = {}
    with money.precisely():
        for each in closed_in_order(trades):
            day = _closed_at(each).astimezone(UTC).date()
            days[day] = days.get(day, ZERO) + each.realised - each.fees
    return {day: money.canonical(result) for day, result in days.items()}


def _closed_at(trade: Trade) -> datetime:
    assert trade.closed_at is not None
    return trade.closed_at


def _sign(number: Decimal) -> int:
    return (number > 0) - (number < 0)


# --- a curve of equity ----------------------------------------------------------------------------------------------


def deepest_drawdown(curve: Sequence[Mark]) -> Drawdown | None:
    """None for a curve that never fell. Of two equally deep ones it is the first. The share is of the peak."""
    deepest: tuple[Decimal, Mark, Mark] | None = None
    peak: Mark | None = None
    with money.precisely():
        for mark in curve:
            if peak is None or mark.equity > peak.equity:
                peak = mark
            share = (peak.equity - mark.equity) / peak.equity if peak.equity > 0 else ZERO
            if share > (deepest[0] if deepest else ZERO):
                deepest = (share, peak, mark)
    if deepest is None:
        return None
    share, peak, trough = deepest
    back = (each.at for each in curve if each.at > trough.at and each.equity >= peak.equity)
    return Drawdown(
        amount=money.canonical(peak.equity - trough.equity),
        share=money.canonical(money.exact(share)),
        peak_at=peak.at,
        trough_at=trough.at,
        recovered_at=next(back, None),
    )


def daily_returns(curve: Sequence[Mark]) -> list[Decimal]:
    """From the last mark of a UTC day to the last of the day before that has one. A day that began with nothing has no
    return."""
    closes = {mark.at.astimezone(UTC).date(): mark.equity for mark in curve}
    with money.precisely():
        return [
            money.exact(after / before - 1)
            for before, after in pairwise(closes[day] for day in sorted(closes))
            if before > 0
        ]


def volatility(returns: Sequence[Decimal], *, periods: int = DAYS_OF_YEAR) -> Decimal | None:
    """The standard deviation (of a sample), for a year."""
    if len(returns) < 2:
        return None
    with money.precisely():
        return money.canonical(money.exact(_deviation(returns) * Decimal(periods).sqrt()))


def sharpe(returns: Sequence[Decimal], *, periods: int = DAYS_OF_YEAR) -> Decimal | None:
    """Mean over standard deviation (of a sample), for a year; the risk-free rate is taken as nothing."""
    if len(returns) < 2:
        return None
    with money.precisely():
        mean = sum(returns, ZERO) / len(returns)
        return _over(mean * Decimal(periods).sqrt(), _deviation(returns))


def sortino(returns: Sequence[Decimal], *, periods: int = DAYS_OF_YEAR) -> Decimal | None:
    """As the Sharpe ratio, but over the deviation of the losses alone, counted over all periods."""
    if len(returns) < 2:
        return None
    with money.precisely():
        mean = sum(returns, ZERO) / len(returns)
        downside = sum((min(each, ZERO) ** 2 for each in returns), ZERO) / len(returns)
        return _over(mean * Decimal(periods).sqrt(), downside.sqrt())


# --- what is held ---------------------------------------------------------------------------------------------------


def exposure(worth: Mapping[str, Decimal]) -> Exposure:
    """`worth` has the signed worth of each position in the quote coin."""
    with money.precisely():
        gross = sum((abs(each) for each in worth.values()), ZERO)
        return Exposure(gross=money.canonical(gross), net=money.canonical(sum(worth.values(), ZERO)))


def allocate(
    worth: Mapping[str, Decimal], whole: Decimal, targets: Mapping[str, Decimal]
) -> list[Allocation]:
    """Every symbol that is held or wanted, by its share of the whole, be it the equity or all that is at risk."""
    if whole <= 0:
        return []
    return [
        Allocation(
            symbol=symbol,
            current=_over(worth.get(symbol, ZERO), whole) or ZERO,
            target=targets.get(symbol, ZERO),
        )
        for symbol in sorted({*worth, *targets})
    ]


def _deviation(returns: Sequence[Decimal]) -> Decimal:
    mean = sum(returns, ZERO) / len(returns)
    return (sum(((each - mean) ** 2 for each in returns), ZERO) / (len(returns) - 1)).sqrt()


def _over(part: Decimal, whole: Decimal) -> Decimal | None:
    if whole == 0:
        return None
    with money.precisely():
        return money.canonical(money.exact(part / whole))
