"""Two small learners: weights of features, which say how much each mattered, and a table of how good each action was.

Both are numpy arrays with names. What they learn from must be finite: a feature that is not a number is left out and
counted, and never spoils a weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from runtime.learning import memory
from runtime.learning.memory import Saved, require

VERSION = 1


@dataclass(slots=True)
class FeatureWeights:
    """How much each feature leaned towards what came, as an average that forgets; they sum to one."""

    features: tuple[str, ...]
    rate: float = 0.05
    name: str = "feature_weights"
    asks: bool = False
    skipped: int = 0
    _raw: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self._raw = np.full(len(self.features), 1.0)

    @property
    def weights(self) -> Mapping[str, float]:
        shares = self._raw / self._raw.sum()
        return dict(zip(self.features, shares.tolist(), strict=True))

    def learn(self, values: Mapping[str, float], *, won: bool) -> None:
        """`values` are between -1 and 1, signed towards the side that was taken."""
        for place, feature in enumerate(self.features):
            value = values.get(feature)
            if value is None or not isfinite(value):
                self.skipped += 1
                continue
            credit = max(-1.0, min(1.0, value)) * (1.0 if won else -1.0)
            self._raw[place] = max(0.01, self._raw[place] * (1.0 + self.rate * credit))

    def save(self) -> Saved:
        names = np.frombuffer("\n".join(self.features).encode(), dtype=np.uint8)
        return memory.write_arrays(
            {"features": names, "weights": self._raw, "skipped": np.array([self.skipped])}, version=VERSION
        )

    def load(self, saved: Saved) -> None:
        """Features that are new begin as all did; those that are gone are forgotten."""
        arrays = _arrays(saved, {"features", "weights", "skipped"})
        names, weights = _names(arrays["features"]), arrays["weights"]
        require(
            weights.shape == (len(names),) and weights.dtype == np.float64, "it has other weights than names"
        )
        plain = np.asarray(weights, np.float64)
        require(bool((np.isfinite(plain) & (plain > 0)).all()), "a weight is no positive number")
        known = dict(zip(names, plain.tolist(), strict=True))
        require(arrays["skipped"].shape == (1,), "its count is none")
        self._raw = np.array([known.get(each, 1.0) for each in self.features])
        self.skipped = int(arrays["skipped"][0])


@dataclass(slots=True)
class QTable:
    """How good each action was in each state, by the plain rule of Q-learning. Bounded: the states are known before."""

    states: int
    actions: int
    rate: float = 0.1
    discount: float = 0.9
    name: str = "q_table"
    asks: bool = False
    _values: NDArray[np.float64] = field(init=False)
    _visits: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self._values = np.zeros((self.states, self.actions))
        self._visits = np.zeros((self.states, self.actions), dtype=np.int64)

    def best(self, state: int) -> int:
        """The first of the best: the same table always answers the same."""
        return int(np.argmax(self._values[state]))

    def value(self, state: int, action: int) -> float:
        return float(self._values[state, action])

    def visits(self, state: int, action: int) -> int:
        return int(self._visits[state, action])

    def learn(self, state: int, action: int, reward: float, after: int) -> None:
        if not isfinite(reward):
            raise ValueError(f"a reward of {reward} teaches nothing")
        target = reward + self.discount * float(self._values[after].max())
        self._values[state, action] += self.rate * (target - self._values[state, action])
        self._visits[state, action] += 1

    def save(self) -> Saved:
        return memory.write_arrays({"values": self._values, "visits": self._visits}, version=VERSION)

    def load(self, saved: Saved) -> None:
        arrays = _arrays(saved, {"values", "visits"})
        values, visits = arrays["values"], arrays["visits"]
        shape = (self.states, self.actions)
        require(values.shape == shape and visits.shape == shape, f"its table is not {shape[0]} x {shape[1]}")
        require(values.dtype == np.float64 and visits.dtype == np.int64, "its numbers are of another kind")
        levels, counts = np.asarray(values, np.float64), np.asarray(visits, np.int64)
        require(bool(np.isfinite(levels).all()), "it holds something that is no number")
        require(not counts.size or int(counts.min()) >= 0, "a count is below zero")
        self._values, self._visits = levels, counts


def _arrays(saved: Saved, expected: set[str]) -> Mapping[str, NDArray[np.generic]]:
    require(saved.version == VERSION, f"it has shape {saved.version}, and this program knows {VERSION}")
    arrays = memory.read_arrays(saved)
    require(set(arrays) == expected, "its arrays are others")
    return arrays


def _names(encoded: NDArray[np.generic]) -> Sequence[str]:
    require(encoded.dtype == np.uint8, "its names are no text")
    try:
        return encoded.tobytes().decode().split("\n")
    except UnicodeDecodeError:
        raise memory.Unreadable("its names are no text") from None
