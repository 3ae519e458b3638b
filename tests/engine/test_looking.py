"""What an operator asks from the command line: check-account, repair, verify, status and command, with their codes."""

from collections.abc import Callable

import pytest

from runtime.__main__ import main
from runtime.domain.order import Side
from runtime.engine import sending
from tests.engine.desk_process import settings_for
from tests.engine.rig import Rig, limit, market

RESTS = limit("rests", Side.BUY, "0.02", "45000")
TAKES = market("takes", Side.BUY, "0.02")

Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def ask(bare: Rig, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run the program in this process: its exit code, and all that it printed."""
    settings = settings_for(bare.database.url("holdfast_bot"), bare.venue)

    def run(*argv: str, **changes: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main([*argv], {**settings, **changes})
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def _end(rig: Rig) -> None:
    """The desk that the test began with has left."""
    rig.leave()
    rig.desk.lease.release()


def test_check_account__finds_nothing_on_a_clean_one(rig: Rig, ask: Ask) -> None:
    _enrol_real_strategies(rig)
    rig.trade(TAKES)
    rig.tick()
    assert ask("check-account") == (0, "desk: 0 finding(s)\n")


def test_check_account__names_what_differs_changes_nothing_and_leaves_with_4(rig: Rig, ask: Ask) -> None:
    _enrol_real_strategies(rig)
    rig.trade(RESTS)
    rig.fill()
    foreign = rig.place_foreign()
    before = rig.database.rows("select count(*) from order_events"), rig.statuses()
    code, said = ask("check-account")
    assert code == 4
    assert "prove: the ledger says submitted with " in said
    assert "the venue filled with 0.02 filled" in said
    assert "quarantine: an order that is not ours: buy 0.01 BTC/USDT at 45000" in said
    assert (rig.database.rows("select count(*) from order_events"), rig.statuses()) == before
    assert foreign in {each["order_id"] for each in rig.at_venue() if each["status"] == "live"}
    assert rig.database.rows("select * from quarantine") == []


def test_repair__takes_the_lease_proves_what_can_be_proved_and_sends_nothing(rig: Rig, ask: Ask) -> None:
    _enrol_real_strategies(rig)
    desk = rig.desk
    [(intent, _)] = sending.write_down(desk, desk.bots[0], [TAKES], trigger_reason="test")
    desk.exchange.submit(intent)
    assert ask("repair")[0] == 12
    _end(rig)
    code, said = ask("repair")
    assert (code, said.startswith("desk: 1 proved, 0 unknown, 0 newly quarantined; clean")) == (0, True)
    assert (rig.statuses(), rig.sends()) == (["filled"], 1)
    assert rig.database.rows("select released_at is not null from leases") == [(True,)]


def test_repair__leaves_with_4_while_something_is_unproved(rig: Rig, ask: Ask) -> None:
    _enrol_real_strategies(rig)
    sending.write_down(rig.desk, rig.desk.bots[0], [RESTS], trigger_reason="test")
    _end(rig)
    code, said = ask("repair")
    assert code == 4
    assert "1 unknown" in said
    rig.pass_time()
    assert ask("repair")[0] == 0
    assert rig.statuses() == ["failed"]


def _enrol_real_strategies(rig: Rig) -> None:
    """`check-account` and `repair` build the bots as the product does: by a strategy of the catalogue."""
    rig.database.rows("update bots set strategy = 'momentum'")


TAMPERINGS = {
    "alter table order_events disable trigger user; update order_events set detail = '{}' where sequence = 1": (
        "order event 1 was changed"
    ),
    "alter table order_events disable trigger user; delete from order_events where sequence = 2": (
        "order event 3 follows 1: events between them are missing"
    ),
    "update positions set quantity = quantity * 2": "the position of bot",
    "update trades set fees = fees + 1": "the trades of bot",
    "alter table orders disable trigger user; update orders set filled_quantity = quantity / 2, status = 'cancelled'": (
        "its fills add up to"
    ),
    "alter table fills disable trigger user; update fills set price = price + 1": "the position of bot",
}


@pytest.mark.parametrize("statement", TAMPERINGS, ids=lambda statement: statement.rpartition(";")[2][:40])
def test_verify__finds_rows_that_were_tampered_with(rig: Rig, ask: Ask, statement: str) -> None:
    rig.trade(TAKES)
    rig.tick()
    assert ask("verify") == (0, "desk: 0 difference(s)\n")
    for each in statement.split("; "):
        rig.database.rows(each)
    code, said = ask("verify")
    assert code == 4
    assert TAMPERINGS[statement] in said
    assert "NotAllWell: " in said


def test_status__is_0_while_the_desk_ticks_and_4_when_it_has_left(rig: Rig, ask: Ask) -> None:
    assert ask("status")[0] == 4  # it has not ticked yet
    rig.tick()
    assert ask("status")[0] == 0
    assert ask("status", "--json") == (0, '{"healthy": true, "faults": []}\n')
    _end(rig)
    code, said = ask("status", "--json")
    assert code == 4
    assert "is dead" in said or "not held" in said


def test_status__is_4_for_a_halted_bot_and_for_a_tick_that_is_too_old(rig: Rig, ask: Ask) -> None:
    rig.plays["one"] = lambda view, memory: None
    rig.tick()
    assert ask("status")[0] == 4
    rig.plays.clear()
    rig.obey("resume", "one")
    assert ask("status")[0] == 0
    rig.database.rows("update leases set ticked_at = ticked_at - interval '1 hour'")
    rig.database.rows("update bots set ticked_at = ticked_at - interval '1 hour'")
    assert ask("status")[0] == 4


def test_command__from_the_command_line_reaches_the_desk_once(rig: Rig, ask: Ask) -> None:
    code, said = ask("command", "pause", "--bot", "one", "--reason", "lunch", "--key", "k")
    assert (code, said.startswith("Recorded pause as ")) == (0, True)
    assert ask("command", "pause", "--bot", "one", "--key", "k") == (
        0,
        "'k' was recorded before; nothing is done.\n",
    )
    rig.tick()
    assert rig.bot()["state_reason"] == "lunch"
    code, said = ask("command", "pause", "--bot", "nobody")
    assert (code, said) == (
        3,
        "InvalidCommand: The command pause cannot be carried out: desk has no bot 'nobody'.\n",
    )
