"""What a desk does while PostgreSQL is away: it goes on looking and, where its operator wishes it, lets exits out.

An exit is an order that can only bring its bot's position nearer to zero. It leaves at most once, while the lease
holds by the local clock, after its intent is on the disk; and only where what the desk remembers is beyond doubt:
nothing of that symbol is open or half written, and the venue shows the very holding that the ledger knew. The next
recovery writes it into the ledger first of all, and proves it like any order whose answer was lost.
"""

from dataclasses import replace

from runtime import errors, logs
from runtime.domain import risk, wishes
from runtime.domain.decision import Proposal, View
from runtime.domain.market import MarketKind
from runtime.engine import observing, reconciling, sending, viewing
from runtime.engine.deciding import decide
from runtime.engine.desk import Bot, Desk


def turn(desk: Desk) -> None:
    """Keep what can be seen. Nothing that a bot decides now is remembered: its memory is in the ledger."""
    sight = viewing.fetch_sight(desk)
    observing.looked(desk, sight)
    for bot in desk.bots:
        if bot.ticks_now:
            view = viewing.view_of(desk, bot, sight)
            if bot.remembered:  # else it was loaded anew, and what it lost in its life is not back yet
                observing.marked(desk, bot, view, viewing.equity_of(view))
            if desk.exits is not None and desk.exits.may_leave:
                _let_exits_out(desk, bot, view)


def bring_back(desk: Desk) -> int:
    """Write into the ledger what left without it, and say how many orders it had not known."""
    if desk.exits is None:
        return 0
    reason = "an exit while PostgreSQL was away"
    fresh = sum(
        len(desk.ledger.record_intents(intent.bot_id, [intent], memory=None, trigger_reason=reason))
        for intent in desk.exits.waiting()
    )
    desk.exits.forget()
    return fresh


def _let_exits_out(desk: Desk, bot: Bot, view: View) -> None:
    if desk.lease.seconds_left < desk.pace.request_timeout_seconds:
        logs.warning("no exit may leave any more: the lease has run out", bot=bot.name)
        return
    decision = decide(bot, view)
    if isinstance(decision, errors.InvalidDecision):
        logs.error("a decision cannot be used", bot=bot.name, detail=str(decision))
        return
    limits = wishes.narrow(bot.limits, desk.wishes)
    admission = risk.admit(decision.proposals, view, limits, viewing.risk_of(desk, bot, view))
    for proposal in admission.admitted:
        if risk.reduces(proposal, view):
            _let_out(desk, bot, view, proposal)


def _let_out(desk: Desk, bot: Bot, view: View, proposal: Proposal) -> None:
    doubt = _doubt(desk, bot, view, proposal.symbol)
    if doubt:
        logs.warning("an exit waits for PostgreSQL", bot=bot.name, key=proposal.key, detail=doubt)
        return
    if desk.account.kind is MarketKind.LINEAR:
        proposal = replace(proposal, reduce_only=True)  # so that the venue sees to it too
    [intent] = sending.draw_up(desk, bot, [proposal])
    assert desk.exits is not None
    try:
        desk.exits.keep(intent)
    except errors.Refused as fault:
        logs.error(
            "an exit is not sent: it cannot be kept", bot=bot.name, key=proposal.key, detail=str(fault)
        )
        return
    answer = sending.submit(desk, intent)
    logs.warning(
        "an exit left while PostgreSQL is away",
        bot=bot.name,
        order=intent.client_order_id,
        symbol=intent.symbol,
        side=intent.side,
        quantity=f"{intent.quantity:f}",
        answer=type(answer).__name__,
    )


def _doubt(desk: Desk, bot: Bot, view: View, symbol: str) -> str | None:
    """Why what the desk remembers of a symbol may not be the whole truth."""
    held = (bot.bot_id, symbol)
    if desk.exits is not None and held in desk.exits.left:
        return "one of this symbol has left already"
    if held in desk.ledger.in_doubt or any(order.symbol == symbol for order in view.orders):
        return "an order of this symbol is not settled"
    if symbol in view.unsafe_symbols:
        return "an order of this symbol is UNKNOWN or the account is unclean"
    if not reconciling.holds_what_we_think(desk, symbol):
        return "the venue shows another holding than the ledger knew"
    return None
