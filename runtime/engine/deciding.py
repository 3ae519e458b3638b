"""Asks a strategy, which is foreign code, and judges whether its answer can be used at all."""

from runtime import errors, logs
from runtime.domain import decision as decisions
from runtime.domain.decision import Decision, View
from runtime.engine.desk import Bot


def decide(bot: Bot, view: View) -> Decision | errors.InvalidDecision:
    """What the strategy wants, or why its answer cannot be used."""
    try:
        decision = bot.strategy.decide(view, bot.memory)
    except Exception as exc:  # noqa: BLE001 # broad: a strategy is foreign code; whatever it raises halts its own bot only
        logs.error("strategy raised", traceback=True, bot=bot.name)
        return errors.InvalidDecision(strategy=bot.strategy.name, detail=f"it raised {type(exc).__name__}")
    wrong = decisions.fault(decision, bot.strategy.name, frozenset(bot.symbols)) or _unusable(decision, view)
    return errors.InvalidDecision(strategy=bot.strategy.name, detail=wrong) if wrong else decision


def _unusable(decision: Decision, view: View) -> str | None:
    """A size or price that the venue's rules forbid is a defect of the strategy, not a matter of risk."""
    for proposal in decision.proposals:
        wrong = view.markets[proposal.symbol].fault(proposal.kind, proposal.quantity, proposal.price)
        if wrong:
            return wrong
    return None
