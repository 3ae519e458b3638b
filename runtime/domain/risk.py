"""Which of the orders that a strategy proposes may become intents.

Pure: everything it judges by comes from the ledger, so a limit cannot be forgotten by restarting. What reduces a
position is let through where a limit guards against *new* risk only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from runtime.domain import money
from runtime.domain.decision import Proposal, View
from runtime.domain.market import Quote
from runtime.domain.money import ZERO
from runtime.domain.order import Kind, Order, Side


@dataclass(frozen=True, slots=True)
class Limits:
    """A bot's limits; quote amounts are in the quote coin of the symbol."""

    position_quote_max: Decimal
    order_quote_max: Decimal
    open_orders_max: int
    daily_loss_quote_max: Decimal
    cooldown_seconds: int
    price_collar_ratio: Decimal  # how far from the last price a limit price may lie, as a part of it
    orders_per_tick_max: int = 10
    leverage: Decimal = Decimal(1)  # of perpetuals
    # Below the best equity of its life; an operator's reset begins anew.
    drawdown_quote_max: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RiskState:
    """What the ledger says about the bot's day."""

    realised_today: Decimal  # after fees, of trades and reductions since midnight UTC
    breaker_tripped: bool  # the daily loss was reached today: it stays tripped until the next day
    last_order_at: Mapping[str, datetime]
    drawdown: Decimal = ZERO  # below the best equity in the bot's life
    objection: str | None = None  # why its user lets no bot take new risk, where that is so


@dataclass(frozen=True, slots=True)
class Blocked:
    proposal: Proposal
    limit: str
    detail: str


@dataclass(frozen=True, slots=True)
class Admission:
    admitted: tuple[Proposal, ...]
    blocked: tuple[Blocked, ...]
    breaker_trips: bool = False


def admit(proposals: tuple[Proposal, ...], view: View, limits: Limits, state: RiskState) -> Admission:
    """Judge each proposal in turn; one that is admitted counts against the limits of those after it."""
    breaker = state.breaker_tripped or _day_result(view, state) <= -limits.daily_loss_quote_max
    admitted: list[Proposal] = []
    blocked: list[Blocked] = []
    for proposal in proposals:
        objection = _objection(proposal, tuple(admitted), view, limits, state, breaker=breaker)
        if objection is None:
            admitted.append(proposal)
        else:
            blocked.append(Blocked(proposal, *objection))
    return Admission(tuple(admitted), tuple(blocked), breaker_trips=breaker and not state.breaker_tripped)


def parse_limits(raw: Mapping[str, object]) -> tuple[Limits | None, tuple[str, ...]]:
    """Limits from a desk file or a command: the value, or every fault at once."""
    known = {field.name for field in fields(Limits)}
    optional = {"orders_per_tick_max", "leverage", "drawdown_quote_max"}
    faults = [
        f"the limit {name!r} is not known; the known ones are {', '.join(sorted(known))}"
        for name in raw
        if name not in known
    ]
    values: dict[str, Decimal | int] = {}
    for name in sorted(known):
        if name not in raw:
            if name not in optional:
                faults.append(f"the limit {name!r} is missing")
            continue
        wrong = _parse_limit(name, raw[name], values)
        if wrong:
            faults.append(wrong)
    return (None, tuple(faults)) if faults else (Limits(**values), ())  # type: ignore[arg-type]


def _parse_limit(name: str, raw: object, values: dict[str, Decimal | int]) -> str | None:
    try:
        number = money.parse(raw)
    except ValueError as fault:
        return f"the limit {name!r}: {fault}"
    if number < 0:
        return f"the limit {name!r} is {number}, below zero"
    if name == "leverage" and number < 1:
        return f"the limit {name!r} is {number}, below one"
    if name in ("open_orders_max", "cooldown_seconds", "orders_per_tick_max"):
        if number != int(number):
            return f"the limit {name!r} is {number}, not a whole number"
        values[name] = int(number)
    else:
        values[name] = number
    return None


def reduces(proposal: Proposal, view: View, already: tuple[Proposal, ...] = ()) -> bool:
    """Whether the order can only bring the position nearer to zero, whatever else is resting or admitted beside it."""
    position = view.positions[proposal.symbol].quantity
    if position == 0 or (position > 0) == (proposal.side is Side.BUY):
        return False
    return proposal.quantity + _same_side(proposal, view, already) <= abs(position)


