"""A user's wishes make limits smaller or sizes larger, never losses; spoiled ones forbid all new risk."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import wishes
from runtime.domain.risk import Limits
from runtime.domain.wishes import CAPS, PROFILES, Wishes
from tests.domain.samples import LIMITS

HUNDRED = replace(
    LIMITS,
    order_quote_max=Decimal(100),
    position_quote_max=Decimal(100),
    daily_loss_quote_max=Decimal(100),
    drawdown_quote_max=Decimal(100),
)


def narrowed(profile: str, **caps: str) -> Limits:
    return wishes.narrow(HUNDRED, wishes.parse(enabled=True, risk_profile=profile, settings=caps))


def test_narrow__nobody_wished_anything_and_the_limits_stand() -> None:
    assert wishes.narrow(HUNDRED, Wishes()) == HUNDRED
    assert wishes.narrow(HUNDRED, wishes.parse(enabled=True, risk_profile=None, settings={})) == HUNDRED


@pytest.mark.parametrize(
    ("profile", "size", "loss"), [("conservative", 50, 50), ("balanced", 100, 100), ("aggressive", 150, 100)]
)
def test_narrow__a_profile_says_how_large_and_how_much_may_be_lost(
    profile: str, size: int, loss: int
) -> None:
    found = narrowed(profile)
    assert {found.order_quote_max, found.position_quote_max} == {Decimal(size)}
    assert {found.daily_loss_quote_max, found.drawdown_quote_max} == {Decimal(loss)}


def test_narrow__a_cap_holds_whatever_the_profile_is() -> None:
    assert narrowed("aggressive", order_quote_max="20").order_quote_max == 20
    assert narrowed("conservative", order_quote_max="70").order_quote_max == 50
    assert narrowed("balanced", drawdown_quote_max="30").drawdown_quote_max == 30
    without = wishes.narrow(
        replace(HUNDRED, drawdown_quote_max=None), Wishes(caps={"drawdown_quote_max": Decimal(7)})
    )
    assert without.drawdown_quote_max == 7


amounts = st.decimals(0, 10**9, places=6)


@given(st.sampled_from(list(PROFILES)), st.dictionaries(st.sampled_from(CAPS), amounts), amounts)
def test_narrow__no_wish_lets_a_bot_lose_more(profile: str, caps: dict[str, Decimal], own: Decimal) -> None:
    limits = replace(HUNDRED, daily_loss_quote_max=own, drawdown_quote_max=own)
    found = wishes.narrow(limits, Wishes(risk_profile=profile, caps=caps))
    assert found.daily_loss_quote_max <= own
    assert found.drawdown_quote_max is not None
    assert found.drawdown_quote_max <= own
    assert all(getattr(found, name) <= caps[name] for name in caps)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"order_quote_max": "NaN"}, "order_quote_max"),
        ({"order_quote_max": "-1"}, "below zero"),
        ({"position_quote_max": ["1"]}, "position_quote_max"),
        ({"order_quote_max": "x", "daily_loss_quote_max": "-5"}, "daily_loss_quote_max"),
    ],
)
def test_parse__spoiled_settings_forbid_new_risk_and_say_why(settings: dict[str, object], said: str) -> None:
    found = wishes.parse(enabled=True, risk_profile="balanced", settings=settings)
    assert found.objection is not None
    assert said in found.objection


def test_parse__an_unknown_profile_forbids_new_risk() -> None:
    found = wishes.parse(enabled=True, risk_profile="reckless", settings={})
    assert found.objection is not None
    assert "reckless" in found.objection
    assert wishes.narrow(HUNDRED, found) == HUNDRED


def test_parse__other_settings_are_the_user_s_own() -> None:
    assert wishes.parse(enabled=True, risk_profile=None, settings={"theme": "dark"}) == Wishes()


def test_objection__a_disabled_user_takes_no_new_risk() -> None:
    found = wishes.parse(enabled=False, risk_profile=None, settings={})
    assert found.objection is not None
    assert Wishes().objection is None
