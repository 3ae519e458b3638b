"""The model learns what is there, says the same for the same, and comes back byte for byte or not at all."""

import random
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import errors
from runtime.domain import gate
from runtime.domain.gate import Gate, Retraining
from runtime.learning import features, memory, models
from runtime.learning.features import NotFinite
from runtime.learning.memory import Codec, Saved, Unreadable
from runtime.learning.models import EXAMPLES_MAX, Example, Logistic
from tests.venue import ROOT


def examples(count: int, *, seed: int = 7, weight: float = 2.0) -> list[Example]:
    """Who wins hangs on `trend`, and not on `noise` or `still`."""
    dice = random.Random(seed)
    made = []
    for _ in range(count):
        trend = dice.gauss(0, 1)
        won = dice.random() < 1 / (1 + np.exp(-weight * trend))
        made.append(Example({"trend": trend, "noise": dice.gauss(5, 100), "still": 3.0}, won))
    return made


def trained(count: int = 400, champion: Logistic | None = None, **how: Any) -> models.Trained:
    made = models.train(examples(count, **how), champion)
    assert made is not None
    return made


def test_train__finds_what_matters_and_beats_knowing_only_how_many_win() -> None:
    made = trained()
    assert made.is_better
    assert made.metrics["log_loss"] < made.metrics["base_log_loss"]
    assert made.training_size == 300
    weights = dict(zip(made.model.features, made.model.weights.tolist(), strict=False))
    assert weights["trend"] > 1 > abs(weights["noise"])
    assert weights["still"] == pytest.approx(0)
    rising, falling = ({"trend": each, "noise": 0.0, "still": 3.0} for each in (2.0, -2.0))
    assert made.model.probability(rising) > Decimal("0.8") > Decimal("0.2") > made.model.probability(falling)


def test_train__promotes_nothing_that_learned_from_noise() -> None:
    assert not trained(400, weight=0.0).is_better


def test_train__promotes_nothing_that_is_worse_than_what_is_used() -> None:
    champion = trained(2000).model
    poor = trained(60, champion=champion, seed=8)
    assert not poor.is_better
    assert poor.metrics["champion_log_loss"] < poor.metrics["log_loss"]


def test_train__is_judged_by_what_it_has_not_seen() -> None:
    """The newest are the other way round: who was judged by the older ones would look good."""
    turned = [Example(each.features, not each.won) for each in examples(100, seed=9)]
    made = models.train([*examples(300), *turned], None)
    assert made is not None
    assert not made.is_better
    assert made.metrics["accuracy"] < 0.5


@pytest.mark.parametrize(
    "few", [[], examples(1), [Example({}, True)] * 50], ids=["none", "one", "no feature"]
)
def test_train__with_nothing_to_learn_from_there_is_no_model(few: list[Example]) -> None:
    assert models.train(few, None) is None


@pytest.mark.parametrize("won", [True, False])
def test_train__where_all_end_alike_stays_within_its_bounds(won: bool) -> None:
    made = models.train([Example({"x": float(each)}, won) for each in range(40)], None)
    assert made is not None
    assert np.isfinite(made.model.weights).all()
    assert 0 <= made.model.probability({"x": 1e300}) <= 1


def test_model__comes_back_byte_for_byte_and_says_the_same() -> None:
    made = trained().model
    saved = made.save()
    back = Logistic.load(saved)
    assert back.save() == saved
    seen = {"trend": 0.3, "noise": 1.0}
    assert back.probability(seen) == made.probability(seen)


def test_model__of_the_same_examples_has_the_same_bytes_in_another_process() -> None:
    asked = "from tests.learning.test_models import trained; print(trained().model.save().sha256)"
    said = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.strip() == trained().model.save().sha256


def _changed(**arrays: Any) -> Saved:
    known = memory.read_arrays(trained(60).model.save())
    return memory.write_arrays({**known, **arrays}, version=1)


