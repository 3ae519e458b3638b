"""The tick, and the loop around it. Everything else in this room serves these two functions.

Between any two lines the process may die. Nothing here remembers anything that the ledger does not.
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime

from runtime import errors, logs
from runtime.domain import risk, wishes
from runtime.domain.decision import Decision, Proposal, View
from runtime.domain.order import RESTING, Order, Status
from runtime.engine import (
    away,
    commands,
    gating,
    gauging,
    observing,
    phantoms,
    proof,
    reconciling,
    recovery,
    remembering,
    sending,
    training,
    viewing,
)
from runtime.engine.clock import elapsed_seconds
from runtime.engine.deciding import decide
from runtime.engine.desk import Bot, Desk, set_state, trip_breaker
from runtime.engine.viewing import Sight
from runtime.store import bots
from runtime.store.bots import TickMark
from runtime.telemetry import table

# A venue's clock that moves away from ours costs orders: it refuses what seems too old or not yet signed.
CLOCK_SECONDS = 60


def tick(desk: Desk) -> None:
    """One turn of the desk: obey, catch up, then let each bot decide in turn."""
    desk.lease.renew_if_due()
    commands.apply_pending(desk)
    catch_up(desk)
    sight = viewing.fetch_sight(desk)
    viewing.note_age(desk, sight)
    observing.looked(desk, sight)
    marks = [tick_bot(desk, bot, sight) for bot in desk.bots if bot.ticks_now]
    with desk.store.single("record the tick") as tx:
        bots.record_tick(tx, desk.fence, sight.now, marks, observing.waiting(desk))
    for bot in desk.bots:
        bot.recorded_memory = bot.memory
    remembering.save_due(desk)
    phantoms.follow(desk, sight)
    training.learn(desk)


def tick_bot(desk: Desk, bot: Bot, sight: Sight) -> TickMark:
    view = viewing.view_of(desk, bot, sight)  # 1 ask
    equity = viewing.equity_of(view)
    remembering.tell(desk, bot, equity, view.now)
    began_at = elapsed_seconds()
    decision = decide(bot, view)  # 2 decide (pure)
    took_seconds = elapsed_seconds() - began_at
    desk.meters.observe(table.DECIDE_SECONDS, took_seconds)
    gauging.note(desk, bot, view, equity)
    observing.marked(desk, bot, view, equity)
    if isinstance(decision, errors.InvalidDecision):
        observing.failed(desk, bot, view, str(decision), took_seconds)
        set_state(desk, bot, "halted", reason=str(decision), actor="desk")
        return TickMark(bot.bot_id, equity, None)
    proposals = admit(desk, bot, decision, view)  # 3 guard (pure)
    observing.decided(desk, bot, view, decision, took_seconds)
    bot.memory = decision.memory
    if proposals:  # 4 write before sending
        reason = decision.note or "tick"
        for intent, order in sending.write_down(desk, bot, proposals, trigger_reason=reason):
            sending.send(desk, intent, order)  # 5 send; 6 write what came back
    for client_order_id in decision.cancels:
        cancel_own(desk, bot, client_order_id)
    return TickMark(bot.bot_id, equity, bot.memory if bot.memory != bot.recorded_memory else None)


def admit(desk: Desk, bot: Bot, decision: Decision, view: View) -> tuple[Proposal, ...]:
    limits = wishes.narrow(bot.limits, desk.wishes)
    gated = gating.judge(desk, bot, decision.proposals, view)
    admission = risk.admit(gated.passed, view, limits, viewing.risk_of(desk, bot, view))
    admission = replace(admission, blocked=gated.blocked + admission.blocked)
    if admission.breaker_trips:
        trip_breaker(desk, bot, view.now)
    observing.judged(desk, bot, view, admission, gated.foretold)
    for blocked in admission.blocked:
        logs.info(
            "blocked", bot=bot.name, key=blocked.proposal.key, limit=blocked.limit, detail=blocked.detail
        )
    return admission.admitted


def cancel_own(desk: Desk, bot: Bot, client_order_id: str) -> None:
    """A bot may cancel what rests of its own; anything else is not there any more and needs no cancel."""
    for order in desk.ledger.unsettled(*RESTING):
        if order.client_order_id == client_order_id and order.bot_id == bot.bot_id:
            sending.cancel(desk, order, "its strategy asked for it")


def catch_up(desk: Desk) -> None:
    """What became of our orders since the last tick."""
    for order in desk.ledger.unsettled(Status.UNKNOWN):
        _prove_or_leave(desk, order)
    resting = desk.ledger.unsettled(*RESTING)
    if not resting:
        return
    shown = {each.venue_order_id: each for each in desk.exchange.fetch_open_orders(desk.symbols)}
    for order in resting:
        listed = shown.get(order.venue_order_id) if order.venue_order_id else None
        if listed is None:
            _prove_or_leave(desk, order)
        elif _tells_more(order, listed.filled_quantity, listed.status):
            proof.settle(desk, order, listed)


def _prove_or_leave(desk: Desk, order: Order) -> None:
    """What cannot be read of one order leaves that one as it is; exits in other symbols do not wait for it."""
    try:
        proof.prove(desk, order)
    except (errors.VenueUnavailable, errors.RateLimited) as fault:
        logs.warning("order not proved yet", order=order.client_order_id, detail=str(fault))


def run(desk: Desk, stop: threading.Event) -> None:
    """Recover, then tick at the desk's own pace until told to stop."""
    schedule = _Schedule(desk)
    while not stop.is_set():
        began_at = elapsed_seconds()
        try:
            with gauging.failures_counted(desk):
                schedule.turn()
        except errors.StoreUnavailable as fault:
            schedule.lost_store(fault)
        except errors.Conflict as fault:
            logs.warning("the ledger is loaded again", detail=str(fault))
            schedule.must_recover = True
        except errors.Retry as fault:
            logs.warning("tick postponed", detail=str(fault))
        gauging.tell(desk)
        stop.wait(max(0, began_at + desk.pace.tick_seconds - elapsed_seconds()))
    remembering.save_all(desk)


