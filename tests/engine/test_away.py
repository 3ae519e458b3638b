"""PostgreSQL is away and exits may leave: which do, which wait, and how they come back into the ledger.

`away.turn` never asks PostgreSQL, so most of this can be seen while it is there; that it works without one is seen in
test_store_lost and, with a kill at every line, in the suite `away` of tests/crash.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from runtime import errors
from runtime.domain.decision import Proposal
from runtime.domain.market import MarketKind
from runtime.domain.order import Side
from runtime.engine import away, recovery
from runtime.spool.exits import Exits
from tests.engine.rig import BITCOIN, PERPETUAL, Rig, limit, market, proposes

FOREIGN: dict[MarketKind, dict[str, str]] = {
    MarketKind.SPOT: {},
    MarketKind.LINEAR: {"product": "mix", "marginMode": "crossed", "marginCoin": "USDT"},
}
SYMBOLS = {MarketKind.SPOT: BITCOIN, MarketKind.LINEAR: PERPETUAL}


@pytest.fixture
def rig(bare: Rig) -> Rig:
    """Not enrolled before the test says what for."""
    return bare


@pytest.fixture(params=list(MarketKind), ids=str)
def symbol(request: pytest.FixtureRequest, rig: Rig) -> str:
    rig.kind = request.param
    return SYMBOLS[rig.kind]


@pytest.fixture
def exits(tmp_path: Path) -> Exits:
    return Exits(tmp_path / "exits", epoch=1, may_leave=True)


def holding(rig: Rig, exits: Exits, symbol: str) -> Rig:
    """A desk that may let exits out, and whose bot `one` holds 0.01, less the fee."""
    rig.names = {"one": symbol}
    rig.enrol()
    rig.start()
    rig.desk.exits = exits
    rig.trade(market("in", Side.BUY, "0.01", symbol=symbol))
    rig.tick()
    assert rig.position() > Decimal("0.0099")
    return rig


def look(rig: Rig, *proposals: Proposal) -> int:
    """How many orders left in two turns without PostgreSQL."""
    before = rig.sends()
    rig.plays["one"] = proposes(*proposals)
    away.turn(rig.desk)
    away.turn(rig.desk)
    return rig.sends() - before


def out(symbol: str, quantity: str = "0.009", key: str = "out") -> Proposal:
    return market(key, Side.SELL, quantity, symbol=symbol)


def test_exit__leaves_once_and_comes_back_into_the_ledger(rig: Rig, exits: Exits, symbol: str) -> None:
    holding(rig, exits, symbol)
    assert look(rig, out(symbol)) == 1
    assert [order["intent_key"] for order in rig.orders()] == ["in"]
    report = recovery.recover(rig.desk)
    assert report.brought_back == 1
    assert rig.path("out") == ["pending", "unknown", "submitted", "filled"]
    assert rig.position() < Decimal("0.0011")
    assert rig.differences() == []
    assert exits.waiting() == []
    assert recovery.recover(rig.desk).brought_back == 0


def test_exit__of_a_perpetual_is_one_for_the_venue_too(rig: Rig, exits: Exits) -> None:
    rig.kind = MarketKind.LINEAR
    holding(rig, exits, PERPETUAL)
    assert look(rig, out(PERPETUAL)) == 1
    assert rig.at_venue()[-1]["reduce_only"] in (True, "YES", 1)


def test_exit__that_was_written_into_the_ledger_before_is_not_written_twice(rig: Rig, exits: Exits) -> None:
    holding(rig, exits, BITCOIN)
    assert look(rig, out(BITCOIN)) == 1
    [intent] = exits.waiting()
    rig.desk.ledger.record_intents(intent.bot_id, [intent], memory=None, trigger_reason="cut short")
    assert recovery.recover(rig.desk).brought_back == 0
    assert rig.path("out") == ["pending", "unknown", "submitted", "filled"]
    assert rig.sends() == 2
    assert rig.differences() == []


def test_exit__that_never_arrived_is_proved_absent_and_decided_anew(rig: Rig, exits: Exits) -> None:
    holding(rig, exits, BITCOIN)
    rig.fault("drop_before")
    assert look(rig, out(BITCOIN)) == 1
    rig.pass_time()
    recovery.recover(rig.desk)
    assert rig.path("out") == ["pending", "unknown", "failed"]
    assert rig.position() > Decimal("0.0099")
    rig.trade(out(BITCOIN, key="out again"))
    rig.tick()
    assert rig.position() < Decimal("0.0011")


def test_memory__of_the_bot_stays_what_the_ledger_has(rig: Rig, exits: Exits) -> None:
    holding(rig, exits, BITCOIN)
    rig.desk.bots[0].memory = {"told": "the ledger"}
    rig.tick()
    look(rig, out(BITCOIN))
    recovery.recover(rig.desk)
    assert rig.bot()["memory"] == {"told": "the ledger"}


def test_new_risk__and_more_than_an_exit_does_not_leave(rig: Rig, exits: Exits, symbol: str) -> None:
    holding(rig, exits, symbol)
    assert look(rig, market("more", Side.BUY, "0.01", symbol=symbol)) == 0
    assert look(rig, out(symbol, "0.02")) == 0
    assert exits.waiting() == []


def test_exit__waits_where_an_order_of_its_symbol_is_open(
    rig: Rig, exits: Exits, caplog: pytest.LogCaptureFixture
) -> None:
    holding(rig, exits, BITCOIN)
    rig.trade(limit("rests", Side.BUY, "0.01", "45000"))
    assert look(rig, out(BITCOIN)) == 0
    assert "an order of this symbol is not settled" in _doubts(caplog)


def test_exit__waits_where_the_commit_of_an_intent_was_not_confirmed(
    rig: Rig, exits: Exits, caplog: pytest.LogCaptureFixture
) -> None:
    holding(rig, exits, BITCOIN)
    rig.plays["one"] = proposes(out(BITCOIN, "0.005", key="half"))
    rig.database.rows("alter table orders add constraint cut_short check (intent_key <> 'half')")
    with pytest.raises(errors.BrokenInvariant):
        rig.tick()
    rig.database.rows("alter table orders drop constraint cut_short")
    assert look(rig, out(BITCOIN)) == 0
    assert "an order of this symbol is not settled" in _doubts(caplog)
    recovery.recover(rig.desk)
    assert look(rig, out(BITCOIN)) == 1


def test_exit__waits_where_the_venue_shows_another_holding(
    rig: Rig, exits: Exits, symbol: str, caplog: pytest.LogCaptureFixture
) -> None:
    holding(rig, exits, symbol)
    placed = rig.place_foreign(**FOREIGN[rig.kind])
    rig.venue.control("fill", {"order_id": placed})
    assert look(rig, out(symbol)) == 0
    assert "the venue shows another holding than the ledger knew" in _doubts(caplog)


def test_exit__does_not_leave_on_an_unclean_account(
    rig: Rig, exits: Exits, caplog: pytest.LogCaptureFixture
) -> None:
    holding(rig, exits, BITCOIN)
    rig.desk.unclean = ("something does not add up",)
    assert look(rig, out(BITCOIN)) == 0
    assert "an order of this symbol is UNKNOWN or the account is unclean" in _doubts(caplog)


def test_exit__does_not_leave_once_the_lease_is_too_short(
    rig: Rig, exits: Exits, monkeypatch: pytest.MonkeyPatch
) -> None:
    holding(rig, exits, BITCOIN)
    monkeypatch.setattr(rig.desk.lease, "_deadline", 0.0)
    assert look(rig, out(BITCOIN)) == 0
    assert exits.waiting() == []


def test_exit__that_cannot_be_kept_is_not_sent(
    rig: Rig, exits: Exits, caplog: pytest.LogCaptureFixture
) -> None:
    holding(rig, exits, BITCOIN)
    exits.folder.write_text("a file where the folder should be")
    assert look(rig, out(BITCOIN)) == 0
    assert "an exit is not sent: it cannot be kept" in caplog.text


def test_exit__does_not_leave_where_it_is_not_wished(rig: Rig, exits: Exits) -> None:
    exits.may_leave = False
    holding(rig, exits, BITCOIN)
    assert look(rig, out(BITCOIN)) == 0


def test_strategy__that_raises_meanwhile_sends_nothing_and_is_halted_later(rig: Rig, exits: Exits) -> None:
    holding(rig, exits, BITCOIN)
    rig.plays["one"] = lambda view, memory: 1 / 0
    before = rig.sends()
    away.turn(rig.desk)
    assert rig.sends() == before
    rig.tick()
    assert rig.bot()["state"] == "halted"


def _doubts(caplog: pytest.LogCaptureFixture) -> list[str]:
    waits = [each for each in caplog.records if each.getMessage() == "an exit waits for PostgreSQL"]
    return [vars(each)["facts"]["detail"] for each in waits]
