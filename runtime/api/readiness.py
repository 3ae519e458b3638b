"""Whether it is safe to trade, and if not, why: the worst first, each as a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from runtime.store import bot_pages
from runtime.store.bot_pages import Bot, Desk
from runtime.store.pool import Tx

TICK_AGE_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready` is true if every desk trades and nothing waits for an operator."""

    ready: bool
    reasons: list[str]
    at: datetime


def load_readiness(tx: Tx) -> Readiness:
    """Whether every desk may trade, and why not."""
    desks, bots = [*bot_pages.every_desk(tx)], [*bot_pages.every_bot(tx)]
    reasons = [*_unknown(desks), *_foreign(desks), *_halted(bots), *_silent(desks)]
    if not bots:
        reasons.append("There is no bot.")
    return Readiness(not reasons, reasons, datetime.now(UTC))


def _unknown(desks: list[Desk]) -> Iterator[str]:
    for each in desks:
        if each.unknown_orders:
            yield f"{each.account}: the fate of {each.unknown_orders} order(s) is UNKNOWN."


def _foreign(desks: list[Desk]) -> Iterator[str]:
    for each in desks:
        if each.quarantined:
            yield f"{each.account}: {each.quarantined} foreign thing(s) wait in quarantine."
        if each.clean is False:
            yield f"{each.account}: the last comparison with the venue was not clean: {each.compared}"


def _halted(bots: list[Bot]) -> Iterator[str]:
    for each in bots:
        if each.state == "halted":
            yield f"{each.account}: {each.name} is halted: {each.state_reason}"
        if each.breaker_tripped:
            yield f"{each.account}: {each.name} reached its daily loss."


def _silent(desks: list[Desk]) -> Iterator[str]:
    for each in desks:
        if not each.lease_held:
            yield f"{each.account}: no process trades it."
        elif each.ready_at is None:
            yield f"{each.account}: its process is still recovering."
        elif each.tick_age_seconds is None or each.tick_age_seconds > TICK_AGE_SECONDS_MAX:
            yield f"{each.account}: its process does not tick."
