"""What operators ask of a desk, carried out in order, each with its outcome written beside it.

A command that cannot be done is refused with the reason; it never stops the desk. A crash in the middle leaves it
pending, and every command may be carried out twice without doing more than once would.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from runtime import errors, logs
from runtime.domain import money
from runtime.domain.decision import Proposal
from runtime.domain.identity import ClientOrderId, VenueOrderId, order_id
from runtime.domain.market import MarketKind, VenueOrder
from runtime.domain.order import RESTING, Intent, Kind, Order, Side, Status
from runtime.domain.wishes import Wishes
from runtime.engine import proof, reconciling, remembering, sending, training
from runtime.engine.desk import Bot, Desk, set_enabled, set_state
from runtime.store import bots, operations, summaries
from runtime.store.operations import Command, Quarantined

QUARANTINE_MAX = 1000


def apply_pending(desk: Desk) -> None:
    """And learn what the user wishes of all their bots, which stands in the same answer."""
    with desk.store.single("look for commands") as tx:
        found, pending = operations.load_asked(tx, desk.account.account_id)
    _heed(desk, found)
    for command in pending:
        status, outcome = _obey(desk, command)
        with desk.store.single("record what became of a command") as tx:
            operations.record_command_outcome(
                tx, desk.fence, command.command_id, status=status, outcome=outcome
            )
        logs.info("command", verb=command.verb, by=command.requested_by, status=status, outcome=outcome)


def _obey(desk: Desk, command: Command) -> tuple[str, str]:
    """What became of it, as status and sentence."""
    try:
        act = _VERBS.get(command.verb)
        if act is None:
            raise _refusal(
                command, "this program does not know it; ask anew once the desk runs one that does"
            )
        return "done", act(desk, command)
    except errors.Refused as refusal:
        return "refused", str(refusal)


def _heed(desk: Desk, found: Wishes) -> None:
    if found != desk.wishes:
        told = found.objection or f"the user's risk profile is {found.risk_profile}"
        logs.info("user's wishes changed", account=desk.account.name, detail=told)
    desk.wishes = found


def _pause(desk: Desk, command: Command) -> str:
    return _set_all(desk, command, "paused")


def _resume(desk: Desk, command: Command) -> str:
    return _set_all(desk, command, "running")


def _set_all(desk: Desk, command: Command, state: str) -> str:
    chosen = _bots(desk, command)
    # Disabling is a pause that no resume ends, enabling a resume: a program that knows only those does nearly it.
    enabled = {"yes": True, "no": False}.get(command.arguments.get("enabled", ""))
    for bot in chosen:
        if enabled is not None and bot.enabled != enabled:
            set_enabled(desk, bot, enabled=enabled, actor=command.requested_by)
        if bot.state != state:
            set_state(desk, bot, state, reason=command.reason or command.verb, actor=command.requested_by)
    disabled = [bot.name for bot in chosen if state == "running" and not bot.enabled]
    return f"{_names(chosen)}: {state}" + (f"; disabled: {', '.join(disabled)}" if disabled else "")


def _flatten(desk: Desk, command: Command) -> str:
    """Pause the bot, take its resting orders back, and close what it holds at the market."""
    said = [_pause(desk, command)]
    for bot in _bots(desk, command):
        for order in desk.ledger.unsettled(*RESTING):
            if order.bot_id == bot.bot_id:
                sending.cancel(desk, order, f"flatten by {command.requested_by}")
        proposals = [
            each for symbol in bot.symbols if (each := _closing(desk, bot, symbol, command)) is not None
        ]
        if not proposals:
            continue
        reason = f"flatten by {command.requested_by}"
        written = sending.write_down(desk, bot, proposals, trigger_reason=reason)
        for intent, order in written:
            sent = sending.send(desk, intent, order)
            said.append(f"{order.side} {order.quantity:f} {order.symbol}: {sent.status}")
        fresh = {intent.symbol for intent, _ in written}
        # A crash cut this command short: whether that order left is proved like any other's, it is never sent again.
        said += [
            f"{each.symbol}: its closing order was written down before and is not sent again; ask anew if any is left"
            for each in proposals
            if each.symbol not in fresh
        ]
    return "; ".join(said)


def _closing(desk: Desk, bot: Bot, symbol: str, command: Command) -> Proposal | None:
    held, market = desk.ledger.position(bot.bot_id, symbol).quantity, desk.markets[symbol]
    quantity = money.round_down(abs(held), market.quantity_step)
    if quantity < market.quantity_min or quantity == 0:
        return None
    return Proposal(
        key=f"command:{command.command_id}:{symbol}",
        symbol=symbol,
        side=Side.SELL if held > 0 else Side.BUY,
        quantity=quantity,
        reduce_only=True,
        reason=f"flatten by {command.requested_by}",
    )


def _cancel(desk: Desk, command: Command) -> str:
    wanted = _argument(command, "client_order_id")
    for order in desk.ledger.unsettled(*RESTING, Status.UNKNOWN):
        if order.client_order_id == wanted:
            after = sending.cancel(desk, order, f"asked by {command.requested_by}")
            if after.status is Status.UNKNOWN:
                after = _give_up(desk, after, command)
            return f"{wanted}: {after.status}"
    raise _refusal(command, f"no order of this account that is not settled has the id {wanted!r:.80}")


def _give_up(desk: Desk, order: Order, command: Command) -> Order:
    """The venue acknowledged it once and shows it nowhere: only somebody who looked there can say that it is gone."""
    if order.venue_order_id is None:
        raise _refusal(
            command, "it is UNKNOWN whether it ever arrived; that will be proved, one way or the other"
        )
    if command.arguments.get("venue_id") != order.venue_order_id:
        raise _refusal(
            command,
            "it is UNKNOWN, and the venue shows it nowhere. Look there yourself; if it is gone, say so by naming the "
            f"venue's id {order.venue_order_id} as well: it then counts as cancelled",
        )
    facts = {"resolved": f"gone, says {command.requested_by}: {command.reason}"}
    return desk.ledger.advance(order, Status.CANCELLED, desk.exchange.now(), facts)


def _adopt(desk: Desk, command: Command) -> str:
    """A foreign order becomes one of a bot's, with all its fills."""
    found = _quarantined(desk, command)
    if found.kind != "order":
        raise _refusal(
            command, f"{found.venue_id} is a fill; adopt its order {found.detail['venue_order_id']} instead"
        )
    chosen = _bots(desk, command)
    if len(chosen) != 1 or command.bot_id is None:
        raise _refusal(command, "name the bot that shall own the order")
    bot = chosen[0]
    if found.symbol not in bot.symbols:
        raise _refusal(command, f"{bot.name} does not trade {found.symbol}")
    shown = desk.exchange.fetch_order(
        found.symbol, client_order_id=None, venue_order_id=VenueOrderId(found.venue_id)
    )
    if shown is None or shown.quantity is None:
        raise _refusal(command, "the venue does not show the order, or not its size in the base coin")
    settled = _own(desk, bot, shown, command)
    _resolve(desk, found.venue_id, "adopted", command)
    for fill_id in _fills_of(desk, found.venue_id):
        _resolve(desk, fill_id, "adopted", command)
    return f"{found.venue_id} belongs to {bot.name}: {settled.status}, {settled.filled_quantity:f} filled"


