"""The gate before a bot: every signal is measured, and what its model gives too little is held back.

It stands between what a strategy decides and what the limits admit. It never holds an exit back, and where nothing can
be foretold a signal passes as it would without a gate: the limits judge it all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from runtime import logs
from runtime.domain import risk
from runtime.domain.decision import Proposal, View
from runtime.domain.observation import Kind
from runtime.domain.risk import Blocked
from runtime.engine.desk import Bot, Desk
from runtime.learning import features
from runtime.learning.features import NotFinite
from runtime.telemetry import table

LIMIT = "gate"


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a model gave a signal of winning, and which one it was."""

    model: str
    wins: Decimal


@dataclass(frozen=True, slots=True)
class Gated:
    passed: tuple[Proposal, ...]
    blocked: tuple[Blocked, ...]
    foretold: Mapping[str, Foretold]  # by the proposal's key


def judge(desk: Desk, bot: Bot, proposals: tuple[Proposal, ...], view: View) -> Gated:
    passed, blocked, foretold = list[Proposal](), list[Blocked](), dict[str, Foretold]()
    for each in proposals:
        signal = each if each.reduce_only else _measured(each, view)
        said = None if signal.reduce_only or risk.reduces(signal, view) else _foretell(desk, bot, signal)
        if said is not None:
            foretold[signal.key] = said
        least = bot.learner.gate.probability_min if bot.learner else Decimal(0)
        if said is not None and said.wins < least:
            detail = f"{said.model} gives it {said.wins} of winning, the least is {least}"
            blocked.append(Blocked(signal, LIMIT, detail))
        else:
            passed.append(signal)
    return Gated(tuple(passed), tuple(blocked), foretold)


def _measured(proposal: Proposal, view: View) -> Proposal:
    # A strategy is foreign code: what is no table is left to the border, which refuses it with a sentence.
    if not isinstance(proposal.features, Mapping):
        return proposal
    return replace(proposal, features=features.measure(view, proposal))


def _foretell(desk: Desk, bot: Bot, signal: Proposal) -> Foretold | None:
    learner = bot.learner
    if learner is None or learner.used is None or not isinstance(signal.features, Mapping):
        return None
    try:
        wins = learner.used.model.probability(features.numbers(signal.features))
    except NotFinite as fault:
        desk.meters.count(table.OBSERVATIONS_DROPPED, Kind.PREDICTION.word)
        logs.warning("a signal passes unjudged", bot=bot.name, key=signal.key, detail=str(fault))
        return None
    return Foretold(f"{learner.name}@{learner.used.version}", wins)
