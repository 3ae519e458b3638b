"""What a strategy sees and what it may answer.

A strategy is a pure function of a view and its own memory. It names the cause of each proposal (`key`), so that the
same cause after a crash becomes the same order and meets the ledger's unique key instead of the market.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from runtime.domain import money
from runtime.domain.market import Candle, Market, Quote
from runtime.domain.order import Kind, Order, Side
from runtime.domain.position import Position

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]  # no floats: numbers that matter are text
Memory = Mapping[str, Json]

KEY_LENGTH_MAX = 200
REASON_LENGTH_MAX = 1000
MEMORY_DEPTH_MAX = 20
MEMORY_PARTS_MAX = 100_000
INTEGER_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Needs:
    """What a strategy wants to see each tick."""

    symbols: tuple[str, ...]
    timeframe: str
    candles: int


@dataclass(frozen=True, slots=True)
class View:
    now: datetime
    markets: Mapping[str, Market]
    quotes: Mapping[str, Quote]
    candles: Mapping[str, tuple[Candle, ...]]  # closed ones only, oldest first
    positions: Mapping[str, Position]  # the bot's own, one for each symbol it may trade
    orders: tuple[Order, ...]  # the bot's own that are not settled
    unsafe_symbols: frozenset[str] = frozenset()  # an order there is UNKNOWN: no new risk
    # The quote there is too old, or not of this time: no new risk.
    stale_symbols: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order a strategy would like to have."""

    key: str
    symbol: str
    side: Side
    quantity: Decimal
    kind: Kind = Kind.MARKET
    price: Decimal | None = None
    reduce_only: bool = False
    reason: str = ""
    # What the strategy saw, and how sure it was: kept with the signal for whoever learns from it, never judged.
    features: Mapping[str, object] = field(default_factory=dict, compare=False)
    score: Decimal | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Decision:
    proposals: tuple[Proposal, ...] = ()
    cancels: tuple[str, ...] = ()  # client order ids of the bot's own resting orders
    memory: Memory = field(default_factory=dict)
    note: str = ""
    prompt: str | None = None  # what was asked of a model, and what it answered: kept, never judged
    answer: str | None = None


class Strategy(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> Needs: ...

    def decide(self, view: View, memory: Memory) -> Decision: ...


def fault(decision: object, strategy: str, allowed: frozenset[str]) -> str | None:
    """What makes this answer of a strategy unusable, or None. Strategies are foreign code: nothing is trusted."""
    if not isinstance(decision, Decision):
        return f"{strategy} answered {type(decision).__name__} instead of a Decision"
    if not isinstance(decision.memory, dict) or not _is_json(decision.memory):
        return (
            "its memory holds something that is not text, whole numbers, lists or tables of them, or too much"
        )
    if not isinstance(decision.cancels, tuple) or not all(_is_text(each) for each in decision.cancels):
        return "its cancels are not client order ids"
    if not _is_text(decision.note):
        return "its note is not a text that can be stored"
    if not isinstance(decision.proposals, tuple):
        return f"its proposals are a {type(decision.proposals).__name__}, not a tuple"
    keys: set[str] = set()
    for proposal in decision.proposals:
        wrong = _proposal_fault(proposal, allowed)
        if wrong:
            return wrong
        if proposal.key in keys:
            return f"it proposed {proposal.key!a} twice in one decision"
        keys.add(proposal.key)
    return None


def _proposal_fault(proposal: object, allowed: frozenset[str]) -> str | None:
    if not isinstance(proposal, Proposal):
        return f"it proposed a {type(proposal).__name__} instead of a Proposal"
    if not _is_text(proposal.key) or not 1 <= len(proposal.key) <= KEY_LENGTH_MAX:
        return f"the key of a proposal is not a text of 1 to {KEY_LENGTH_MAX} characters that can be stored"
    if not isinstance(proposal.symbol, str) or proposal.symbol not in allowed:
        return f"{proposal.key!a} is an order of a symbol that its bot may not trade"
    if not isinstance(proposal.side, Side) or not isinstance(proposal.kind, Kind):
        return f"the side or the kind of {proposal.key!a} is not known"
    if not isinstance(proposal.reduce_only, bool):
        return f"reduce_only of {proposal.key!a} is a {type(proposal.reduce_only).__name__}, not a bool"
    if not _is_text(proposal.reason) or len(proposal.reason) > REASON_LENGTH_MAX:
        return f"the reason of {proposal.key!a} is not a text of at most {REASON_LENGTH_MAX} characters"
    wrong = _amount_fault(proposal.quantity)
    if wrong:
        return f"the quantity of {proposal.key!a}: {wrong}"
    wrong = None if proposal.price is None else _amount_fault(proposal.price)
    return f"the price of {proposal.key!a}: {wrong}" if wrong else None


def _amount_fault(number: object) -> str | None:
    if not isinstance(number, Decimal):
        return f"it is a {type(number).__name__}, not a Decimal"
    try:
        return None if money.parse(number) > 0 else "it is not above zero"
    except ValueError as wrong:
        return str(wrong)


def _is_text(value: object) -> bool:
    """A text that PostgreSQL takes: no NUL, and no half of a surrogate pair, which UTF-8 cannot carry."""
    return (
        isinstance(value, str)
        and "\0" not in value
        and not any("\ud800" <= sign <= "\udfff" for sign in value)
    )


def _is_json(value: object) -> bool:
    """Walked with a bound on depth and on parts: a table that holds itself must end here, not in the encoder."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    for _ in range(MEMORY_PARTS_MAX):
        if not waiting:
            return True
        part, depth = waiting.pop()
        if isinstance(part, dict | list) and depth <= MEMORY_DEPTH_MAX:
            if isinstance(part, dict) and not all(_is_text(key) for key in part):
                return False
            waiting.extend((each, depth + 1) for each in (part.values() if isinstance(part, dict) else part))
        elif not _is_leaf(part):
            return False
    return False


def _is_leaf(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) <= INTEGER_MAX
    return value is None or _is_text(value)