def _own(desk: Desk, bot: Bot, shown: VenueOrder, command: Command) -> Order:
    assert shown.quantity is not None, "checked by the caller"
    key = f"adopted:{shown.venue_order_id}"
    identity, now = order_id(bot.bot_id, key), desk.exchange.now()
    intent = Intent(
        order_id=identity,
        bot_id=bot.bot_id,
        client_order_id=ClientOrderId(f"adopted-{shown.venue_order_id}"),
        key=key,
        symbol=shown.symbol,
        side=shown.side,
        kind=Kind.LIMIT if shown.price else Kind.MARKET,
        quantity=shown.quantity,
        price=shown.price or None,
        reduce_only=False,
        created_at=min(shown.created_at, now),
        send_before=now,
        reason=f"adopted by {command.requested_by}",
    )
    written = desk.ledger.record_intents(
        bot.bot_id, [intent], memory=bot.memory, trigger_reason=intent.reason
    )
    known = [order for order in desk.ledger.unsettled() if order.order_id == identity]
    if not written and not known:
        raise _refusal(command, "the order was adopted before")
    return proof.settle(desk, (*written, *known)[0], shown)


def _ignore(desk: Desk, command: Command) -> str:
    """It is somebody else's, and so is what it moved."""
    found = _quarantined(desk, command)
    if found.kind == "fill":
        reconciling.shift_baseline(desk, desk.holding_name(found.symbol), _moved_by(desk, found))
    _resolve(desk, found.venue_id, "ignored", command)
    return f"{found.kind} {found.venue_id} is left to others"