def _objection(
    proposal: Proposal,
    already: tuple[Proposal, ...],
    view: View,
    limits: Limits,
    state: RiskState,
    *,
    breaker: bool,
) -> tuple[str, str] | None:
    quote = view.quotes[proposal.symbol]
    if len(already) >= limits.orders_per_tick_max:
        return "orders_per_tick_max", f"{limits.orders_per_tick_max} orders were admitted in this tick"
    outside = _collar_fault(proposal, quote, limits)
    if outside:
        return "price_collar_ratio", outside
    if reduces(proposal, view, already):
        return None
    if proposal.reduce_only:
        return "reduce_only", "it would do more than close the position"
    # Only from here on: a position that gained is larger than one order may be, and must still fit through the door.
    worth = money.product(proposal.quantity, proposal.price or quote.last)
    if worth > limits.order_quote_max:
        return "order_quote_max", f"it is worth {worth:f}, the limit is {limits.order_quote_max}"
    return _new_risk_objection(proposal, already, view, limits, state, breaker=breaker)


def _new_risk_objection(
    proposal: Proposal,
    already: tuple[Proposal, ...],
    view: View,
    limits: Limits,
    state: RiskState,
    *,
    breaker: bool,
) -> tuple[str, str] | None:
    symbol = proposal.symbol
    if state.objection is not None:
        return "user", state.objection
    if symbol in view.unsafe_symbols:
        return (
            "unknown",
            f"an order of {symbol} is UNKNOWN or the account is unclean; no new risk until it is proved",
        )
    if symbol in view.stale_symbols:
        age = view.quotes[symbol].age_seconds(view.now)
        return "quote_age_seconds", f"the quote of {symbol} is {age:.1f} s old; no new risk on old data"
    lost = _loss_objection(limits, state, breaker=breaker)
    if lost:
        return lost
    if len(view.orders) + len(already) >= limits.open_orders_max:
        return "open_orders_max", f"{limits.open_orders_max} orders are open"
    last = state.last_order_at.get(symbol)
    if last is not None and (view.now - last).total_seconds() < limits.cooldown_seconds:
        return (
            "cooldown_seconds",
            f"the last order of {symbol} is {(view.now - last).total_seconds():.1f} s old",
        )
    # The farthest this side can go: everything on it fills and nothing on the other. Above zero: it does not reduce.
    reach = view.positions[symbol].quantity * proposal.side.sign + _same_side(proposal, view, already)
    worth = money.product(reach + proposal.quantity, view.quotes[symbol].last)
    if worth > limits.position_quote_max:
        return (
            "position_quote_max",
            f"the position could reach {worth:f}, the limit is {limits.position_quote_max}",
        )
    return None


def _loss_objection(limits: Limits, state: RiskState, *, breaker: bool) -> tuple[str, str] | None:
    if breaker:
        return "daily_loss_quote_max", "the daily loss limit was reached; it resets at midnight UTC"
    most = limits.drawdown_quote_max
    if most is not None and state.drawdown >= most:
        return "drawdown_quote_max", f"it is {state.drawdown:f} below its best, the limit is {most}"
    return None


def _same_side(proposal: Proposal, view: View, already: tuple[Proposal, ...]) -> Decimal:
    resting = sum((order.remaining for order in view.orders if _alike(order, proposal)), ZERO)
    return resting + sum((other.quantity for other in already if _alike(other, proposal)), ZERO)


def _alike(other: Order | Proposal, proposal: Proposal) -> bool:
    return other.symbol == proposal.symbol and other.side is proposal.side


def _collar_fault(proposal: Proposal, quote: Quote, limits: Limits) -> str | None:
    if proposal.kind is Kind.MARKET or proposal.price is None:
        return None
    distance = abs(proposal.price - quote.last)
    if distance > money.product(quote.last, limits.price_collar_ratio):
        return f"the price {proposal.price} is further than {limits.price_collar_ratio} of {quote.last} away"
    return None


def _day_result(view: View, state: RiskState) -> Decimal:
    unrealised = (
        position.unrealised(view.quotes[symbol].last)
        for symbol, position in view.positions.items()
        if symbol in view.quotes
    )
    return state.realised_today + sum((min(each, ZERO) for each in unrealised), ZERO)
