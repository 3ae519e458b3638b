"""How bots did, as the API says it: every digit, as text."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from runtime import errors
from runtime.domain import gate as gates
from runtime.domain.identity import BotId
from runtime.domain.performance import Performance as Counted
from runtime.domain.phantom import Statistics
from runtime.domain.position import Trade
from runtime.store import phantoms, reports, scoring, thought_pages
from runtime.store.paging import LIMIT, Page
from runtime.store.pool import Tx
from runtime.store.reports import Scope
from runtime.store.thought_pages import Gated

Period = Literal["all", "30d", "7d"]
_EXTREMES = 5


@dataclass(frozen=True, slots=True)
class Performance:
    """Closed trades, after fees. Shares are of 1."""

    trades: int
    wins: int
    losses: int
    result: str
    gained: str
    lost: str
    win_rate: str | None
    profit_factor: str | None
    expectancy: str | None
    average_win: str | None
    average_loss: str | None
    best: str | None
    worst: str | None
    streak: int | None
    longest_wins: int | None
    longest_losses: int | None
    held_seconds: float


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    trades: int
    result: str
    total: str


@dataclass(frozen=True, slots=True)
class Extreme:
    bot_id: UUID
    symbol: str
    number: int
    direction: str
    closed_at: datetime | None
    result: str


@dataclass(frozen=True, slots=True)
class Report:
    period: Period
    bot: UUID | None
    together: Performance
    symbols: dict[str, Performance]
    days: list[Day]
    best: list[Extreme]
    worst: list[Extreme]


@dataclass(frozen=True, slots=True)
class Place:
    rank: int
    bot_id: UUID
    bot: str
    account: str
    strategy: str
    equity: str | None
    performance: Performance


@dataclass(frozen=True, slots=True)
class SignalCounts:
    total: int
    executed: int
    rejected: int
    open: int
    won: int
    lost: int
    expired: int
    void: int
    accuracy: str | None
    accuracy_executed: str | None
    accuracy_rejected: str | None
    rolling: int
    rolling_win_rate: str | None


@dataclass(frozen=True, slots=True)
class SignalReport:
    together: SignalCounts
    strategies: dict[str, SignalCounts]
    blocked: dict[str, int]


@dataclass(frozen=True, slots=True)
class Retraining:
    """`until_next` is how many more signals have to end before the next training; `fault` says why nobody knows."""

    bot_id: UUID
    bot: str
    model: str
    examples: int
    can_train: bool | None
    until_next: int | None
    trained_at: datetime | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class RankedTrader:
    rank: int
    trader: str
    bot_id: UUID | None
    score: str
    metrics: dict[str, Any]
    run_id: UUID
    scored_at: datetime


def load_report(tx: Tx, *, bot: UUID | None = None, period: Period = "all") -> Report:
    """What closed trades brought: together, by symbol, by day, the best and the worst."""
    scope = Scope.of(period, datetime.now(UTC), BotId(bot) if bot else None)
    return Report(
        period,
        bot,
        _performance(reports.load_performance(tx, scope)),
        {symbol: _performance(each) for symbol, each in reports.load_by_symbol(tx, scope).items()},
        [
            Day(each.day, each.trades, _text(each.result), _text(each.total))
            for each in reports.load_days(tx, scope)
        ],
        [_extreme(each) for each in reports.load_best_trades(tx, scope, _EXTREMES)],
        [_extreme(each) for each in reports.load_worst_trades(tx, scope, _EXTREMES)],
    )


def load_leaderboard(tx: Tx, *, period: Period = "all") -> list[Place]:
    """Every bot by what its closed trades brought, the best first."""
    since = Scope.of(period, datetime.now(UTC)).since
    return [
        Place(
            rank,
            each.bot_id,
            each.bot,
            each.account,
            each.strategy,
            _maybe(each.equity),
            _performance(each.performance),
        )
        for rank, each in enumerate(reports.load_leaderboard(tx, since), 1)
    ]


def load_signal_report(tx: Tx, *, bot: UUID | None = None) -> SignalReport:
    """What became of every signal, taken or not, and what kept bots from some; at most five seconds old."""
    bot_id = BotId(bot) if bot else None
    together, strategies = phantoms.load_statistics(tx, bot_id)
    return SignalReport(
        _signals(together),
        {name: _signals(each) for name, each in strategies.items()},
        dict(phantoms.load_blocked(tx, bot_id)),
    )


def load_retrainings(
    tx: Tx, *, bot: UUID | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[Retraining]:
    """Of every bot that learns: how many of its signals ended, and how many more until it trains again."""
    page = thought_pages.load_gated(tx, bot=bot, limit=limit, after=after)
    return Page([_retraining(each) for each in page.items], page.next)


def load_ranked_traders(tx: Tx, *, scorer: str, limit: int = 100, rank: int = 0) -> list[RankedTrader]:
    """Of the newest completed run of a scorer, the best first; `rank` is the last that was seen."""
    return [
        RankedTrader(
            each.score.rank,
            each.score.trader,
            each.score.bot_id,
            _text(each.score.score),
            dict(each.score.metrics),
            each.run_id,
            each.scored_at,
        )
        for each in scoring.load_ranked(tx, scorer, count=limit, after=rank)
    ]


def _retraining(of: Gated) -> Retraining:
    model = gates.model_name(of.strategy)
    try:
        gate = gates.parse(of.parameters)
    except errors.BadInput as fault:
        return Retraining(of.bot_id, of.bot, model, of.examples, None, None, of.trained_at, str(fault))
    assert gate is not None, "the query finds those that have one"
    due = gates.retrain_info(gate, of.examples, of.seen)
    return Retraining(
        of.bot_id, of.bot, model, due.examples, due.can_train, due.until_next, of.trained_at, None
    )


def _performance(of: Counted) -> Performance:
    return Performance(
        trades=of.trades,
        wins=of.wins,
        losses=of.losses,
        result=_text(of.result),
        gained=_text(of.gained),
        lost=_text(of.lost),
        win_rate=_maybe(of.win_rate),
        profit_factor=_maybe(of.profit_factor),
        expectancy=_maybe(of.expectancy),
        average_win=_maybe(of.average_win),
        average_loss=_maybe(of.average_loss),
        best=_maybe(of.best),
        worst=_maybe(of.worst),
        streak=of.streak,
        longest_wins=of.longest_wins,
        longest_losses=of.longest_losses,
        held_seconds=of.held.total_seconds(),
    )


def _signals(of: Statistics) -> SignalCounts:
    return SignalCounts(
        total=of.total,
        executed=of.executed,
        rejected=of.rejected,
        open=of.open,
        won=of.won,
        lost=of.lost,
        expired=of.expired,
        void=of.void,
        accuracy=_maybe(of.accuracy),
        accuracy_executed=_maybe(of.accuracy_executed),
        accuracy_rejected=_maybe(of.accuracy_rejected),
        rolling=of.rolling,
        rolling_win_rate=_maybe(of.rolling_win_rate),
    )


def _extreme(of: Trade) -> Extreme:
    result = _text(of.realised - of.fees)
    return Extreme(of.bot_id, of.symbol, of.number, str(of.direction), of.closed_at, result)


def _text(amount: Decimal) -> str:
    return f"{amount:f}"


def _maybe(amount: Decimal | None) -> str | None:
    return None if amount is None else _text(amount)
