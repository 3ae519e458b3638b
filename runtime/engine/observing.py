"""What a desk keeps of what it sees and thinks, as facts for the spool. Nothing here changes anything or waits for
PostgreSQL; what strategies hand over is foreign, and is judged at the border that every observation passes."""

from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from uuid import UUID, uuid5

from runtime.domain import money, observation, performance, phantom
from runtime.domain.decision import Decision, Proposal, View
from runtime.domain.identity import order_id
from runtime.domain.observation import Kind
from runtime.domain.order import Side
from runtime.domain.risk import Admission
from runtime.engine import phantoms, viewing
from runtime.engine.desk import Bot, Desk
from runtime.engine.gating import Foretold
from runtime.engine.keeping import Observer
from runtime.engine.viewing import Sight
from runtime.store.bots import NOTHING_KEPT, Waiting

# How often marks and the best prices are kept: a curve of a year has half a million points then.
MARK_SECONDS = 60
# A bot's state as a whole; what it remembers stands in the ledger with every tick.
SNAPSHOT_SECONDS = 300
_EVEN = Decimal("0.5")


def looked(desk: Desk, sight: Sight) -> None:
    """What the desk saw of the market: candles that closed since, and now and then the best prices."""
    observer = desk.observer
    if observer is None:
        return
    for (symbol, timeframe, _), seen in sight.candles.items():
        until = observer.candles_until.get((symbol, timeframe))
        if not seen or seen[-1].opened_at == until:
            continue
        fresh = seen if until is None else [each for each in seen if each.opened_at > until]
        rows = [(each.opened_at, each.open, each.high, each.low, each.close, each.volume) for each in fresh]
        observer.candles_until[symbol, timeframe] = seen[-1].opened_at
        if rows:
            facts = {"symbol": symbol, "timeframe": timeframe, "candles": rows}
            observer.keep(Kind.CANDLES, sight.now, facts)
    if observer.is_due("market", MARK_SECONDS):
        for symbol, quote in sight.quotes.items():
            prices = {"bid": quote.bid, "ask": quote.ask, "last": quote.last}
            observer.keep(Kind.MARKET_SNAPSHOT, sight.now, {"symbol": symbol, **prices, "details": {}})


def waiting(desk: Desk) -> Waiting:
    """What PostgreSQL does not have yet, as far as the spool knows at this instant."""
    observer = desk.observer
    if observer is None or observer.spool is None:
        return NOTHING_KEPT
    return Waiting(observer.spool.spool_id, observer.spool.depth, observer.oldest_at)


def marked(desk: Desk, bot: Bot, view: View, equity: Decimal) -> None:
    """Now and then what a bot is worth, what it risks, and how its worth is spread."""
    observer = desk.observer
    if observer is None or not observer.is_due(("marks", bot.bot_id), MARK_SECONDS):
        return
    today = viewing.risk_of(desk, bot, view)
    worth = {
        symbol: position.quantity * view.quotes[symbol].last for symbol, position in view.positions.items()
    }
    unrealised = [
        position.unrealised(view.quotes[symbol].last) for symbol, position in view.positions.items()
    ]
    exposure = sum((abs(value) for value in worth.values()), Decimal(0))
    ours = {"bot_id": bot.bot_id}
    marks = {
        "equity": equity,
        "realised_today": today.realised_today,
        "unrealised": sum(unrealised, Decimal(0)),
    }
    observer.keep(Kind.EQUITY_MARK, view.now, {**ours, **marks})
    risk = {"exposure": exposure, "drawdown": bot.keeper.drawdown, "breaker_tripped": today.breaker_tripped}
    observer.keep(Kind.RISK_MARK, view.now, {**ours, **risk, "metrics": {}})
    for part in performance.allocate(worth, exposure, _even(bot)):
        spread = {"asset": part.symbol, "value": worth[part.symbol], "share": part.current}
        observer.keep(Kind.ALLOCATION, view.now, {**ours, **spread, "target_share": part.target})
    if observer.is_due(("snapshot", bot.bot_id), SNAPSHOT_SECONDS):
        held = {symbol: each.quantity for symbol, each in view.positions.items()}
        state = {"state": bot.state, "equity": equity, "positions": held, "memory": bot.memory}
        observer.keep(Kind.SNAPSHOT, view.now, {**ours, "reason": "periodic", "state": state})


def _even(bot: Bot) -> dict[str, Decimal]:
    """What is wanted of each symbol: its limits are the same for all of them, and so is its part of what is at risk."""
    return {symbol: money.exact(Decimal(1) / len(bot.symbols)) for symbol in bot.symbols}


