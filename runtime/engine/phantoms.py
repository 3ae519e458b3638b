"""Follows the open phantoms of a desk, tick by tick, with the quotes that its bots saw.

It comes last in a tick, when all orders are out, and promises that nothing of it makes a tick fail: what cannot be
written now is written with a later tick, and what a process leaves open is followed on by the next.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from runtime import errors, logs
from runtime.domain import phantom
from runtime.domain.order import Side
from runtime.domain.phantom import Outcome, Phantom
from runtime.engine.desk import Desk
from runtime.engine.keeping import COMPLAIN_SECONDS, Observer
from runtime.engine.viewing import Sight
from runtime.store import phantoms

# More are followed once some of these have ended; each costs every tick a microsecond or two.
FOLLOWED_MAX = 5000
CLOSED_AT_ONCE_MAX = 1000
# What an earlier process left in its spool stands in PostgreSQL a little later than we start.
LOAD_SECONDS = 300
# So long a close waits for its phantom to come out of the spool.
GIVE_UP = timedelta(hours=1)
# Not every BotError: that a desk must leave or has lost its lease is for the loop to hear.
_FAULTS = (errors.StoreUnavailable, errors.Conflict, errors.NotAllowed, errors.BrokenInvariant)


def load(desk: Desk) -> None:
    """The open ones, whoever left them; those that are followed already go on as they are."""
    observer = desk.observer
    if observer is None:
        return
    try:
        with desk.store.single("load the open phantoms") as tx:
            found = phantoms.load_open(tx, desk.account.account_id, FOLLOWED_MAX)
    except _FAULTS as fault:
        _complain(observer, "open phantoms are not loaded", fault)
        return
    for each in found:
        if each.phantom_id not in observer.closes:
            observer.phantoms.setdefault(each.phantom_id, each)


def opened(observer: Observer, at: datetime, facts: Mapping[str, Any]) -> None:
    """One that was just put into the spool, by the facts that stand there."""
    phantom_id = facts["phantom_id"]
    if len(observer.phantoms) < FOLLOWED_MAX and phantom_id not in observer.closes:
        made = Phantom(
            phantom_id=phantom_id,
            bot_id=facts["bot_id"],
            at=at,
            symbol=facts["symbol"],
            side=Side(facts["side"]),
            opened_price=facts["opened_price"],
            take_profit=facts.get("take_profit"),
            stop_loss=facts.get("stop_loss"),
        )
        observer.phantoms.setdefault(phantom_id, made)


def follow(desk: Desk, sight: Sight) -> None:
    """One look at each; what ends is written down, all of it in one round trip."""
    observer = desk.observer
    if observer is None:
        return
    if observer.is_due("phantoms", LOAD_SECONDS):
        load(desk)
    for each in list(observer.phantoms.values()):
        quote = None if each.symbol in desk.stale else sight.quotes.get(each.symbol)
        end = phantom.judge(each, quote, sight.now)
        if end is not None:
            observer.closes[each.phantom_id] = end
            observer.ended[each.bot_id] += end.outcome is not Outcome.VOID
            del observer.phantoms[each.phantom_id]
    if observer.closes:
        _close(desk, observer, sight.now)


def _close(desk: Desk, observer: Observer, now: datetime) -> None:
    ends = list(islice(observer.closes.values(), CLOSED_AT_ONCE_MAX))
    try:
        with desk.store.single("close phantoms") as tx:
            settled = phantoms.close(tx, ends)
    except _FAULTS as fault:
        _complain(observer, "phantoms are not closed yet", fault)
        settled = set()
    for each in ends:
        if each.phantom_id in settled:
            del observer.closes[each.phantom_id]
        elif now - each.at > GIVE_UP:
            del observer.closes[each.phantom_id]
            logs.warning(
                "a phantom's end is dropped: it never came out of the spool", phantom=each.phantom_id
            )


def _complain(observer: Observer, what: str, fault: errors.BotError) -> None:
    if observer.is_due(what, COMPLAIN_SECONDS):
        logs.warning(what, detail=str(fault))
