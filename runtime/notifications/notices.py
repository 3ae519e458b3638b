"""What people are told, in sentences: which events of the log are worth waking somebody, and how each is said.

Pure. The events are those that the engine logs already, with the facts that a line would have: without secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from uuid import uuid4


class Kind(StrEnum):
    ORDER_UNKNOWN = "order_unknown"
    QUARANTINED = "quarantined"
    BREAKER_TRIPPED = "breaker_tripped"
    LEASE_LOST = "lease_lost"
    STORE_LOST = "store_lost"
    SAVE_UNUSABLE = "save_unusable"
    DAILY_SUMMARY = "daily_summary"
    ANSWER = "answer"  # to somebody who asked


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, the same however often it has to be sent: `notice_id` tells a repetition from a second one."""

    kind: Kind
    at: datetime
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)
    notice_id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, slots=True)
class Telling:
    """`subject` names the facts by which one case is told from the next."""

    kind: Kind
    subject: tuple[str, ...]
    sentence: str

    def say(self, facts: Mapping[str, object]) -> str:
        return self.sentence.format_map(_Lenient(facts))


class _Lenient(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "?"


TELLINGS: Mapping[str, Telling] = {
    "order outcome unknown": Telling(
        Kind.ORDER_UNKNOWN,
        ("order",),
        "Nobody knows yet what became of order {order}: {detail}. It is proved at the venue and not sent again.",
    ),
    "an acknowledged order is shown nowhere": Telling(
        Kind.ORDER_UNKNOWN,
        ("order",),
        "Order {order} was acknowledged, and the venue shows it nowhere. It stays UNKNOWN until somebody looks there.",
    ),
    "quarantined": Telling(
        Kind.QUARANTINED,
        ("venue_id",),
        "Not ours, set aside: {sentence}. It waits for adopt, ignore or close.",
    ),
    "daily loss reached": Telling(
        Kind.BREAKER_TRIPPED,
        ("bot", "day"),
        "Bot {bot} reached its daily loss of {day}: no new risk until tomorrow, UTC.",
    ),
    "a save cannot be used": Telling(
        Kind.SAVE_UNUSABLE,
        ("bot", "component", "version"),
        "What {component} of bot {bot} remembered (save {version}) cannot be used: {detail}. The one before is tried.",
    ),
    "a model cannot be used": Telling(
        Kind.SAVE_UNUSABLE,
        ("bot", "model", "version"),
        "Model {model} of bot {bot} (version {version}) cannot be used: {detail}. The one before is tried.",
    ),
    "the ledger is out of reach": Telling(Kind.STORE_LOST, (), "PostgreSQL is away. {detail}"),
    "an exit left while PostgreSQL is away": Telling(
        Kind.STORE_LOST,
        ("order",),
        "Exit {order} of {bot} left while PostgreSQL is away: {side} {quantity} {symbol}. The ledger learns of it, and "
        "proves it, once PostgreSQL is back.",
    ),
}
# The line that a desk writes for each bot, of which the daily summary is made.
BOT_EVENT = "bot"
EVENTS = frozenset((*TELLINGS, BOT_EVENT))


def summary(day: str, bots: Mapping[str, Mapping[str, object]], told: Mapping[Kind, int]) -> str:
    """The day as the last line of each bot told it."""
    lines = [f"{day} UTC:"]
    for name, facts in sorted(bots.items()):
        parts = [f"{key.replace('_', ' ')} {figure(facts[key])}" for key in _FIGURES if key in facts]
        lines.append(f"{name}: {', '.join([str(facts.get('state', 'unknown')), *parts])}")
    happened = [f"{count} x {kind.replace('_', ' ')}" for kind, count in sorted(told.items())]
    return "\n".join([*lines, f"Told that day: {', '.join(happened) or 'nothing'}."])


def figure(value: object) -> str:
    """An amount as a person reads it; what is none stays as it is."""
    try:
        amount = Decimal(str(value)).quantize(_READABLE)
    except InvalidOperation:
        return str(value)
    return f"{amount.normalize() + 0:f}"


_FIGURES = ("realised_today", "equity", "drawdown", "exposure")
_READABLE = Decimal("0.0001")