def _unreadable() -> dict[str, Saved]:
    good = trained(60).model.save()
    return {
        "of the future": Saved(9, good.codec, good.body),
        "no archive": Saved(1, Codec.NPZ, b"PK"),
        "text": Saved(1, Codec.JSON, b"{}"),
        "not a number": _changed(mean=np.array([1.0, float("nan"), 2.0])),
        "no scale": _changed(scale=np.zeros(3)),
        "too few weights": _changed(weights=np.ones(3)),
        "names that are no text": _changed(features=np.frombuffer(b"\xff\n\xfe", dtype=np.uint8)),
        "names of another kind": _changed(features=np.ones(3)),
        "something beside": _changed(more=np.ones(3)),
    }


@pytest.mark.parametrize("what", _unreadable())
def test_model__that_is_none_of_ours_is_refused(what: str) -> None:
    with pytest.raises(Unreadable):
        Logistic.load(_unreadable()[what])


def test_model__cut_anywhere_is_refused() -> None:
    saved = trained(60).model.save()
    for length in range(0, len(saved.body), max(1, len(saved.body) // 50)):
        with pytest.raises(Unreadable):
            Logistic.load(Saved(saved.version, saved.codec, saved.body[:length]))


# --- features --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("-Infinity"), Decimal("1e999"), 10**400, "NaN"]
)
def test_numbers__what_is_not_finite_is_refused_by_name(value: object) -> None:
    with pytest.raises(NotFinite, match="the feature 'rsi' is"):
        features.numbers({"good": 1, "rsi": value})


def test_numbers__leaves_out_what_is_no_number() -> None:
    told = {
        "a": 1,
        "b": Decimal("2.5"),
        "c": "0.25",
        "d": True,
        "e": "up",
        "f": None,
        "g": [1],
        "h": "9" * 1000,
    }
    assert features.numbers(told) == {"a": 1.0, "b": 2.5, "c": 0.25}


@given(st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False), max_size=8))
def test_probability__is_one_whatever_is_seen(seen: dict[str, float]) -> None:
    made = models.fit(examples(40), ("noise", "trend"))
    assert 0 <= made.probability(seen) <= 1


# --- when, and the gate's settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "seen", "expected"),
    [
        (0, None, Retraining(False, 0, 40)),
        (39, None, Retraining(False, 39, 1)),
        (40, None, Retraining(True, 40, 0)),
        (45, 40, Retraining(True, 45, 15)),
        (60, 40, Retraining(True, 60, 0)),
        (50, 400, Retraining(True, 50, 20)),  # most of them were taken away by retention meanwhile
    ],
)
def test_retrain_info__says_how_many_are_still_to_come(
    count: int, seen: int | None, expected: Retraining
) -> None:
    asked = Gate(Decimal(0), examples_min=40, retrain_every=20)
    assert gate.retrain_info(asked, count, seen) == expected


def test_gate__is_read_from_the_parameters_and_hidden_from_the_strategy() -> None:
    parameters = {"fast": 3, "gate": {"probability_min": "0.45", "examples_min": 30}}
    assert gate.parse(parameters) == Gate(Decimal("0.45"), examples_min=30)
    assert gate.without(parameters) == {"fast": 3}
    assert gate.parse({"fast": 3}) is None


def test_gate__says_all_that_is_wrong_at_once() -> None:
    wrong = {"gate": {"probability_min": "2", "examples_min": 3, "retrain_every": True, "speed": 1}}
    with pytest.raises(errors.BadInput) as refused:
        gate.parse(wrong)
    for name in ("probability_min", "examples_min", "retrain_every", "speed"):
        assert name in str(refused.value)
    others: list[dict[str, object]] = [{"gate": 1}, {"gate": {}}, {"gate": {"probability_min": 0.5}}]
    for other in others:
        with pytest.raises(errors.BadInput):
            gate.parse(other)


def test_training__has_a_bound() -> None:
    made = models.train(examples(EXAMPLES_MAX), None)
    assert made is not None
    assert made.training_size == EXAMPLES_MAX * 3 // 4
