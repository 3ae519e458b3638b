"""What people are told and may ask: the wiring of `runtime/notifications` for a desk, and the role that listens.

Beside the switchboard because it names a store, the desks and the channels. Nothing is told where nothing is set.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from runtime import building, errors, logs, printing
from runtime.domain.identity import BotId, bot_id
from runtime.domain.performance import Performance
from runtime.domain.phantom import Statistics
from runtime.domain.status import DeskStatus
from runtime.notifications import notices
from runtime.notifications.channel import Channel
from runtime.notifications.listening import Asked, Listener
from runtime.notifications.notices import Kind, Notice
from runtime.notifications.notifier import Notifier
from runtime.notifications.senders import Telegram, Webhook
from runtime.settings import Settings
from runtime.store import bots, models, operations, phantoms, reports, upkeep
from runtime.store.bots import Account
from runtime.store.pool import Store
from runtime.telemetry import prometheus
from runtime.telemetry.meters import Meters

AddRole = Callable[[str, Callable[[Settings, argparse.Namespace], int], str], argparse.ArgumentParser]

# Of the time for leaving in good order.
LEAVE_PART = 8
HELP = (
    "I know /status, /stats, /phantom_stats, /ml_stats, /db_stats, /pause [ACCOUNT [BOT]] and /resume [ACCOUNT [BOT]]; "
    "without an account all are meant."
)
# A chat is read on a telephone.
_BOTS_TOLD, _TABLES_TOLD, _MODELS_TOLD = 10, 5, 10
_LAST_WORDS: Mapping[type[errors.BotError], Kind] = {
    errors.LeaseLost: Kind.LEASE_LOST,
    errors.StoreLost: Kind.STORE_LOST,
}


def add_roles(role: AddRole) -> None:
    role(
        "telegram",
        listen,
        "answer /status, /stats and more, /pause and /resume in the chat that the settings name",
    )


# --- telling ---------------------------------------------------------------------------------------------------------


@contextmanager
def notified(settings: Settings, account: str, meters: Meters) -> Iterator[None]:
    """People are told what this desk logs of importance, and what it died of."""
    origin = {"stage": settings.stage, "desk": settings.desk or account}
    channels = _channels(settings, origin, meters)
    if not channels:
        yield
        return
    notifier = Notifier(channels, "/".join(origin.values()))
    with (
        _working(channels, settings.shutdown_seconds / LEAVE_PART),
        logs.heard(notices.EVENTS, notifier.hear),
    ):
        try:
            yield
        except tuple(_LAST_WORDS) as fault:
            notifier.tell(_LAST_WORDS[type(fault)], str(fault), {"error": type(fault).__name__})
            raise


def _channels(settings: Settings, origin: Mapping[str, str], meters: Meters) -> list[Channel]:
    channels = []
    if settings.webhook_url is not None:
        channels.append(Channel("webhook", Webhook(settings.webhook_url, origin).deliver, meters))
    telegram = _telegram(settings)
    if telegram is not None:
        channels.append(Channel("telegram", telegram.deliver, meters))
    return channels


def _telegram(settings: Settings) -> Telegram | None:
    if settings.telegram_token is None or settings.telegram_chat is None:
        return None
    return Telegram(settings.telegram_url, settings.telegram_token, settings.telegram_chat)


@contextmanager
def _working(channels: Sequence[Channel], leave_seconds: float) -> Iterator[None]:
    for channel in channels:
        channel.start()
    try:
        yield
    finally:
        for channel in channels:
            channel.stop(leave_seconds / len(channels))


# --- listening -------------------------------------------------------------------------------------------------------


def listen(settings: Settings, _: argparse.Namespace) -> int:
    """One process for each token: Telegram hands its messages to one listener only."""
    api = _telegram(settings)
    if api is None:
        fault = "HOLDFAST_TELEGRAM_TOKEN and HOLDFAST_TELEGRAM_CHAT must name a bot and a chat."
        raise errors.BadSettings(count=1, faults=fault)
    logs.start(settings.log_level)
    threading.excepthook = building.end_with_a_thread
    # A kill at any line is harmless here, so that there is nothing to wait for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    meters = Meters()
    channel = Channel("telegram", api.deliver, meters)
    with ExitStack() as held:
        store = held.enter_context(building.opened_store(settings))
        if settings.metrics_port is not None:
            served = prometheus.served(meters, settings.metrics_host, settings.metrics_port)
            logs.info("metrics are served", port=held.enter_context(served))
        held.enter_context(_working([channel], settings.shutdown_seconds / LEAVE_PART))
        listener = Listener(
            api,
            lambda asked: obey(store, asked),
            lambda text: channel.offer(Notice(Kind.ANSWER, datetime.now(UTC), text)),
            settings.data_dir / "notifications" / "telegram.json",
            meters,
        )
        logs.info("listening to Telegram", chat=api.chat)
        while True:
            threading.Event().wait(listener.turn())


def obey(store: Store, asked: Asked) -> str:
    """The answer. Raises a Retry where a wish could not be written down; the same key asks again."""
    if asked.verb in ("pause", "resume"):
        return _record(store, asked)
    answer = _ANSWERS.get(asked.verb)
    if answer is None:
        return HELP
    try:
        return answer(store)
    except errors.StoreUnavailable as fault:
        return str(fault)


def _record(store: Store, asked: Asked) -> str:
    try:
        chosen = _chosen(store, asked)
    except errors.InvalidCommand as refusal:
        return str(refusal)
    with store.transaction("record a command from Telegram") as tx:
        for account, bot in chosen:
            operations.record_command(
                tx,
                account.account_id,
                bot,
                asked.verb,
                arguments={},
                requested_by=asked.by,
                reason="asked on Telegram",
                key=f"{asked.key}:{account.name}",
            )
    names = ", ".join([account.name for account, _ in chosen])
    what = " ".join((names, *asked.words[1:]))
    return f"Written down: {asked.verb} {what}. It is obeyed at the next tick; /status shows it."


def _chosen(store: Store, asked: Asked) -> list[tuple[Account, BotId | None]]:
    accounts = building.load_accounts(store)
    if not asked.words and accounts:
        return [(account, None) for account in accounts]
    named = next((each for each in accounts if asked.words and each.name == asked.words[0]), None)
    if named is None:
        names = ", ".join(each.name for each in accounts) or "none"
        raise errors.InvalidCommand(verb=asked.verb, detail=f"the accounts are: {names}")
    if len(asked.words) == 1:
        return [(named, None)]
    bot = bot_id(named.account_id, " ".join(asked.words[1:]))
    with store.single("look for the bot") as tx:
        rows = bots.load_bots(tx, named.account_id)
    if bot not in {row.bot_id for row in rows}:
        known = ", ".join(row.name for row in rows) or "none"
        raise errors.InvalidCommand(verb=asked.verb, detail=f"the bots of {named.name} are: {known}")
    return [(named, bot)]


def status_text(desks: Sequence[DeskStatus], now: datetime) -> str:
    lines = [] if desks else ["No account is enrolled."]
    for desk in desks:
        lives = "alive" if desk.alive else "NOT RUNNING"
        lines.append(
            f"{desk.account}: {lives}, {desk.unknown_orders} unknown order(s), {desk.quarantined} in quarantine"
        )
        for bot in desk.bots:
            ticked = f"{(now - bot.ticked_at).total_seconds():.0f} s ago" if bot.ticked_at else "never"
            equity = "?" if bot.equity is None else notices.figure(bot.equity)
            reason = f" ({bot.halt_reason})" if bot.halt_reason else ""
            lines.append(f"  {bot.name}: {bot.state}{reason}, equity {equity}, ticked {ticked}")
    return "\n".join(lines)


# --- what is answered -------------------------------------------------------------------------------------------------


def _status(store: Store) -> str:
    return status_text(building.load_desks(store), datetime.now(UTC))


def _stats(store: Store) -> str:
    """Closed trades by period, and the bots by what theirs brought."""
    now = datetime.now(UTC)
    with store.snapshot("report") as tx:
        lines = [
            f"{period}: {_performance(reports.load_performance(tx, reports.Scope.of(period, now)))}"
            for period in reports.PERIODS
        ]
        board = reports.load_leaderboard(tx, reports.Scope.of("all", now).since)
    lines += [f"{each.bot}: {_performance(each.performance)}" for each in board[:_BOTS_TOLD]]
    return "\n".join(lines)


def _performance(of: Performance) -> str:
    rate = printing.percent(of.win_rate)
    return f"{of.trades} trade(s), {rate} won, result {printing.amount(of.result)}"


def _phantom_stats(store: Store) -> str:
    with store.snapshot("report") as tx:
        together, by_strategy = phantoms.load_statistics(tx)
        blocked = phantoms.load_blocked(tx)
    lines = [f"{name}: {_signals(each)}" for name, each in (("all", together), *by_strategy.items())]
    reasons = ", ".join(f"{reason} {count}" for reason, count in blocked[:_BOTS_TOLD])
    return "\n".join([*lines, f"blocked by: {reasons or 'nothing'}"])


def _signals(of: Statistics) -> str:
    rates = (
        f"{printing.percent(of.accuracy)} right, newest {of.rolling}: {printing.percent(of.rolling_win_rate)}"
    )
    return f"{of.total} signal(s), {of.executed} taken, {of.open} open, {rates}"


def _ml_stats(store: Store) -> str:
    """The models in use, and how right the signals were that they judged."""
    with store.snapshot("report") as tx:
        listed = [each for each in models.load_models(tx, 1) if each.model.promoted]
        together, _ = phantoms.load_statistics(tx)
    lines = [_model(each) for each in listed[:_MODELS_TOLD]] or ["No model is in use yet."]
    taken, rejected = map(printing.percent, (together.accuracy_executed, together.accuracy_rejected))
    return "\n".join([*lines, f"signals right: {taken} of those taken, {rejected} of those rejected"])


def _model(of: models.Listed) -> str:
    metrics = ", ".join(f"{name} {notices.figure(value)}" for name, value in sorted(of.model.metrics.items()))
    trained = f"trained {of.model.age_seconds:.0f} s ago on {of.model.training_size}"
    return f"{of.bot}: {of.model.name} version {of.model.version}, {trained}, {metrics}"


def _db_stats(store: Store) -> str:
    with store.snapshot("look at the database") as tx:
        seen = upkeep.glance(tx, _TABLES_TOLD)
    connections = f"connections {seen.connections} of {seen.connections_max}"
    lines = [f"{seen.bytes / 1_000_000:,.1f} MB, schema {seen.revision}, {connections}"]
    lines += [
        f"{name}: {of / 1_000_000:,.1f} MB, {rows:,} rows, {dead:,} dead"
        for name, of, rows, dead in seen.tables
    ]
    return "\n".join(lines)


_ANSWERS: Mapping[str, Callable[[Store], str]] = {
    "status": _status,
    "stats": _stats,
    "phantom_stats": _phantom_stats,
    "ml_stats": _ml_stats,
    "db_stats": _db_stats,
}
