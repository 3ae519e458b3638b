"""From whatever the last process left to the first tick. First start, restart and crash all come through here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from runtime import errors, logs
from runtime.domain.order import Order, Status
from runtime.domain.reconcile import Finding
from runtime.engine import away, phantoms, reconciling, remembering, training
from runtime.engine import desk as desks
from runtime.engine.desk import Desk
from runtime.engine.proof import HISTORY_MARGIN
from runtime.store import bots, operations
from runtime.store.operations import Reconciliation

COOLDOWN_REACH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, what was proved, what is still open."""

    brought_back: int  # exits that left while PostgreSQL was away
    found_pending: int
    found_unsettled: int
    reconciliation: Reconciliation
    remembered: tuple[str, ...]  # what each component and model brought back, a sentence each


def recover(desk: Desk) -> Report:
    """Load everything, prove what can be proved, compare the account. Trading may begin when it returns."""
    desks.load_bots(desk)
    _load(desk)
    _halt_without_market(desk)
    desks.set_leverages(desk)
    with desk.store.single("close interrupted jobs") as tx:
        bots.close_interrupted_jobs(tx, desk.fence)
    brought_back = away.bring_back(desk)
    unsettled = desk.ledger.unsettled()
    pending = _doubt_pending(desk)
    reconciling.record_baseline_once(desk)
    done = reconciling.run(desk, "recovery", look_back(desk, unsettled))
    phantoms.load(desk)
    remembered = (*remembering.load(desk), *training.load(desk))
    desk.lease.record_ready()
    report = Report(brought_back, len(pending), len(unsettled), done, remembered)
    logs.info(
        "recovered",
        account=desk.account.name,
        epoch=desk.fence.epoch,
        brought_back=report.brought_back,
        pending=report.found_pending,
        unsettled=report.found_unsettled,
        summary=done.summary,
    )
    return report


def look(desk: Desk) -> tuple[Finding, ...]:
    """Compare the account with the ledger and change nothing, here or there."""
    desks.load_bots(desk, may_halt=False)
    _load(desk)
    return reconciling.compare(desk, look_back(desk, desk.ledger.unsettled()))


def look_back(desk: Desk, unsettled: tuple[Order, ...]) -> datetime:
    """Since when the account is compared: the last comparison, or the oldest order that was still open."""
    with desk.store.single("look up the last reconciliation") as tx:
        last = operations.load_last_started_at(tx, desk.account.account_id)
    instants = [order.created_at for order in unsettled] + [last or desk.exchange.now()]
    return min(instants) - HISTORY_MARGIN


def _load(desk: Desk) -> None:
    if not desk.symbols:
        raise errors.BadInput(
            where=f"Account {desk.account.name}",
            detail="it has no bot that could run",
            remedy="Enrol or repair one.",
        )
    desk.markets = desk.exchange.connect(desk.symbols)
    desk.ledger.load(desk.exchange.now() - COOLDOWN_REACH)
    for bot in desk.bots:
        held = desk.ledger.closed_trades(bot.bot_id)
        bot.former_symbols = tuple(symbol for symbol in held if symbol not in bot.symbols)


def _doubt_pending(desk: Desk) -> tuple[Order, ...]:
    """An intent without an outcome may or may not have been sent before the process died."""
    pending = desk.ledger.unsettled(Status.PENDING)
    for order in pending:
        facts = {"found": "pending at start: it may have been sent"}
        desk.ledger.advance(order, Status.UNKNOWN, desk.exchange.now(), facts)
    return pending


def _halt_without_market(desk: Desk) -> None:
    for bot in list(desk.bots):
        missing = sorted(set(bot.symbols) - set(desk.markets))
        if missing:
            desks.set_state(
                desk, bot, "halted", reason=f"the venue does not list {', '.join(missing)}", actor="desk"
            )
