"""A strategy is foreign code: whatever it raises or answers halts its own bot with a sentence, and nobody else."""

from decimal import Decimal
from typing import Any

import pytest

from runtime.domain.decision import Decision, Memory, Proposal, View
from runtime.domain.order import Kind, Side
from tests.engine.rig import BITCOIN, ETHER, PERPETUAL, Play, Rig, market, proposes

NEIGHBOUR = market("neighbour", Side.BUY, "0.1", symbol=ETHER)


def _raises(error: BaseException) -> Play:
    def play(view: View, memory: Memory) -> Decision:
        raise error

    return play


def _answers(answer: object) -> Play:
    return lambda view, memory: answer


def _buys(quantity: Any, price: Any = Decimal(45_000), *, symbol: Any = BITCOIN, key: Any = "key") -> Play:
    return proposes(Proposal(key, symbol, Side.BUY, quantity, Kind.LIMIT, price))


SOME = Decimal("0.01")
NONSENSE: dict[str, tuple[Play, str]] = {
    "it raises": (_raises(ZeroDivisionError("secret words")), "it raised ZeroDivisionError"),
    "it recurses": (_raises(RecursionError()), "it raised RecursionError"),
    "it answers nothing": (_answers(None), "answered NoneType"),
    "it answers a table": (_answers({"proposals": []}), "answered dict"),
    "its proposals are a list": (_answers(Decision([])), "are a list"),  # type: ignore[arg-type]
    "it proposes a text": (_answers(Decision(("buy",))), "a str"),  # type: ignore[arg-type]
    "a quantity is no number": (_buys(Decimal("NaN")), "quantity"),
    "a quantity is endless": (_buys(Decimal("Infinity")), "quantity"),
    "a quantity is negative": (_buys(Decimal("-0.01")), "above zero"),
    "a quantity is zero": (_buys(Decimal(0)), "above zero"),
    "a quantity is a float": (_buys(0.01), "a float, not a Decimal"),
    "a quantity is no multiple of the step": (_buys(Decimal("0.0100000001")), "multiple"),
    "a quantity is below the minimum": (_buys(Decimal("0.000001")), "minimum"),
    "a price is no number": (_buys(SOME, Decimal("sNaN")), "price"),
    "a price is not on the tick": (_buys(SOME, Decimal("45000.001")), "multiple"),
    "a limit order has no price": (_buys(SOME, None), "price"),
    "a market order has a price": (
        proposes(Proposal("key", BITCOIN, Side.BUY, SOME, Kind.MARKET, Decimal(45_000))),
        "carries the price",
    ),
    "the symbol is its neighbour's": (_buys(SOME, symbol=ETHER), "may not trade"),
    "the symbol is nobody's": (_buys(SOME, symbol=PERPETUAL), "may not trade"),
    "the side is a text": (
        proposes(Proposal("key", BITCOIN, "buy", SOME)),  # type: ignore[arg-type]
        "side",
    ),
    "the key is empty": (_buys(SOME, key=""), "key"),
    "the key holds a NUL": (_buys(SOME, key="a\0b"), "key"),
    "a key stands twice": (
        proposes(market("key", Side.BUY, "0.01"), market("key", Side.BUY, "0.02")),
        "twice",
    ),
    "a cancel is no id": (_answers(Decision(cancels=(7,))), "cancels"),  # type: ignore[arg-type]
    "its memory holds a float": (_answers(Decision(memory={"x": 0.5})), "memory"),  # type: ignore[dict-item]
    "its note holds a NUL": (_answers(Decision(note="a\0b")), "note"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense__halts_its_own_bot_with_a_sentence_and_no_other(rig: Rig, name: str) -> None:
    play, said = NONSENSE[name]
    rig.plays.update(one=play, two=proposes(NEIGHBOUR))
    rig.tick(2)
    halted = rig.bot("one")
    assert halted["state"] == "halted"
    assert said in halted["state_reason"]
    assert "secret words" not in halted["state_reason"]
    assert [(each["intent_key"], each["status"]) for each in rig.orders()] == [("neighbour", "filled")]
    assert (rig.sends(), rig.bot("two")["state"], rig.bot("two")["ticks"]) == (1, "running", 2)


def test_nonsense__a_sound_proposal_beside_it_is_not_sent_either(rig: Rig) -> None:
    rig.plays["one"] = proposes(market("sound", Side.BUY, "0.01"), market("unsound", Side.BUY, "-1"))
    rig.tick()
    assert (rig.sends(), rig.orders()) == (0, [])


def test_nonsense__a_halted_bot_stays_halted_after_a_restart_and_trades_when_it_is_resumed(rig: Rig) -> None:
    rig.plays["one"] = _raises(ValueError())
    rig.tick()
    rig.plays["one"] = proposes(market("sound", Side.BUY, "0.01"))
    rig.restart()
    rig.tick()
    assert (rig.bot()["state"], rig.sends()) == ("halted", 0)
    assert rig.obey("resume", "one")[0] == "done"
    assert (rig.bot()["state"], rig.sends()) == ("running", 1)


def test_nonsense__an_interrupt_inside_a_strategy_is_not_taken_for_its_fault(rig: Rig) -> None:
    rig.plays["one"] = _raises(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        rig.tick()
    assert rig.bot()["state"] == "running"


def test_nonsense__a_bot_that_cannot_be_built_is_halted_and_its_neighbour_recovers(rig: Rig) -> None:
    rig.database.rows("update bots set limits = '{}' where name = 'one'")
    rig.restart()
    rig.tick()
    assert rig.bot("one")["state"] == "halted"
    assert "order_quote_max" in rig.bot("one")["state_reason"]
    assert rig.bot("two")["ticks"] == 1
