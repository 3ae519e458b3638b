"""What a bot sees in a tick: asked of the venue once for the whole desk, completed for each bot from the ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from runtime import logs
from runtime.domain.decision import View
from runtime.domain.market import Candle, Quote
from runtime.domain.order import Status
from runtime.domain.risk import RiskState
from runtime.engine.desk import Bot, Desk

Series = tuple[str, str, int]  # symbol, timeframe, count


@dataclass(frozen=True, slots=True)
class Sight:
    """The market as the desk saw it in this tick."""

    now: datetime
    quotes: Mapping[str, Quote]
    candles: Mapping[Series, tuple[Candle, ...]]


def fetch_sight(desk: Desk) -> Sight:
    wanted = sorted({series for bot in desk.bots if bot.ticks_now for series in _series(bot)})
    quotes = desk.exchange.fetch_quotes(desk.symbols)
    candles = {series: desk.exchange.fetch_candles(*series) for series in wanted}
    return Sight(desk.exchange.now(), quotes, candles)


def note_age(desk: Desk, sight: Sight) -> None:
    """Old quotes forbid new risk. That is said when it begins and when it ends, not in every tick."""
    stale = _stale(desk, sight, desk.symbols, sight.now)
    if stale - desk.stale:
        ages = {symbol: round(sight.quotes[symbol].age_seconds(sight.now), 1) for symbol in sorted(stale)}
        logs.warning("quotes are too old: no new risk there", ages_in_seconds=ages)
    elif desk.stale - stale:
        logs.info("quotes are of this time again", symbols=sorted(desk.stale - stale))
    desk.stale = stale


def view_of(desk: Desk, bot: Bot, sight: Sight) -> View:
    """Judged by the time that it is now: the bots before this one may have taken long."""
    unsafe = {order.symbol for order in desk.ledger.unsettled(Status.UNKNOWN)}
    return View(
        now=sight.now,
        markets={symbol: desk.markets[symbol] for symbol in bot.symbols},
        quotes={symbol: sight.quotes[symbol] for symbol in bot.symbols},
        candles={series[0]: sight.candles[series] for series in _series(bot)},
        positions={symbol: desk.ledger.position(bot.bot_id, symbol) for symbol in bot.symbols},
        orders=tuple(order for order in desk.ledger.unsettled() if order.bot_id == bot.bot_id),
        unsafe_symbols=frozenset(bot.symbols) if desk.unclean else frozenset(unsafe),
        stale_symbols=_stale(desk, sight, bot.symbols, desk.exchange.now()),
    )


def risk_of(desk: Desk, bot: Bot, view: View) -> RiskState:
    today = view.now.date()
    # What it no longer trades has cost it as much today as what it does.
    former = (desk.ledger.position(bot.bot_id, symbol) for symbol in bot.former_symbols)
    return RiskState(
        realised_today=sum(
            (position.result_on(today) for position in (*view.positions.values(), *former)), Decimal(0)
        ),
        breaker_tripped=bot.breaker_day == today,
        last_order_at={
            symbol: at for (bot_id, symbol), at in desk.ledger.last_order_at.items() if bot_id == bot.bot_id
        },
        drawdown=bot.keeper.drawdown,
        objection=desk.wishes.objection,
    )


def equity_of(view: View) -> Decimal:
    """What the bot has won or lost since it began: realised after fees, plus what it holds at the last prices."""
    return sum(
        (
            position.result + position.unrealised(view.quotes[symbol].last)
            for symbol, position in view.positions.items()
        ),
        Decimal(0),
    )


def _stale(desk: Desk, sight: Sight, symbols: Iterable[str], now: datetime) -> frozenset[str]:
    """A quote from the future is as little of this time as an old one."""
    limit = desk.pace.quote_age_seconds
    return frozenset(symbol for symbol in symbols if abs(sight.quotes[symbol].age_seconds(now)) > limit)


def _series(bot: Bot) -> list[Series]:
    needs = bot.strategy.needs
    return [(symbol, needs.timeframe, needs.candles) for symbol in needs.symbols]