def judged(desk: Desk, bot: Bot, view: View, admission: Admission, foretold: Mapping[str, Foretold]) -> None:
    """Every signal, taken or not, what its model gave it, and how often which limit stood in the way."""
    observer = desk.observer
    if observer is None:
        return
    counts: dict[str, int] = {}
    signals: dict[UUID, dict[str, object]] = {}
    for blocked in admission.blocked:
        counts[blocked.limit] = counts.get(blocked.limit, 0) + 1
        signals |= _signal(bot, view, blocked.proposal, why_not=f"{blocked.limit}: {blocked.detail}")
    for limit, count in counts.items():
        observer.keep(Kind.BLOCKED_SIGNAL, view.now, {"bot_id": bot.bot_id, "reason": limit, "count": count})
    for proposal in admission.admitted:
        signals |= _signal(bot, view, proposal, why_not=None)
    for phantom_id, facts in signals.items():
        if phantom_id in observer.signals.get(bot.bot_id, ()):
            continue
        said = foretold.get(str(facts["cause_key"]))
        if said is not None:  # first: where the signal stands, what was foretold of it stands too
            observer.keep(Kind.PREDICTION, view.now, _prediction(facts, said))
        if observer.keep(Kind.PHANTOM, view.now, facts):
            phantoms.opened(observer, view.now, facts)
    observer.signals[bot.bot_id] = frozenset(signals)


def decided(desk: Desk, bot: Bot, view: View, decision: Decision, took_seconds: float) -> None:
    """What a bot decided, where that is anything, and is not what it decided the last time."""
    observer = desk.observer
    if observer is None:
        return
    asked = decision.prompt is not None or decision.answer is not None
    thought = (decision.proposals, decision.cancels, decision.note)
    if not asked and (not any(thought) or thought == observer.thoughts.get(bot.bot_id)):
        return
    observer.thoughts[bot.bot_id] = thought
    keys = [each.key for each in decision.proposals]
    facts = {
        "decisions": [_told(each) for each in decision.proposals]
        + [{"cancel": each} for each in decision.cancels],
        "notes": decision.note,
        "success": True,
        "cause_keys": keys,
        "order_ids": [order_id(bot.bot_id, key) for key in keys],
    }
    _keep_decision(observer, bot, view, {**_words(decision), **facts}, took_seconds)


def failed(desk: Desk, bot: Bot, view: View, why: str, took_seconds: float) -> None:
    """A decision that could not be used."""
    if desk.observer is not None:
        facts = {"decisions": [], "notes": why, "success": False, "cause_keys": [], "order_ids": []}
        _keep_decision(desk.observer, bot, view, facts, took_seconds)


def _keep_decision(
    observer: Observer, bot: Bot, view: View, facts: Mapping[str, object], took_seconds: float
) -> None:
    own = {
        "decision_id": _own_id(bot, f"decision:{view.now.astimezone(UTC).isoformat()}"),
        "bot_id": bot.bot_id,
        "duration_ms": round(took_seconds * 1000),
    }
    observer.keep(Kind.DECISION, view.now, {**own, **facts})


def _signal(
    bot: Bot, view: View, proposal: Proposal, *, why_not: str | None
) -> dict[UUID, dict[str, object]]:
    """An entry as a signal, under an id that tells what was taken from what was not; nothing for an exit."""
    if proposal.reduce_only:
        return {}
    phantom_id = _own_id(bot, f"phantom:{proposal.key}:{why_not is None}")
    # What the market would have asked for it at once: a resting order's price is one that it does not have yet.
    price = phantom.opening_price(proposal.side, view.quotes[proposal.symbol])
    facts: dict[str, object] = {
        "phantom_id": phantom_id,
        "bot_id": bot.bot_id,
        "symbol": proposal.symbol,
        "strategy": bot.strategy.name,
        "side": str(proposal.side),
        "executed": why_not is None,
        "reason": why_not or proposal.reason,
        "score": proposal.score,
        "cause_key": proposal.key,
        "opened_price": price,
        **phantom.barriers(proposal.side, price, bot.learner.gate.reach if bot.learner else phantom.REACH),
        "features": proposal.features,
    }
    return {phantom_id: facts}


def _prediction(signal: Mapping[str, object], said: Foretold) -> dict[str, object]:
    """Under the signal's own id, with which it ends; the features stand there."""
    wins = said.wins >= _EVEN
    rises = (signal["side"] == Side.BUY) == wins
    return {
        "prediction_id": signal["phantom_id"],
        "bot_id": signal["bot_id"],
        "symbol": signal["symbol"],
        "model": said.model,
        "horizon_seconds": round(phantom.LIFE.total_seconds()),
        "direction": "up" if rises else "down",
        "confidence": said.wins if wins else 1 - said.wins,
        "price": signal["opened_price"],
        "target": signal.get("take_profit") if wins else signal.get("stop_loss"),
        "features": {},
    }


def _words(decision: Decision) -> dict[str, object]:
    """The prompt and the answer as far as they are kept, each with the length that it had."""
    told: dict[str, object] = {}
    for name, text in (("prompt", decision.prompt), ("answer", decision.answer)):
        if isinstance(text, str):
            told |= {name: observation.clipped(text), f"{name}_length": len(text)}
        elif text is not None:
            told[name] = text  # refused at the border, with a sentence
    return told


def _told(proposal: Proposal) -> dict[str, object]:
    return {
        "key": proposal.key,
        "symbol": proposal.symbol,
        "side": str(proposal.side),
        "kind": str(proposal.kind),
        "quantity": proposal.quantity,
        "price": proposal.price,
        "reduce_only": proposal.reduce_only,
        "reason": proposal.reason,
    }


def _own_id(bot: Bot, name: str) -> UUID:
    """The same cause gives the same id: a bot that thinks again after a crash is kept once."""
    return uuid5(bot.bot_id, name)
