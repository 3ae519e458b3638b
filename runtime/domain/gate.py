"""A gate before a bot: what it learned of its own signals may hold one back. Told in the desk file as a parameter.

parameters = { fast = 3, gate = { probability_min = "0.45", examples_min = 40, retrain_every = 20 } }
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

from runtime import errors
from runtime.domain import money, phantom

PARAMETER = "gate"
_COUNT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Gate:
    probability_min: Decimal  # what a signal must at least have of winning
    examples_min: int = 40  # signals that ended, before the first training
    retrain_every: int = 20  # and from one training to the next
    # How far a price has to go for a signal to have been right or wrong, as a share.
    reach: Decimal = phantom.REACH


@dataclass(frozen=True, slots=True)
class Retraining:
    """Whether there is enough to train on, and how many more signals have to end before the next training."""

    can_train: bool
    examples: int
    until_next: int


def model_name(strategy: str) -> str:
    return f"ml:{strategy}:{PARAMETER}"


def retrain_info(gate: Gate, examples: int, seen: int | None) -> Retraining:
    """`examples` is how many signals ended, `seen` how many had at the last training, None before the first."""
    missing = gate.examples_min - examples
    since = gate.retrain_every - (examples - min(seen, examples)) if seen is not None else 0
    return Retraining(missing <= 0, examples, max(0, missing, since))


def without(parameters: Mapping[str, object]) -> dict[str, object]:
    """The strategy's own."""
    return {name: each for name, each in parameters.items() if name != PARAMETER}


def parse(parameters: Mapping[str, object]) -> Gate | None:
    """None where there is none; BadInput with every fault at once."""
    raw = parameters.get(PARAMETER)
    if raw is None:
        return None
    known = [each.name for each in fields(Gate)]
    if not isinstance(raw, Mapping):
        raise _unusable([f"it is {raw!r:.40}, not a table"])
    faults = [f"{name!r:.40} is not known; known are {', '.join(known)}" for name in raw if name not in known]
    least = _share("probability_min", raw.get("probability_min"), faults)
    reach = _share("reach", raw.get("reach", phantom.REACH), faults)
    if reach in (0, 1):
        faults.append(f"reach is {reach}, not between 0 and 1")
    counts = {
        name: _count(name, raw[name], faults) for name in ("examples_min", "retrain_every") if name in raw
    }
    if faults:
        raise _unusable(faults)
    return Gate(least, **counts, reach=reach)


def _share(name: str, raw: object, faults: list[str]) -> Decimal:
    try:
        share = money.parse(raw)
        if 0 <= share <= 1:
            return share
        faults.append(f"{name} is {share}, not from 0 to 1")
    except ValueError as fault:
        faults.append(f"{name}: {fault}")
    return Decimal(0)


def _count(name: str, raw: object, faults: list[str]) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 8 <= raw <= _COUNT_MAX:
        faults.append(f"{name} is {raw!r:.40}, not a whole number from 8 to {_COUNT_MAX}")
        return 8
    return raw


def _unusable(faults: list[str]) -> errors.BadInput:
    return errors.BadInput(
        where="The gate", detail="; ".join(faults), remedy="docs/configuration.md shows a whole one."
    )
