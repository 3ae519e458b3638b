"""What a desk tells of itself: figures after every turn, and at times a line for CloudWatch and one for each bot.

It reads what the desk holds in memory, and the number of what waits in quarantine. It promises to change nothing, and
that a turn which failed is told as well as one that succeeded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

from runtime import errors, logs
from runtime.domain.decision import View
from runtime.domain.order import Status
from runtime.engine import viewing
from runtime.engine.clock import elapsed_seconds
from runtime.engine.desk import Bot, Desk, Figures
from runtime.store import operations
from runtime.telemetry import table

QUARANTINE_MAX = 1000


@contextmanager
def failures_counted(desk: Desk) -> Iterator[None]:
    try:
        yield
    except errors.BotError as fault:
        desk.meters.count(table.FAILED_OPERATIONS, type(fault).__name__)
        if isinstance(fault, errors.LeaseLost):
            desk.meters.count(table.LEASE_LOST)
        raise


def ticked(desk: Desk, began_at_monotonic: float) -> None:
    """A tick went all the way round: its last act was a commit."""
    desk.meters.observe(table.TICK_SECONDS, elapsed_seconds() - began_at_monotonic)
    desk.meters.count(table.HEARTBEAT)
    if desk.pulse is not None:
        desk.pulse.beat(desk.lease.seconds_left)


def recovered(desk: Desk, began_at_monotonic: float) -> None:
    desk.meters.count(table.RECOVERIES)
    desk.meters.observe(table.RECOVERY_SECONDS, elapsed_seconds() - began_at_monotonic)
    _tell_quarantine(desk)


def note(desk: Desk, bot: Bot, view: View, equity: Decimal) -> None:
    """How a bot stands, as it saw the market a moment ago."""
    before = desk.figures.get(bot.name)
    best = max(before.best, equity) if before else equity
    held = (abs(position.quantity) * view.quotes[symbol].last for symbol, position in view.positions.items())
    figures = Figures(
        equity=equity,
        best=best,
        exposure=sum(held, Decimal(0)),
        realised_today=viewing.risk_of(desk, bot, view).realised_today,
    )
    desk.figures[bot.name] = figures
    desk.meters.set(table.EQUITY, figures.equity, bot.name)
    desk.meters.set(table.DRAWDOWN, figures.drawdown, bot.name)
    desk.meters.set(table.EXPOSURE, figures.exposure, bot.name)
    desk.meters.set(table.REALISED_TODAY, figures.realised_today, bot.name)


def tell(desk: Desk) -> None:
    """After each turn of the loop, whether it succeeded or not."""
    meters = desk.meters
    unknown = desk.ledger.unsettled(Status.UNKNOWN)
    now = desk.exchange.now() if unknown else None
    ages = [(now - order.created_at).total_seconds() for order in unknown if now]
    meters.set(table.UNKNOWN_ORDERS, len(unknown))
    meters.set(table.UNKNOWN_ORDER_AGE, max(ages, default=0))
    meters.set(table.RECONCILE_MISMATCHES, len(desk.unclean))
    today = datetime.now(UTC).date()
    meters.set(table.BREAKERS_TRIPPED, sum(bot.breaker_day == today for bot in desk.bots))
    meters.count_to(table.DUPLICATES_PREVENTED, desk.ledger.duplicates_prevented)
    _tell_states(desk)
    _tell_pool(desk)
    if desk.writer is not None and desk.writer.is_due:
        _tell_quarantine(desk)
        for bot in desk.bots:
            _log_bot(desk, bot)
        desk.writer.flush()


def _tell_states(desk: Desk) -> None:
    states = [bot.state if bot.enabled else "paused" for bot in desk.bots]
    for state in table.STATES:
        desk.meters.set(table.BOT_STATES, states.count(state), state)


def _tell_pool(desk: Desk) -> None:
    use = desk.store.pool_use()
    desk.meters.set(table.POOL_SIZE, use.get("pool_size", 0))
    desk.meters.set(table.POOL_IDLE, use.get("pool_available", 0))
    desk.meters.set(table.POOL_WAITING, use.get("requests_waiting", 0))


def _tell_quarantine(desk: Desk) -> None:
    """Asked of the ledger, since operators resolve it there. Without an answer the last one stands."""
    try:
        with desk.store.single("look into the quarantine") as tx:
            waiting = operations.load_quarantine(tx, desk.account.account_id, QUARANTINE_MAX)
    except errors.Retry:
        return
    desk.meters.set(table.QUARANTINED, len(waiting))


def _log_bot(desk: Desk, bot: Bot) -> None:
    figures = desk.figures.get(bot.name)
    shown = figures.shown() if figures else {}
    state = bot.state if bot.enabled else "paused"
    logs.info("bot", account=desk.account.name, bot=bot.name, state=state, **shown)
