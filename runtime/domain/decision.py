"""What a strategy sees and what it may answer.

A strategy is a pure function of a view and its own memory. It names the cause of each proposal (`key`), so that the
same cause after a crash becomes the same order and meets the ledger's unique key instead of the market.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from runtime.domain.market import Candle, Market, Quote
from runtime.domain.order import Kind, Order, Side
from runtime.domain.position import Position

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]  # no floats: numbers that matter are text
Memory = Mapping[str, Json]


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


@dataclass(frozen=True, slots=True)
class Decision:
    proposals: tuple[Proposal, ...] = ()
    cancels: tuple[str, ...] = ()  # client order ids of the bot's own resting orders
    memory: Memory = field(default_factory=dict)
    note: str = ""


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
    if not _is_json(decision.memory, depth=0):
        return "its memory holds something that is not text, whole numbers, lists or tables of them"
    if not isinstance(decision.cancels, tuple) or not all(isinstance(each, str) for each in decision.cancels):
        return "its cancels are not client order ids"
    keys: set[str] = set()
    for proposal in decision.proposals:
        wrong = _proposal_fault(proposal, allowed)
        if wrong:
            return wrong
        if proposal.key in keys:
            return f"it proposed {proposal.key!r} twice in one decision"
        keys.add(proposal.key)
    return None


def _proposal_fault(proposal: object, allowed: frozenset[str]) -> str | None:
    if not isinstance(proposal, Proposal):
        return f"it proposed a {type(proposal).__name__} instead of a Proposal"
    if (
        not isinstance(proposal.key, str)
        or not proposal.key
        or len(proposal.key) > 200
        or "\0" in proposal.key
    ):
        return f"the key {proposal.key!r:.80} of a proposal is not a text of 1 to 200 characters"
    if not isinstance(proposal.symbol, str) or proposal.symbol not in allowed:
        return f"it proposed {proposal.symbol!r:.60}, which its bot may not trade"
    if not isinstance(proposal.side, Side) or not isinstance(proposal.kind, Kind):
        return (
            f"the side {proposal.side!r:.30} or kind {proposal.kind!r:.30} of {proposal.key!r} is not known"
        )
    if not isinstance(proposal.quantity, Decimal):
        return f"the quantity of {proposal.key!r} is a {type(proposal.quantity).__name__}, not a Decimal"
    if proposal.price is not None and not isinstance(proposal.price, Decimal):
        return f"the price of {proposal.key!r} is a {type(proposal.price).__name__}, not a Decimal"
    if not isinstance(proposal.reason, str) or "\0" in proposal.reason or len(proposal.reason) > 1000:
        return f"the reason of {proposal.key!r} is not a text of at most 1000 characters"
    return None


def _is_json(value: object, depth: int) -> bool:
    if depth > 20:
        return False
    if isinstance(value, Mapping):
        return all(
            isinstance(key, str) and "\0" not in key and _is_json(each, depth + 1)
            for key, each in value.items()
        )
    if isinstance(value, list):
        return all(_is_json(each, depth + 1) for each in value)
    if isinstance(value, str):
        return "\0" not in value and value.isprintable() | ("\n" in value)
    return value is None or isinstance(value, bool | int)
