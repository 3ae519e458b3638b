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
from runtime.engine.desk import Bot, Desk, Standing
from runtime.store import operations
from runtime.telemetry import table

QUARANTINE_MAX = 1000
# How old a gauge may be; Prometheus asks every fifteen seconds or so, CloudWatch is told once a minute.
TELL_SECONDS = 5
_FIGURES = {
    "equity": table.EQUITY,
    "drawdown": table.DRAWDOWN,
    "exposure": table.EXPOSURE,
    "realised_today": table.REALISED_TODAY,
}


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
    """How a bot stands, as it saw the market a moment ago. What follows from it is worked out when it is told."""
    held = desk.standings.get(bot.bot_id)
    if held is None:
        desk.standings[bot.bot_id] = Standing(view, equity)
    else:
        held.view, held.equity = view, equity


def tell(desk: Desk) -> None:
    """After each turn of the loop, whether it succeeded or not; nothing is asked more often than anybody looks."""
    now = elapsed_seconds()
    if now < desk.tell_at_monotonic:
        return
    desk.tell_at_monotonic = now + TELL_SECONDS
    _tell_orders(desk)
    _tell_bots(desk)
    _tell_pool(desk)
    if desk.writer is not None and desk.writer.is_due:
        _tell_quarantine(desk)
        for bot in desk.bots:
            state = bot.state if bot.enabled else "paused"
            logs.info("bot", account=desk.account.name, bot=bot.name, state=state, **_figures(desk, bot))
        desk.writer.flush()


def _tell_orders(desk: Desk) -> None:
    meters, unknown = desk.meters, desk.ledger.unsettled(Status.UNKNOWN)
    now = desk.exchange.now() if unknown else None
    ages = [(now - order.created_at).total_seconds() for order in unknown if now]
    meters.set(table.UNKNOWN_ORDERS, len(unknown))
    meters.set(table.UNKNOWN_ORDER_AGE, max(ages, default=0))
    meters.set(table.RECONCILE_MISMATCHES, len(desk.unclean))
    meters.set(table.STALE_QUOTES, len(desk.stale))
    meters.count_to(table.DUPLICATES_PREVENTED, desk.ledger.duplicates_prevented)


def _tell_bots(desk: Desk) -> None:
    meters, today = desk.meters, datetime.now(UTC).date()
    meters.set(table.BREAKERS_TRIPPED, sum(bot.breaker_day == today for bot in desk.bots))
    states = [bot.state if bot.enabled else "paused" for bot in desk.bots]
    for state in table.STATES:
        meters.set(table.BOT_STATES, states.count(state), state)
    for bot in desk.bots:
        for name, value in _figures(desk, bot).items():
            meters.set(_FIGURES[name], value, bot.name)


def _figures(desk: Desk, bot: Bot) -> dict[str, Decimal]:
    """By the names of the log; nothing of a bot that has not looked yet."""
    held = desk.standings.get(bot.bot_id)
    if held is None:
        return {}
    view = held.view
    worth = (abs(each.quantity) * view.quotes[symbol].last for symbol, each in view.positions.items())
    return {
        "equity": held.equity,
        "drawdown": bot.keeper.drawdown,
        "exposure": sum(worth, Decimal(0)),
        "realised_today": viewing.risk_of(desk, bot, view).realised_today,
    }


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
