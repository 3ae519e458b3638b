"""The only place from which something leaves for a venue that changes something there.

An order is sent at most once, after its intent is committed, while the lease holds for longer than a request may take.
(For an exit while PostgreSQL is away a synced record in the spool stands for the commit: see `away`.)
"""

from collections.abc import Sequence
from datetime import timedelta

from runtime import errors, logs
from runtime.domain import money
from runtime.domain.decision import Proposal
from runtime.domain.identity import order_id
from runtime.domain.market import Accepted, Answer, NotSent, RefusedByVenue, Unproved
from runtime.domain.order import Intent, Order, Status
from runtime.engine import proof
from runtime.engine.clock import elapsed_seconds
from runtime.engine.desk import Bot, Desk
from runtime.telemetry import table


def write_down(
    desk: Desk, bot: Bot, proposals: Sequence[Proposal], *, trigger_reason: str
) -> Sequence[tuple[Intent, Order]]:
    """Commit the intents with the memory that goes with them; those that are new may be sent."""
    desk.lease.require(desk.pace.request_timeout_seconds)
    drawn = draw_up(desk, bot, proposals)
    intents = {intent.order_id: intent for intent in drawn}
    written = desk.ledger.record_intents(bot.bot_id, drawn, memory=bot.memory, trigger_reason=trigger_reason)
    if written:
        bot.recorded_memory = bot.memory
    return [(intents[order.order_id], order) for order in written]


def draw_up(desk: Desk, bot: Bot, proposals: Sequence[Proposal]) -> list[Intent]:
    """What is to be on record before any of it is sent.

    None may be sent after the lease has so little left that the request could outlive it. The adapter looks at that
    instant again when the socket is about to be written to, so a process that was frozen in between sends nothing.
    """
    now = desk.exchange.now()
    safe_seconds = desk.lease.seconds_left - desk.pace.request_timeout_seconds
    send_before = now + timedelta(seconds=max(0, min(desk.pace.send_within_seconds, safe_seconds)))
    identities = [order_id(bot.bot_id, proposal.key) for proposal in proposals]
    return [
        Intent(
            order_id=identity,
            bot_id=bot.bot_id,
            client_order_id=desk.exchange.render_client_order_id(identity),
            key=proposal.key,
            symbol=proposal.symbol,
            side=proposal.side,
            kind=proposal.kind,
            quantity=money.canonical(proposal.quantity),
            price=None if proposal.price is None else money.canonical(proposal.price),
            reduce_only=proposal.reduce_only,
            created_at=now,
            send_before=send_before,
            reason=proposal.reason,
        )
        for identity, proposal in zip(identities, proposals, strict=True)
    ]


def send(desk: Desk, intent: Intent, order: Order) -> Order:
    """Send one order, once, and record what came back."""
    return record_answer(desk, order, submit(desk, intent))


def record_answer(desk: Desk, order: Order, answer: Answer) -> Order:
    now = desk.exchange.now()
    match answer:
        case Accepted(venue_order_id):
            logs.info("order accepted", order=order.client_order_id, symbol=order.symbol, side=order.side)
            return desk.ledger.advance(order, Status.SUBMITTED, now, {}, venue_order_id=venue_order_id)
        case RefusedByVenue(code, detail):
            logs.warning("order refused", order=order.client_order_id, code=code, detail=detail)
            return desk.ledger.advance(order, Status.REJECTED, now, {"code": code, "detail": detail})
        case NotSent(detail):
            logs.warning("order not sent", order=order.client_order_id, detail=detail)
            return desk.ledger.advance(order, Status.FAILED, now, {"proof": "never sent", "detail": detail})
        case Unproved(detail):
            logs.warning("order outcome unknown", order=order.client_order_id, detail=detail)
            return desk.ledger.advance(order, Status.UNKNOWN, now, {"detail": detail})


def cancel(desk: Desk, order: Order, reason: str) -> Order:
    """Ask for a cancel, noted before it is asked, and look up what became of the order."""
    desk.lease.require(desk.pace.request_timeout_seconds)
    if not order.cancel_requested:
        order = desk.ledger.advance(
            order, order.status, desk.exchange.now(), {"cancel": reason}, cancel_requested=True
        )
    if order.venue_order_id is not None:
        desk.exchange.cancel(order.symbol, order.venue_order_id)
    return proof.prove(desk, order)


def submit(desk: Desk, intent: Intent) -> Answer:
    """Send what is on record, once. Whoever calls this has put it there a moment ago."""
    answer = _submit(desk, intent)
    desk.meters.count(table.ORDERS_SENT, type(answer).__name__)
    return answer


def _submit(desk: Desk, intent: Intent) -> Answer:
    if desk.stopping():
        return NotSent("the desk was shutting down")
    try:
        desk.lease.require(desk.pace.request_timeout_seconds)
    except errors.StoreUnavailable:
        return NotSent("the lease could not be prolonged: PostgreSQL did not answer")
    began_at = elapsed_seconds()
    answer = desk.exchange.submit(intent)
    desk.meters.observe(table.ORDER_SUBMIT_SECONDS, elapsed_seconds() - began_at)
    return answer
