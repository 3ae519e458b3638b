"""Risk limits as the desk applies them: what they block is logged, and no restart makes the ledger forget."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from runtime.domain.decision import Proposal
from runtime.domain.order import Side
from runtime.engine import remembering
from tests.engine.rig import ETHER, Rig, blocked_limits, limit, market, proposes

RESTS = limit("rests", Side.BUY, "0.02", "45000")


@pytest.mark.parametrize(
    ("limits", "proposals", "sent"),
    [
        ({"order_quote_max": "1000"}, (market("large", Side.BUY, "0.03"),), 0),
        ({"position_quote_max": "1000"}, (market("large", Side.BUY, "0.03"),), 0),
        ({"open_orders_max": "1"}, (RESTS, limit("second", Side.BUY, "0.02", "44000")), 1),
        ({"price_collar_ratio": "0.05"}, (RESTS,), 0),
        ({"orders_per_tick_max": "1"}, (RESTS, limit("second", Side.BUY, "0.02", "44000")), 1),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_limit__blocks_and_is_logged_by_its_name(
    bare: Rig,
    caplog: pytest.LogCaptureFixture,
    limits: dict[str, Any],
    proposals: tuple[Proposal, ...],
    sent: int,
) -> None:
    caplog.set_level("INFO")
    bare.enrol(**limits).start()
    bare.plays["one"] = proposes(*proposals)
    bare.tick()
    assert bare.sends() == sent
    assert blocked_limits(caplog) == list(limits)


def test_breaker__trips_at_the_daily_loss_and_stays_tripped_after_a_restart(bare: Rig) -> None:
    bare.enrol(daily_loss_quote_max="50").start()
    bare.trade(market("in", Side.BUY, "0.02"))
    bare.tick()
    bare.set_price("45000")
    bare.trade(market("more", Side.BUY, "0.01"))
    assert bare.bot()["breaker_day"] == bare.desk.exchange.now().date()
    assert "breaker tripped" in bare.audit()
    bare.set_price("60000")  # the loss is gone, the breaker is not
    bare.restart()
    bare.trade(market("again", Side.BUY, "0.01"))
    assert [each["intent_key"] for each in bare.orders()] == ["in"]
    bare.trade(market("out", Side.SELL, "0.01"))
    assert [each["intent_key"] for each in bare.orders()] == ["in", "out"]


def test_breaker__is_gone_the_next_day(bare: Rig) -> None:
    bare.enrol(daily_loss_quote_max="50").start()
    yesterday = bare.desk.exchange.now().date() - timedelta(days=1)
    bare.database.rows("update bots set breaker_day = %s", (yesterday,))
    bare.restart()
    bare.trade(market("in", Side.BUY, "0.01"))
    assert bare.sends() == 1


def test_daily_loss__of_a_symbol_that_it_trades_no_more_still_counts(bare: Rig) -> None:
    bare.enrol(daily_loss_quote_max="1000").start()
    bare.trade(market("in", Side.BUY, "0.02"))
    bare.tick()
    bare.set_price("45000")
    bare.trade(market("out", Side.SELL, "0.01998", reduce_only=True))
    bare.tick()
    bare.names = {"one": ETHER}
    bare.enrol(daily_loss_quote_max="50").restart()
    bare.trade(market("more", Side.BUY, "0.1", symbol=ETHER))
    assert [each["intent_key"] for each in bare.orders()] == ["in", "out"]
    assert bare.bot()["breaker_day"] == bare.desk.exchange.now().date()


def test_drawdown__stops_new_risk_whatever_is_restarted_until_an_operator_resets(bare: Rig) -> None:
    bare.enrol(drawdown_quote_max="50").start()
    bare.trade(market("in", Side.BUY, "0.1"))
    bare.set_price("52000")
    bare.tick()
    remembering.save_all(bare.desk)
    bare.set_price("51000")
    bare.trade(market("more", Side.BUY, "0.01"))
    bare.restart()
    bare.trade(market("again", Side.BUY, "0.01"))
    bare.trade(market("out", Side.SELL, "0.05"))
    assert [each["intent_key"] for each in bare.orders()] == ["in", "out"]
    assert bare.obey("reset", "one")[0] == "done"
    bare.trade(market("anew", Side.BUY, "0.01"))
    assert [each["intent_key"] for each in bare.orders()] == ["in", "out", "anew"]


def test_cooldown__counts_from_the_last_order_also_after_a_restart(bare: Rig) -> None:
    bare.enrol(cooldown_seconds="30").start()
    bare.trade(market("first", Side.BUY, "0.01"))
    bare.trade(market("soon", Side.BUY, "0.01"))
    bare.restart()
    bare.trade(market("soon", Side.BUY, "0.01"))
    assert [each["intent_key"] for each in bare.orders()] == ["first"]
    bare.pass_time(31)
    bare.restart()
    bare.trade(market("later", Side.BUY, "0.01"))
    assert [each["intent_key"] for each in bare.orders()] == ["first", "later"]


def test_risk__of_one_bot_is_not_charged_to_its_neighbour(bare: Rig) -> None:
    bare.names = {"one": "BTC/USDT", "two": "BTC/USDT"}
    bare.enrol(position_quote_max="1500").start()
    for bot in ("one", "two"):
        bare.trade(market(f"of {bot}", Side.BUY, "0.02"), bot=bot)
    bare.tick()
    held = [bare.position(bot) for bot in ("one", "two")]
    assert held[0] == held[1] > Decimal("0.0199")
    assert bare.differences() == []
