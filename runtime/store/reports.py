"""How well bots did, asked of the trades and the marks themselves: by bot, by symbol, by day, since any instant.

The figures are those of `domain.performance`, counted where the trades are; nothing is kept beside the trades, so
nothing can differ from them, and a question costs as much as there are trades in its time.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from runtime.domain.identity import BotId
from runtime.domain.performance import Mark, Performance
from runtime.domain.position import Direction, Trade
from runtime.store import queries
from runtime.store.pool import Row, Tx

_SQL = queries.load("reports")
PERIODS: dict[str, timedelta | None] = {"all": None, "30d": timedelta(days=30), "7d": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which trades: closed since an instant, of one bot; None is all."""

    since: datetime | None = None
    bot_id: BotId | None = None

    @classmethod
    def of(cls, period: str, now: datetime, bot_id: BotId | None = None) -> "Scope":
        length = PERIODS[period]
        return cls(None if length is None else now - length, bot_id)

    def parameters(self, **more: Any) -> dict[str, Any]:
        return {"since": self.since, "bot_id": self.bot_id, **more}


@dataclass(frozen=True, slots=True)
class Day:
    """By the UTC day on which trades closed; `total` is what was won or lost up to its end."""

    day: date
    trades: int
    result: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Standing:
    """A bot's line of the leaderboard. `equity` is that of its newest tick."""

    bot_id: BotId
    bot: str
    account: str
    strategy: str
    equity: Decimal | None
    performance: Performance


def load_performance(tx: Tx, scope: Scope) -> Performance:
    return _load_figures(tx, scope, by_symbol=False).get("", Performance())


def load_by_symbol(tx: Tx, scope: Scope) -> dict[str, Performance]:
    return _load_figures(tx, scope, by_symbol=True)


def load_leaderboard(tx: Tx, since: datetime | None) -> list[Standing]:
    """Every bot of the tenant, the best result first; one that closed no trade stands between wins and losses."""
    return [_standing(row) for row in tx.rows(_SQL["load_leaderboard"], {"since": since})]


def load_days(tx: Tx, scope: Scope) -> list[Day]:
    """Oldest first; a day without a trade has no entry."""
    return [Day(*row) for row in tx.rows(_SQL["load_days"], scope.parameters())]


def load_best_trades(tx: Tx, scope: Scope, count: int) -> list[Trade]:
    return [_trade(row) for row in tx.rows(_SQL["load_best_trades"], scope.parameters(count=count))]


def load_worst_trades(tx: Tx, scope: Scope, count: int) -> list[Trade]:
    return [_trade(row) for row in tx.rows(_SQL["load_worst_trades"], scope.parameters(count=count))]


def load_equity(tx: Tx, bot_id: BotId, since: datetime | None, count: int) -> list[Mark]:
    """A bot's curve, oldest first: of equal stretches of its time, at most so many, the last mark of each."""
    parameters = {"bot_id": bot_id, "since": since, "count": count}
    return [Mark(at, equity) for at, equity in tx.rows(_SQL["load_equity"], parameters)]


def _load_figures(tx: Tx, scope: Scope, *, by_symbol: bool) -> dict[str, Performance]:
    rows = tx.rows(_SQL["load_performance"], scope.parameters(by_symbol=by_symbol))
    return {name: _performance(figures) for name, *figures in rows}


def _standing(row: Row) -> Standing:
    bot_id, bot, account, strategy, equity, *figures = row
    return Standing(BotId(bot_id), bot, account, strategy, equity, _performance(figures))


def _performance(figures: Any) -> Performance:
    trades, wins, losses, gained, lost, best, worst, streak, longest_wins, longest_losses, held = figures
    return Performance(
        trades=trades,
        wins=wins,
        losses=losses,
        gained=gained,
        lost=lost,
        best=best,
        worst=worst,
        streak=streak,
        longest_wins=longest_wins,
        longest_losses=longest_losses,
        held=held,
    )


def _trade(row: Row) -> Trade:
    bot_id, symbol, number, direction, *rest = row
    return Trade(BotId(bot_id), symbol, number, Direction(direction), *rest)
