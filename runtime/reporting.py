"""The verbs that tell how bots did: `stats`, `phantoms`, `leaderboard`, and `learning-data` for whoever learns from it.

It stands between the switchboard and the rooms, as `safekeeping` does. It only reads; what a table shows rounded, the
JSON has with every digit, as text.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from runtime import building, errors, parquet, printing
from runtime.domain.performance import Performance
from runtime.domain.phantom import Statistics
from runtime.domain.position import Trade
from runtime.settings import Settings
from runtime.store import mark_pages, phantoms, reports
from runtime.store.mark_pages import Allocation, RiskMark
from runtime.store.pool import Store, Tx
from runtime.store.reports import Scope, Standing

_EXTREMES = 5
_DAYS_SHOWN = 14
_CURVE_POINTS = 200

Role = Callable[[Settings, argparse.Namespace], int]
AddRole = Callable[[str, Role, str], argparse.ArgumentParser]


def add_roles(role: AddRole) -> None:
    added = role(
        "stats", show_stats, "what closed trades brought: together, by symbol, by day, best and worst"
    )
    _add_bot(added)
    _add_period(added)
    added = role(
        "phantoms", show_phantoms, "what became of every signal, taken or not, and what forbade some"
    )
    _add_bot(added)
    added.add_argument("--json", action="store_true")
    _add_period(role("leaderboard", show_leaderboard, "every bot by what its closed trades brought"))
    added = role(
        "learning-data", write_learning, "every signal that was judged, with its features, to stdout"
    )
    added.add_argument("--format", choices=tuple(_FORMATS), default="csv")


def _add_bot(added: argparse.ArgumentParser) -> None:
    added.add_argument("--bot", help="of this bot alone; HOLDFAST_ACCOUNT says whose, where two are named so")


def _add_period(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--period", choices=tuple(reports.PERIODS), default="all", help="of UTC days, up to today"
    )
    added.add_argument("--json", action="store_true")


# --- verbs -----------------------------------------------------------------------------------------------------------


def show_stats(settings: Settings, args: argparse.Namespace) -> int:
    with building.opened_store(settings) as store, store.snapshot("report") as tx:
        bot = _find_bot(tx, settings, args)
        scope = Scope.of(args.period, datetime.now(UTC), bot.bot_id if bot else None)
        together = reports.with_streaks(tx, scope, "all", [("", reports.load_performance(tx, scope))])[""]
        by_symbol = reports.with_streaks(tx, scope, "symbol", reports.load_by_symbol(tx, scope).items())
        days = reports.load_days(tx, scope)
        best = reports.load_best_trades(tx, scope, _EXTREMES)
        worst = reports.load_worst_trades(tx, scope, _EXTREMES)
        curve = reports.load_equity(tx, bot.bot_id, scope.since, _CURVE_POINTS) if bot else []
        risks = mark_pages.load_risk_marks(tx, bot=bot.bot_id, limit=1).items if bot else []
        spread = mark_pages.load_allocations(tx, bot=bot.bot_id).items if bot else []
    if args.json:
        printing.print_json(
            {
                "period": args.period,
                "bot": bot.bot if bot else None,
                "together": _told(together),
                "symbols": {symbol: _told(each) for symbol, each in by_symbol.items()},
                "days": [
                    {"day": each.day, "trades": each.trades, "result": each.result, "total": each.total}
                    for each in days
                ],
                "best": [_told_trade(each) for each in best],
                "worst": [_told_trade(each) for each in worst],
                "equity": [{"at": each.at.isoformat(), "equity": each.equity} for each in curve],
                "risk": [asdict(each) for each in risks],
                "allocations": [asdict(each) for each in spread],
            }
        )
        return 0
    lines = [("all", together), *by_symbol.items()]
    printing.print_table(("", *_FIGURES), [(name, *_figures(each)) for name, each in lines])
    shown = days[-_DAYS_SHOWN:]
    printing.print_table(
        ("day", "trades", "result", "total"),
        [
            (str(each.day), str(each.trades), printing.amount(each.result), printing.amount(each.total))
            for each in shown
        ],
    )
    for name, trades in (("best", best), ("worst", worst)):
        printing.print_table((name, "symbol", "closed", "result"), [("", *_line(each)) for each in trades])
    _show_risk(risks, spread)
    return 0


def _show_risk(risks: Sequence[RiskMark], spread: Sequence[Allocation]) -> None:
    """As its desk marked them last."""
    printing.print_table(
        ("risk", "exposure", "drawdown", "breaker"),
        [
            (
                f"{each.at:%Y-%m-%d %H:%M}",
                printing.amount(Decimal(each.exposure)),
                printing.amount(Decimal(each.drawdown)),
                "tripped" if each.breaker_tripped else "whole",
            )
            for each in risks
        ],
    )
    parts = [(each.share, each.target_share, each.drift) for each in spread]
    printing.print_table(
        ("allocation", "worth", "share", "target", "drift"),
        [
            (
                each.asset,
                printing.amount(Decimal(each.value)),
                *(printing.percent(None if part is None else Decimal(part)) for part in of),
            )
            for each, of in zip(spread, parts, strict=True)
        ],
    )


def show_phantoms(settings: Settings, args: argparse.Namespace) -> int:
    with building.opened_store(settings) as store, store.snapshot("report") as tx:
        bot = _find_bot(tx, settings, args)
        bot_id = bot.bot_id if bot else None
        together, by_strategy = phantoms.load_statistics(tx, bot_id)
        blocked = phantoms.load_blocked(tx, bot_id)
    if args.json:
        printing.print_json(
            {
                "bot": bot.bot if bot else None,
                "together": _counted(together),
                "strategies": {name: _counted(each) for name, each in by_strategy.items()},
                "blocked": dict(blocked),
            }
        )
        return 0
    head = "signals taken rejected open won lost expired void right of-taken of-rejected newest".split()
    lines = [("all", together), *by_strategy.items()]
    printing.print_table(("", *head), [(name, *_counts(each)) for name, each in lines])
    printing.print_table(("blocked by", "times"), [(reason, str(count)) for reason, count in blocked])
    return 0


def show_leaderboard(settings: Settings, args: argparse.Namespace) -> int:
    scope = Scope.of(args.period, datetime.now(UTC))
    with building.opened_store(settings) as store, store.snapshot("report") as tx:
        board = reports.load_leaderboard(tx, scope.since)
        figures = [(str(each.bot_id), each.performance) for each in board]
        did = reports.with_streaks(tx, scope, "bot", figures)
    board = [replace(each, performance=did[str(each.bot_id)]) for each in board]
    if args.json:
        printing.print_json(
            [
                {
                    "rank": rank,
                    "bot": each.bot,
                    "account": each.account,
                    "strategy": each.strategy,
                    "equity": each.equity,
                    **_told(each.performance),
                }
                for rank, each in enumerate(board, 1)
            ]
        )
        return 0
    rows = [
        (
            f"{rank}. {each.bot}",
            each.account,
            each.strategy,
            printing.amount(each.equity),
            *_figures(each.performance),
        )
        for rank, each in enumerate(board, 1)
    ]
    printing.print_table(("bot", "account", "strategy", "equity", *_FIGURES), rows)
    return 0


def write_learning(settings: Settings, args: argparse.Namespace) -> int:
    try:
        with building.opened_store(settings) as store:
            _FORMATS[args.format](store)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it has enough. Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


# --- learning data ---------------------------------------------------------------------------------------------------


def _write_jsonl(store: Store) -> None:
    for facts, features in phantoms.iterate_learning(store):
        print(json.dumps({**facts, "features": _numbers(features)}, default=printing.plain))


def _write_csv(store: Store) -> None:
    """A column for each feature that any signal has; what a feature nests is JSON."""
    with store.single("look for the features") as tx:
        names = phantoms.load_features(tx)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow([*phantoms.LEARNT, *(f"feature.{name}" for name in names)])
    for facts, features in phantoms.iterate_learning(store):
        known = features if isinstance(features, dict) else {}
        out.writerow(
            [_cell(facts[name]) for name in phantoms.LEARNT] + [_cell(known.get(name)) for name in names]
        )


def _write_parquet(store: Store) -> None:
    if sys.stdout.isatty():
        raise errors.InvalidCommand(
            verb="learning-data", detail="parquet is for a file: `learning-data --format parquet > FILE`"
        )
    library = parquet.load()
    with store.single("look for the features") as tx:
        features = phantoms.load_features(tx)
    parquet.write(library, sys.stdout.buffer, features, phantoms.iterate_learning(store))


_FORMATS: Mapping[str, Callable[[Store], None]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}


def _cell(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool | dict | list):
        return json.dumps(_numbers(value))
    return printing.plain(value)


def _numbers(value: Any) -> Any:
    """Features were floats where they were numbers; the store reads every number exactly."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    return [_numbers(each) for each in value] if isinstance(value, list) else value


