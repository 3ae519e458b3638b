"""Ranks follow from the scores and the names, and from nothing else; who has hardly traded has no score."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import scoring
from runtime.domain.performance import Performance


def did(result: int, *, trades: int = scoring.TRADES_MIN) -> Performance:
    return Performance(trades=trades, gained=Decimal(max(result, 0)), lost=Decimal(max(-result, 0)))


def test_score__is_what_was_won_for_each_unit_of_the_deepest_fall() -> None:
    assert scoring.score(did(60), Decimal(20)) == 3
    assert scoring.score(did(-10), Decimal(20)) == Decimal("-0.5")


def test_score__a_fall_of_nearly_nothing_is_no_reason_for_a_huge_one() -> None:
    assert scoring.score(did(60), Decimal(0)) == 60
    assert scoring.score(did(60), Decimal("0.0001")) == 60


def test_score__of_who_hardly_traded_does_not_exist() -> None:
    assert scoring.score(did(1000, trades=scoring.TRADES_MIN - 1), Decimal(0)) is None


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5), st.none() | st.decimals(-100, 100, places=2), max_size=20
    )
)
def test_rank__every_judged_trader_has_one_place_and_the_best_is_first(
    scores: dict[str, Decimal | None],
) -> None:
    ranked = scoring.rank(scores)
    assert [each.rank for each in ranked] == list(range(1, len(ranked) + 1))
    assert {each.trader for each in ranked} == {name for name, found in scores.items() if found is not None}
    found = [each.score for each in ranked]
    assert found == sorted(found, reverse=True)
    assert ranked == scoring.rank(dict(reversed(scores.items())))
