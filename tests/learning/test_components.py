"""Components come back as they were, byte for byte; what is not theirs is refused and leaves them as they were."""

import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.learning import memory
from runtime.learning.analytics import TRADES_MAX, Analytics
from runtime.learning.learners import FeatureWeights, QTable
from runtime.learning.memory import Codec, Component, Saved, Unreadable
from runtime.learning.risk_keeper import RECENT_MAX, RiskKeeper

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FEATURES = ("trend", "volume", "spread")
amounts = st.decimals(min_value=-(10**6), max_value=10**6, places=8)


def used_risk_keeper() -> RiskKeeper:
    made = RiskKeeper()
    for hour, result in enumerate(("5", "-2", "-3.25", "0", "7")):
        made.close(Decimal(result), NOON + timedelta(hours=hour))
        made.mark(Decimal(1000) + Decimal(result), NOON)
    return made


def used_analytics() -> Analytics:
    made = Analytics()
    for hour in range(50):
        made.close(Decimal(hour % 3 - 1), NOON + timedelta(hours=hour))
        made.mark(Decimal(1000 + hour * (-1) ** hour), NOON + timedelta(hours=hour))
    return made


def used_weights() -> FeatureWeights:
    made = FeatureWeights(FEATURES)
    for turn in range(30):
        made.learn({"trend": 0.9, "volume": (-1) ** turn * 0.5, "spread": float("nan")}, won=turn % 3 != 0)
    return made


def used_table() -> QTable:
    made = QTable(states=4, actions=3)
    for turn in range(40):
        made.learn(turn % 4, turn % 3, (turn % 5) - 2.0, (turn + 1) % 4)
    return made


USED: list[tuple[Callable[[], Component], Callable[[], Component]]] = [
    (used_risk_keeper, RiskKeeper),
    (used_analytics, Analytics),
    (used_weights, lambda: FeatureWeights(FEATURES)),
    (used_table, lambda: QTable(states=4, actions=3)),
]
each_component = pytest.mark.parametrize(("used", "fresh"), USED)


@each_component
def test_component__comes_back_as_it_was_to_the_byte(
    used: Callable[[], Component], fresh: Callable[[], Component]
) -> None:
    saved = used().save()
    assert saved == used().save()
    back = fresh()
    assert back.save() != saved
    back.load(saved)
    assert back.save() == saved
    assert back.save().sha256 == saved.sha256


