"""What a user wishes holds for each of their bots from the next tick on, and costs a desk no further question."""

import json

import pytest

from runtime.domain.order import Side
from tests.engine.rig import Rig, blocked_limits, market

ENTER, MORE, LEAVE = (
    market("in", Side.BUY, "0.02"),
    market("more", Side.BUY, "0.01"),
    market("out", Side.SELL, "0.01", reduce_only=True),
)


def keys(rig: Rig) -> list[str]:
    return [each["intent_key"] for each in rig.orders()]


def wish(rig: Rig, profile: str, **settings: str) -> None:
    rig.database.rows(
        "insert into user_settings (user_id, risk_profile, settings) select user_id, %s, %s from users"
        " on conflict (user_id) do update set risk_profile = excluded.risk_profile, settings = excluded.settings",
        (profile, json.dumps(settings)),
    )


def test_disabled_user__takes_no_new_risk_and_exits_go_on(
    bare: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bare.enrol().start()
    bare.trade(ENTER)
    bare.database.rows("update users set enabled = false")
    bare.trade(MORE)
    assert (keys(bare), blocked_limits(caplog)) == (["in"], ["user"])
    bare.trade(LEAVE)
    assert keys(bare) == ["in", "out"]
    bare.restart()
    bare.trade(MORE)
    assert keys(bare) == ["in", "out"], "no restart forgets it"
    bare.database.rows("update users set enabled = true")
    bare.trade(MORE)
    assert keys(bare) == ["in", "out", "more"]


def test_risk_profile__a_conservative_user_trades_half_as_large(bare: Rig) -> None:
    bare.enrol(order_quote_max="1500").start()
    wish(bare, "conservative")
    bare.trade(ENTER)  # a thousand, above the half of fifteen hundred
    assert keys(bare) == []
    wish(bare, "balanced")
    bare.trade(ENTER)
    assert keys(bare) == ["in"]


def test_cap__holds_for_every_bot_of_the_user(bare: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bare.enrol().start()
    wish(bare, "aggressive", position_quote_max="1200")
    bare.trade(ENTER)
    bare.trade(MORE)
    assert (keys(bare), blocked_limits(caplog)) == (["in"], ["position_quote_max"])


def test_spoiled_settings__forbid_new_risk_until_they_are_mended(
    bare: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bare.enrol().start()
    wish(bare, "balanced", order_quote_max="a lot")
    bare.trade(ENTER)
    assert (keys(bare), blocked_limits(caplog)) == ([], ["user"])
    details = [vars(each)["facts"]["detail"] for each in caplog.records if each.getMessage() == "blocked"]
    assert "order_quote_max" in details[0]
    wish(bare, "balanced")
    bare.trade(ENTER)
    assert keys(bare) == ["in"]