@dataclass(slots=True)
class _Schedule:
    """What is due next, and since when the store has been away."""

    desk: Desk
    must_recover: bool = True
    store_lost_at_monotonic: float | None = None
    reconcile_at_monotonic: float = 0
    measure_clock_at_monotonic: float = 0
    reconciled_at: datetime | None = None

    def turn(self) -> None:
        if self.must_recover:
            began_at = elapsed_seconds()
            self.reconciled_at = recovery.recover(self.desk).reconciliation.started_at
            gauging.recovered(self.desk, began_at)
            self.must_recover = False
            self._reconcile_later()
        self.store_lost_at_monotonic = None
        if elapsed_seconds() >= self.reconcile_at_monotonic:
            since = recovery.look_back(self.desk, self.desk.ledger.unsettled())
            reconciling.run(self.desk, "periodic", since)
            self._reconcile_later()
        began_at = elapsed_seconds()
        if elapsed_seconds() >= self.measure_clock_at_monotonic:
            self.desk.exchange.measure_clock()
            self.measure_clock_at_monotonic = elapsed_seconds() + CLOCK_SECONDS
        tick(self.desk)
        gauging.ticked(self.desk, began_at)

    def lost_store(self, fault: errors.StoreUnavailable) -> None:
        """What was committed and what was not is read again before anything else; until then the desk looks on."""
        self.must_recover = True
        now = elapsed_seconds()
        self.store_lost_at_monotonic = self.store_lost_at_monotonic or now
        seconds = now - self.store_lost_at_monotonic
        logs.error("the ledger is out of reach", detail=str(fault), seconds=round(seconds, 1))
        if seconds > self.desk.pace.store_lost_seconds:
            raise errors.StoreLost(seconds=round(seconds)) from fault
        if self.reconciled_at is None:
            return  # it was never known here how things stand
        try:
            away.turn(self.desk)
        except errors.Retry as also:
            logs.warning("neither PostgreSQL nor the venue can be reached", detail=str(also))

    def _reconcile_later(self) -> None:
        self.reconcile_at_monotonic = elapsed_seconds() + self.desk.pace.reconcile_seconds


def _tells_more(order: Order, filled: object, status: Status) -> bool:
    return filled != order.filled_quantity or (
        status is not order.status and status is not Status.PARTIALLY_FILLED
    )
