"""Models: a small logistic regression that learns from a bot's own signals which of them are worth taking.

It is trained on the older ones and judged on the newest, so that nothing is foretold which was seen. The same examples
give the same bytes. Its floats are probabilities: they may hold an order back, and never become a price or a quantity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

import numpy as np
from numpy.typing import NDArray

from runtime.learning import memory
from runtime.learning.memory import Saved, require

VERSION = 1
FEATURES_MAX = 64
# The newest: what training may cost a tick is bounded by it.
EXAMPLES_MAX = 2000
# One of so many, the newest, is kept out of the training and judges it.
HOLD_OUT = 4
STEPS_MAX = 25
_PENALTY = 4.0
_PENALTY_OF_BASE = 1e-3
_FAR = 8.0  # standard deviations: what lies beyond says no more than this
_CERTAIN = 1e-6
_PLACES = Decimal("0.000001")

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    features: Mapping[str, float]
    won: bool


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """`weights` are those of the standardised features, and the last one stands for itself."""

    features: tuple[str, ...]
    mean: Array
    scale: Array
    weights: Array

    def probability(self, features: Mapping[str, float]) -> Decimal:
        """That a signal wins. A feature that is missing counts as it is on the average."""
        return Decimal(float(self._chances([Example(features, False)])[0])).quantize(_PLACES)

    def log_loss(self, examples: Sequence[Example]) -> float:
        return _log_loss(self._chances(examples), _outcomes(examples))

    def accuracy(self, examples: Sequence[Example]) -> float:
        return float(np.mean((self._chances(examples) >= 0.5) == (_outcomes(examples) == 1)))

    def save(self) -> Saved:
        names = np.frombuffer("\n".join(self.features).encode(), dtype=np.uint8)
        return memory.write_arrays(
            {"features": names, "mean": self.mean, "scale": self.scale, "weights": self.weights},
            version=VERSION,
        )

    @classmethod
    def load(cls, saved: Saved) -> Self:
        require(saved.version == VERSION, f"it has shape {saved.version}, and this program knows {VERSION}")
        arrays = memory.read_arrays(saved)
        require(set(arrays) == {"features", "mean", "scale", "weights"}, "its arrays are others")
        require(arrays["features"].dtype == np.uint8, "its names are no text")
        try:
            names = tuple(arrays["features"].tobytes().decode().split("\n"))
        except UnicodeDecodeError:
            raise memory.Unreadable("its names are no text") from None
        mean, scale = (_numbers(arrays[each], len(names)) for each in ("mean", "scale"))
        weights = _numbers(arrays["weights"], len(names) + 1)
        require(bool((scale > 0).all()), "a scale is not above zero")
        return cls(names, mean, scale, weights)

    def _chances(self, examples: Sequence[Example]) -> Array:
        table = _table(examples, self.features, self.mean)
        return _chances(_standardised(table, self.mean, self.scale), self.weights)


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and what it is worth; `is_better` than the one in use, and than knowing only how many win."""

    model: Logistic
    metrics: Mapping[str, float]
    training_size: int
    is_better: bool


def train(examples: Sequence[Example], champion: Logistic | None) -> Trained | None:
    """From the oldest to the newest. None where there is nothing to learn: too few, or no feature that all have.

    The champion may have been trained on some of what judges both; so it is dethroned a little late rather than early.
    """
    cut = len(examples) - len(examples) // HOLD_OUT
    older, newer = examples[:cut], examples[cut:]
    features = _common(examples)
    if not newer or not features:
        return None
    model = fit(older, features)
    base_rate = (sum(each.won for each in older) + 1) / (len(older) + 2)
    base = _log_loss(np.full(len(newer), base_rate), _outcomes(newer))
    ours, theirs = model.log_loss(newer), champion.log_loss(newer) if champion is not None else None
    metrics = {
        "log_loss": ours,
        "base_log_loss": base,
        "accuracy": model.accuracy(newer),
        "base_rate": base_rate,
        "hold_out": float(len(newer)),
        **({} if theirs is None else {"champion_log_loss": theirs}),
    }
    rounded = {name: round(each, 6) for name, each in metrics.items()}
    return Trained(model, rounded, len(older), ours < base and (theirs is None or ours < theirs))


def fit(examples: Sequence[Example], features: tuple[str, ...]) -> Logistic:
    """Newton's steps with a penalty on large weights: a bounded number of them, and no chance in it."""
    nothing = np.zeros(len(features))
    table, won = _table(examples, features, nothing), _outcomes(examples)
    mean, scale = table.mean(axis=0), table.std(axis=0)
    scale[scale < 1e-12] = 1.0
    known = _standardised(table, mean, scale)
    penalty = np.full(len(features) + 1, _PENALTY)
    penalty[-1] = _PENALTY_OF_BASE
    weights = np.zeros(len(features) + 1)
    for _ in range(STEPS_MAX):
        chances = _chances(known, weights)
        slope = known.T @ (chances - won) + penalty * weights
        curve = (known.T * (chances * (1 - chances))) @ known + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    return Logistic(features, mean, scale, weights)


def _common(examples: Sequence[Example]) -> tuple[str, ...]:
    if not examples:
        return ()
    shared = set(examples[0].features).intersection(*(each.features for each in examples[1:]))
    return tuple(sorted(name for name in shared if "\n" not in name)[:FEATURES_MAX])


def _table(examples: Sequence[Example], features: tuple[str, ...], missing: Array) -> Array:
    usual = dict(zip(features, missing.tolist(), strict=True))
    rows = [[each.features.get(name, usual[name]) for name in features] for each in examples]
    return np.array(rows, dtype=np.float64).reshape(len(examples), len(features))


def _outcomes(examples: Sequence[Example]) -> Array:
    return np.array([each.won for each in examples], dtype=np.float64)


def _standardised(table: Array, mean: Array, scale: Array) -> Array:
    known = np.clip((table - mean) / scale, -_FAR, _FAR)
    return np.hstack([known, np.ones((len(table), 1))])


def _chances(known: Array, weights: Array) -> Array:
    chances: Array = 1.0 / (1.0 + np.exp(-np.clip(known @ weights, -30.0, 30.0)))
    return chances


def _log_loss(chances: Array, outcomes: Array) -> float:
    sure = np.clip(chances, _CERTAIN, 1 - _CERTAIN)
    return float(-np.mean(outcomes * np.log(sure) + (1 - outcomes) * np.log(1 - sure)))


def _numbers(array: NDArray[np.generic], length: int) -> Array:
    require(array.shape == (length,) and array.dtype == np.float64, "it has other numbers than names")
    plain = np.asarray(array, np.float64)
    require(bool(np.isfinite(plain).all()), "it holds something that is no number")
    return plain