# --- how it is told --------------------------------------------------------------------------------------------------

_FIGURES = "trades won lost result win-rate factor average best worst streak".split()


def _find_bot(tx: Tx, settings: Settings, args: argparse.Namespace) -> Standing | None:
    if args.bot is None:
        return None
    named = [each for each in reports.load_leaderboard(tx, None) if each.bot == args.bot]
    if settings.account is not None:
        named = [each for each in named if each.account == settings.account]
    if len(named) == 1:
        return named[0]
    found = ", ".join(each.account for each in named) or "none"
    detail = f"one bot {args.bot!r:.60} was looked for, of the accounts that have one: {found}"
    raise errors.InvalidCommand(verb=args.role, detail=detail)


def _told(of: Performance) -> dict[str, object]:
    return {
        "trades": of.trades,
        "wins": of.wins,
        "losses": of.losses,
        "result": of.result,
        "gained": of.gained,
        "lost": of.lost,
        "win_rate": of.win_rate,
        "profit_factor": of.profit_factor,
        "expectancy": of.expectancy,
        "average_win": of.average_win,
        "average_loss": of.average_loss,
        "best": of.best,
        "worst": of.worst,
        "fees": of.fees,
        "streak": of.streak,
        "longest_wins": of.longest_wins,
        "longest_losses": of.longest_losses,
        "held_seconds": of.held.total_seconds(),
    }