def _close(desk: Desk, command: Command) -> str:
    """A foreign order is cancelled at the venue."""
    found = _quarantined(desk, command)
    if found.kind != "order":
        raise _refusal(command, f"{found.venue_id} is a fill; only an order can be closed")
    shown = desk.exchange.fetch_order(
        found.symbol, client_order_id=None, venue_order_id=VenueOrderId(found.venue_id)
    )
    if shown is None or shown.status not in RESTING:
        raise _refusal(command, "the venue does not show it resting any more; adopt or ignore it")
    desk.lease.require(desk.pace.request_timeout_seconds)
    if not desk.exchange.cancel(shown.symbol, shown.venue_order_id):
        raise _refusal(command, "the venue did not confirm the cancel; try again")
    _resolve(desk, found.venue_id, "closed", command)
    return f"order {found.venue_id} is cancelled at the venue"


def _reset(desk: Desk, command: Command) -> str:
    """Archive a bot's life and let it begin anew, or note an account's holdings anew. Nothing is deleted."""
    if command.bot_id is None:
        reconciling.record_baseline(desk)
        return f"the holdings of {desk.account.name} are noted anew"
    bot = _bots(desk, command)[0]
    with desk.store.transaction("reset a bot") as tx:
        summaries.record_life(tx, desk.fence, bot.bot_id, str(command.command_id))
        bots.record_memory(tx, desk.fence, bot.bot_id, {}, actor=command.requested_by)
    bot.memory, bot.recorded_memory, bot.breaker_day = {}, {}, None
    remembering.forget(desk, bot)
    set_state(desk, bot, "running", reason=command.reason or "reset", actor=command.requested_by)
    return f"{bot.name} starts anew"


def _promote(desk: Desk, command: Command) -> str:
    """A version of a bot's model is used from now on."""
    version = _argument(command, "version")
    if not version.isdecimal() or len(version) > 9:
        raise _refusal(command, f"{version!r:.40} is no version")
    return training.promote(desk, _one_bot(desk, command), int(version))


def _roll_back(desk: Desk, command: Command) -> str:
    """A bot's model is the one again that it was before."""
    return training.go_back(desk, _one_bot(desk, command))


_VERBS: Mapping[str, Callable[[Desk, Command], str]] = {
    "pause": _pause,
    "resume": _resume,
    "flatten": _flatten,
    "cancel": _cancel,
    "adopt": _adopt,
    "ignore": _ignore,
    "close": _close,
    "reset": _reset,
    "promote": _promote,
    "rollback": _roll_back,
}


def _bots(desk: Desk, command: Command) -> list[Bot]:
    if command.bot_id is None:
        return desk.bots
    bot = desk.bot(command.bot_id)
    if bot is None:
        raise _refusal(command, "this desk does not run that bot")
    return [bot]


def _one_bot(desk: Desk, command: Command) -> Bot:
    if command.bot_id is None:
        raise _refusal(command, "name the bot")
    return _bots(desk, command)[0]


def _names(chosen: list[Bot]) -> str:
    return ", ".join(bot.name for bot in chosen) or "no bot"


def _argument(command: Command, name: str) -> str:
    value = command.arguments.get(name)
    if not isinstance(value, str) or not value:
        raise _refusal(command, f"it needs the argument {name}")
    return value


def _quarantined(desk: Desk, command: Command) -> Quarantined:
    wanted = _argument(command, "venue_id")
    for each in _waiting(desk):
        if each.venue_id == wanted:
            return each
    raise _refusal(command, f"nothing with the id {wanted!r:.80} waits in quarantine")


def _waiting(desk: Desk) -> list[Quarantined]:
    with desk.store.single("look into the quarantine") as tx:
        return operations.load_quarantine(tx, desk.account.account_id, QUARANTINE_MAX)


def _fills_of(desk: Desk, venue_order_id: str) -> list[str]:
    return [each.venue_id for each in _waiting(desk) if each.detail.get("venue_order_id") == venue_order_id]


def _resolve(desk: Desk, venue_id: str, resolution: str, command: Command) -> None:
    with desk.store.single("resolve a quarantine") as tx:
        operations.resolve_quarantine(
            tx, desk.fence, venue_id, resolution=resolution, actor=command.requested_by
        )


def _moved_by(desk: Desk, found: Quarantined) -> Decimal:
    quantity, fee = Decimal(found.detail["quantity"] or 0), Decimal(found.detail["fee"] or 0)
    moved = quantity * Side(str(found.detail["side"])).sign
    takes_base = desk.account.kind is MarketKind.SPOT and found.detail["fee_coin"] == desk.holding_name(
        found.symbol
    )
    return moved - fee if takes_base else moved


def _refusal(command: Command, detail: str) -> errors.InvalidCommand:
    return errors.InvalidCommand(verb=command.verb, detail=detail)