@each_component
@pytest.mark.parametrize(
    "spoiled",
    [
        lambda saved: Saved(saved.version + 1, saved.codec, saved.body),
        lambda saved: Saved(saved.version, Codec.RAW, saved.body),
        lambda saved: Saved(saved.version, saved.codec, b""),
        lambda saved: Saved(saved.version, saved.codec, saved.body[: len(saved.body) // 2]),
        lambda saved: Saved(saved.version, saved.codec, pickle.dumps(["anything"])),
        lambda saved: memory.write_json([1, 2], version=saved.version),
        lambda saved: memory.write_json({"peak": "1"}, version=saved.version),
        lambda saved: memory.write_arrays({"trades": np.zeros(3)}, version=saved.version),
    ],
)
def test_component__what_is_not_its_own_is_refused_and_changes_nothing(
    used: Callable[[], Component], fresh: Callable[[], Component], spoiled: Callable[[Saved], Saved]
) -> None:
    component = used()
    before = component.save()
    with pytest.raises(Unreadable):
        component.load(spoiled(before))
    assert component.save() == before


@each_component
def test_component__survives_any_byte_that_is_cut_off(
    used: Callable[[], Component], fresh: Callable[[], Component]
) -> None:
    saved = used().save()
    for length in range(0, len(saved.body), max(1, len(saved.body) // 60)):
        with pytest.raises(Unreadable):
            fresh().load(Saved(saved.version, saved.codec, saved.body[:length]))


def test_memory__an_array_of_objects_is_neither_written_nor_read() -> None:
    with pytest.raises(Unreadable, match="no number"):
        memory.write_arrays({"code": np.array([object()])}, version=1)
    with pytest.raises(Unreadable):
        memory.read_arrays(Saved(1, Codec.NPZ, pickle.dumps(np.zeros(3))))


def test_memory__a_float_is_no_number_of_ours() -> None:
    for text in (b'{"peak": 1.5}', b'{"peak": NaN}', b'{"peak": 1e400}'):
        with pytest.raises(Unreadable, match="a number with a point"):
            memory.read_json(Saved(1, Codec.JSON, text))


# --- the risk keeper -----------------------------------------------------------------------------------------------


def test_risk_keeper__counts_what_a_person_would() -> None:
    made = used_risk_keeper()
    assert (made.wins, made.losses, made.streak) == (2, 2, 1)
    assert [made.gained, made.lost, made.peak, made.equity] == [12, Decimal("5.25"), 1007, 1007]
    assert list(made.recent) == [5, -2, Decimal("-3.25"), 0, 7]


def test_risk_keeper__the_peak_outlives_a_restart() -> None:
    made, back = used_risk_keeper(), RiskKeeper()
    made.mark(Decimal(900), NOON)
    back.load(made.save())
    back.mark(Decimal(950), NOON)
    assert back.drawdown == 57


def test_risk_keeper__a_day_ends_at_midnight_and_not_by_starting_again() -> None:
    made, back = RiskKeeper(), RiskKeeper()
    made.close(Decimal(-80), datetime(2026, 3, 2, 23, 59, tzinfo=UTC))
    back.load(made.save())
    assert back.result_on(date(2026, 3, 2)) == -80
    assert back.result_on(date(2026, 3, 3)) == 0
    back.close(Decimal(-1), datetime(2026, 3, 3, 0, 1, tzinfo=UTC))
    assert back.result_on(date(2026, 3, 3)) == -1


def test_risk_keeper__what_is_told_late_of_yesterday_leaves_today_as_it_is() -> None:
    made = RiskKeeper()
    made.close(Decimal(-80), datetime(2026, 3, 3, 0, 1, tzinfo=UTC))
    made.close(Decimal(-5), datetime(2026, 3, 2, 23, 59, tzinfo=UTC))
    assert made.result_on(date(2026, 3, 3)) == -80
    assert made.lost == 85


@given(st.lists(amounts, max_size=40))
def test_risk_keeper__whatever_happens_it_is_bounded_and_comes_back(results: list[Decimal]) -> None:
    made, back = RiskKeeper(), RiskKeeper()
    for hour, result in enumerate(results):
        made.close(result, NOON + timedelta(hours=hour))
    assert made.gained - made.lost == sum(results, Decimal(0))
    assert len(made.recent) == min(len(results), RECENT_MAX)
    back.load(made.save())
    assert back == made


# --- the others -----------------------------------------------------------------------------------------------------


def test_analytics__keeps_the_newest_and_never_more_than_its_bound() -> None:
    made = Analytics()
    for hour in range(TRADES_MAX + 5):
        made.close(Decimal(hour), NOON + timedelta(hours=hour))
    assert len(made.trades) == TRADES_MAX
    assert made.trades[-1][1] == TRADES_MAX + 4
    assert made.win_rate() == 1.0


def test_analytics__without_trades_there_is_no_rate() -> None:
    assert Analytics().win_rate() is None
    assert Analytics().volatility() is None


def test_weights__lean_to_what_was_right_and_leave_out_what_is_no_number() -> None:
    made = used_weights()
    assert made.weights["trend"] > made.weights["spread"]
    assert sum(made.weights.values()) == pytest.approx(1.0)
    assert made.skipped == 30


def test_weights__a_new_feature_begins_as_all_did() -> None:
    back = FeatureWeights((*FEATURES, "funding"))
    back.load(used_weights().save())
    assert back.weights["funding"] > 0
    assert set(back.weights) == {*FEATURES, "funding"}


def test_table__learns_which_action_pays() -> None:
    made = QTable(states=2, actions=2)
    for _ in range(200):
        made.learn(0, 1, 1.0, 1)
        made.learn(0, 0, -1.0, 1)
    assert made.best(0) == 1
    assert made.value(0, 1) == pytest.approx(1.0, abs=1e-6)
    assert made.visits(0, 1) == 200


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_table__a_reward_that_is_no_number_is_refused(reward: float) -> None:
    with pytest.raises(ValueError, match="teaches nothing"):
        QTable(states=1, actions=1).learn(0, 0, reward, 0)
