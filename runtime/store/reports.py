"""How well bots did: by bot, by symbol, by day, since any day.

Sums are asked of the days and lives that the database keeps with every trade that closes: they cost the same however
many trades there are. What does not add up (the best trades, streaks across symbols) is asked of the trades themselves.
The figures are those of `domain.performance`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from runtime.domain.identity import AccountId, BotId
from runtime.domain.performance import Mark, Performance
from runtime.domain.position import Direction, Trade
from runtime.store import queries
from runtime.store.pool import Row, Tx

_SQL = queries.load("reports")
# UTC days, today among them.
PERIODS: dict[str, int | None] = {"all": None, "30d": 30, "7d": 7}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which trades: closed since the beginning of a UTC day, of one bot; None is all."""

    since: date | None = None
    bot_id: BotId | None = None

    @classmethod
    def of(cls, period: str, now: datetime, bot_id: BotId | None = None) -> "Scope":
        days = PERIODS[period]
        return cls(None if days is None else now.astimezone(UTC).date() - timedelta(days=days - 1), bot_id)

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
    symbols: tuple[str, ...]
    performance: Performance


def load_performance(tx: Tx, scope: Scope) -> Performance:
    """Of all trades together. Streaks are told for the whole life of one bot in one symbol, or not at all."""
    return _load_figures(tx, scope, by_symbol=False).get("", Performance())


def load_by_symbol(tx: Tx, scope: Scope) -> dict[str, Performance]:
    return _load_figures(tx, scope, by_symbol=True)


def load_leaderboard(tx: Tx, since: date | None) -> list[Standing]:
    """Every bot of the tenant, the best result first; one that closed no trade stands between wins and losses."""
    if since is None:
        return [_standing(row) for row in tx.rows(_SQL["load_leaderboard"])]
    return [_standing(row) for row in tx.rows(_SQL["load_leaderboard_since"], {"since": since})]


def with_streaks(
    tx: Tx, scope: Scope, by: Literal["all", "symbol", "bot"], found: Iterable[tuple[str, Performance]]
) -> dict[str, Performance]:
    """The same figures with their streaks, by name: "" for all, the symbol, or the bot's id. It asks every trade."""
    rows = tx.rows(_SQL["load_streaks"], scope.parameters(by=by))
    known = {name: tuple(streaks) for name, *streaks in rows}
    return {name: _with(each, known.get(name, (0, 0, 0))) for name, each in found}


def load_days(tx: Tx, scope: Scope) -> list[Day]:
    """Oldest first; a day without a trade has no entry."""
    return [Day(*row) for row in tx.rows(_SQL["load_days"], scope.parameters())]


def load_best_trades(tx: Tx, scope: Scope, count: int) -> list[Trade]:
    return [_trade(row) for row in tx.rows(_SQL["load_best_trades"], scope.parameters(count=count))]


def load_worst_trades(tx: Tx, scope: Scope, count: int) -> list[Trade]:
    return [_trade(row) for row in tx.rows(_SQL["load_worst_trades"], scope.parameters(count=count))]


def load_equity(tx: Tx, bot_id: BotId, since: date | None, count: int) -> list[Mark]:
    """A bot's curve, oldest first: of equal stretches of its time, at most so many, the last mark of each."""
    parameters = {"bot_id": bot_id, "since": since, "count": count}
    return [Mark(at, equity) for at, equity in tx.rows(_SQL["load_equity"], parameters)]


def load_wrong_days(tx: Tx, account_id: AccountId, count: int) -> list[tuple[BotId, str, date, str, str]]:
    """(bot, symbol, day, as it is kept, as its trades make it), where the two differ."""
    rows = tx.rows(_SQL["load_wrong_days"], {"account_id": account_id, "count": count})
    return [(BotId(bot), symbol, day, kept, made) for bot, symbol, day, kept, made in rows]


def load_wrong_lives(tx: Tx, account_id: AccountId, count: int) -> list[tuple[BotId, str, str, str]]:
    """(bot, symbol, as it is kept, as its days and the order of its trades make it), where the two differ."""
    rows = tx.rows(_SQL["load_wrong_lives"], {"account_id": account_id, "count": count})
    return [(BotId(bot), symbol, kept, made) for bot, symbol, kept, made in rows]


def _load_figures(tx: Tx, scope: Scope, *, by_symbol: bool) -> dict[str, Performance]:
    if scope.since is None:
        rows = tx.rows(_SQL["load_life"], {"bot_id": scope.bot_id, "by_symbol": by_symbol})
    else:
        rows = tx.rows(_SQL["load_sums"], scope.parameters(by_symbol=by_symbol))
    return {name: _performance(figures) for name, *figures in sorted(rows)}


def _standing(row: Row) -> Standing:
    bot_id, bot, account, strategy, equity, symbols, trades, *figures = row
    did = Performance() if trades is None else _performance([trades, *figures])
    return Standing(BotId(bot_id), bot, account, strategy, equity, tuple(symbols), did)


def _performance(figures: Any) -> Performance:
    trades, wins, losses, gained, lost, best, worst, fees, held, *streaks = figures
    sums = Performance(
        trades=trades,
        wins=wins,
        losses=losses,
        gained=gained,
        lost=lost,
        best=best,
        worst=worst,
        fees=fees,
        held=held,
    )
    return _with(sums, streaks or (None, None, None))


def _with(sums: Performance, streaks: Any) -> Performance:
    streak, longest_wins, longest_losses = streaks
    return replace(sums, streak=streak, longest_wins=longest_wins, longest_losses=longest_losses)


def _trade(row: Row) -> Trade:
    bot_id, symbol, number, direction, *rest = row
    return Trade(BotId(bot_id), symbol, number, Direction(direction), *rest)