def _told_trade(of: Trade) -> dict[str, object]:
    return {
        "symbol": of.symbol,
        "number": of.number,
        "direction": str(of.direction),
        "closed_at": of.closed_at,
        "result": of.realised - of.fees,
    }


def _counted(of: Statistics) -> dict[str, object]:
    return {
        "total": of.total,
        "executed": of.executed,
        "rejected": of.rejected,
        "open": of.open,
        "won": of.won,
        "lost": of.lost,
        "expired": of.expired,
        "void": of.void,
        "accuracy": of.accuracy,
        "accuracy_executed": of.accuracy_executed,
        "accuracy_rejected": of.accuracy_rejected,
        "rolling": of.rolling,
        "rolling_win_rate": of.rolling_win_rate,
    }


def _figures(of: Performance) -> Iterator[str]:
    yield from (
        str(of.trades),
        str(of.wins),
        str(of.losses),
        printing.amount(of.result),
        printing.percent(of.win_rate),
    )
    yield from (
        printing.amount(of.profit_factor),
        printing.amount(of.expectancy),
        printing.amount(of.best),
        printing.amount(of.worst),
    )
    yield "-" if of.streak is None else f"{of.streak:+d}"


def _counts(of: Statistics) -> Iterator[str]:
    yield from map(str, (of.total, of.executed, of.rejected, of.open, of.won, of.lost, of.expired, of.void))
    rates = (of.accuracy, of.accuracy_executed, of.accuracy_rejected, of.rolling_win_rate)
    yield from map(printing.percent, rates)


def _line(of: Trade) -> tuple[str, str, str]:
    return of.symbol, f"{of.closed_at:%Y-%m-%d %H:%M}", printing.amount(of.realised - of.fees)
