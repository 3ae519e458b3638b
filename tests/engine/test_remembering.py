"""What components remember survives kills to the byte, is told of every trade once, and falls back where damaged."""

import signal
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from runtime import errors
from runtime.domain.order import Side
from runtime.engine import recovery, remembering
from runtime.engine.desk import Bot
from runtime.learning.memory import Saved
from runtime.learning.risk_keeper import RiskKeeper
from runtime.local import processes
from runtime.telemetry import table
from tests.database import Database
from tests.engine.desk_process import enrol_ladder, running
from tests.engine.rig import PACE, Rig, market

ALWAYS = replace(PACE, remember_seconds=0)
NEWEST = (
    "select distinct on (bot_id, component) component, version, body, digest, epoch from component_states"
    " order by bot_id, component, version desc"
)


def bot_of(rig: Rig, name: str = "one") -> Bot:
    return next(bot for bot in rig.desk.bots if bot.name == name)


def round_trip(rig: Rig, key: str) -> None:
    """A trade that opens and closes; the tick after it tells the components."""
    rig.trade(market(f"{key} in", Side.BUY, "0.01"))
    rig.tick()
    rig.trade(market(f"{key} out", Side.SELL, "0.00999", reduce_only=True))
    rig.tick()


def newest(database: Database) -> dict[str, tuple[int, bytes]]:
    return {name: (version, bytes(body)) for name, version, body, *_ in database.rows(NEWEST)}


def saved_by(bot: Bot) -> dict[str, bytes]:
    return {each.component.name: each.component.save().body for each in bot.remembered}


def trades_over(rig: Rig) -> int:
    return int(rig.database.rows("select count(*) from trades where closed_at is not null")[0][0])


# --- coming back ---------------------------------------------------------------------------------------------------


def test_trades__are_told_once_each_and_come_back_after_a_restart(rig: Rig) -> None:
    round_trip(rig, "first")
    round_trip(rig, "second")
    keeper = bot_of(rig).keeper
    over = trades_over(rig)
    assert over == 2
    assert len(keeper.recent) == over
    assert keeper.gained - keeper.lost == sum(keeper.recent)
    before = saved_by(bot_of(rig))["risk_keeper"]
    rig.restart()
    assert saved_by(bot_of(rig))["risk_keeper"] == before
    assert any("one: risk_keeper is back as version" in each for each in rig.report.remembered)


def test_trades__that_closed_after_the_last_save_are_told_at_the_next_start(rig: Rig) -> None:
    round_trip(rig, "first")
    remembering.save_all(rig.desk)
    rig.database.rows("create table kept as select * from component_states")
    round_trip(rig, "second")
    expected = list(bot_of(rig).keeper.recent)
    # As if the process had died before it saved again.
    rig.database.rows("delete from component_states")
    rig.database.rows("insert into component_states select * from kept")
    rig.restart()
    assert list(bot_of(rig).keeper.recent) == expected
    assert len(expected) == 2


def test_trade__dated_ahead_of_the_clock_begins_no_day_that_has_not_come(rig: Rig) -> None:
    round_trip(rig, "first")
    rig.database.rows("delete from component_states")
    rig.database.rows("update trades set closed_at = closed_at + interval '2 days'")
    rig.restart()
    assert bot_of(rig).keeper.day == rig.desk.exchange.now().date()
    assert len(bot_of(rig).keeper.recent) == 1


def test_peak__and_drawdown_outlive_the_process(bare: Rig) -> None:
    bare.pace = ALWAYS
    bare.enrol().start()
    bare.trade(market("in", Side.BUY, "0.1"))
    bare.set_price("52000")
    bare.tick()
    bare.set_price("51000")
    bare.tick()
    drawdown = bot_of(bare).keeper.drawdown
    assert drawdown == pytest.approx(Decimal(100), abs=Decimal(1))
    bare.restart()
    assert bot_of(bare).keeper.drawdown == drawdown
    bare.tick()
    assert bot_of(bare).keeper.drawdown == drawdown


def test_kill__leaves_each_component_as_it_was_saved_last(bare: Rig, tmp_path: Path) -> None:
    """A desk of the product that saves all the time is killed, wherever it happens to stand, again and again."""
    enrol_ladder(bare.database)
    reached = 0
    for turn in range(4):
        wanted = reached + 3 + turn

        def saved_enough(number: int = wanted) -> bool:
            return newest(bare.database).get("analytics", (0, b""))[0] >= number

        with running(tmp_path / f"desk-{turn}", bare, HOLDFAST_REMEMBER_SECONDS="0.1") as desk:
            assert processes.wait_until(saved_enough, seconds_max=40), (desk.events(), desk.complaint)
            desk.kill()
            heard = {each["component"]: each["version"] for each in desk.events("component is back")}
        assert (heard.get("analytics", 0) > 0) == (turn > 0)
        left = newest(bare.database)
        bare.desk = bare.build()
        said = recovery.recover(bare.desk).remembered
        assert saved_by(bot_of(bare, "ladder")) == {name: body for name, (_, body) in left.items()}
        assert len(said) == len(left)
        assert all(each.endswith(" s ago") for each in said)
        bare.leave()
        bare.database.rows("update leases set released_at = clock_timestamp()")
        reached = left["analytics"][0]


def test_shutdown__saves_what_was_not_saved_yet(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    with running(tmp_path / "desk", bare, HOLDFAST_REMEMBER_SECONDS="86400") as desk:
        assert processes.wait_until(lambda: bare.bot("ladder")["ticks"] > 2, seconds_max=40), desk.complaint
        assert newest(bare.database) == {}
        desk.send(signal.SIGTERM)
        assert desk.await_end() == 0
    assert {*newest(bare.database)} == {"risk_keeper", "analytics"}


# --- damage --------------------------------------------------------------------------------------------------------

DAMAGES = {
    "a bit of the body": "body = set_byte(body, 3, get_byte(body, 3) # 1)",
    "nothing is left of it": "body = ''::bytea",
    "a shape from the future": "shape = 99",
    "not what it writes": "body = '[1]'::bytea, digest = sha256('[1]'::bytea)",
    "another codec": "codec = 'raw'",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_save__falls_back_to_the_one_before_and_catches_up(rig: Rig, damage: str) -> None:
    round_trip(rig, "first")
    remembering.save_all(rig.desk)
    round_trip(rig, "second")
    remembering.save_all(rig.desk)
    before = saved_by(bot_of(rig))["risk_keeper"]
    version = newest(rig.database)["risk_keeper"][0]
    rig.database.rows(
        f"update component_states set {damage} where component = 'risk_keeper' and version = %s"
        " and bot_id = %s",
        (version, rig.bot_id()),
    )
    rig.restart()
    assert rig.desk.meters.values()[table.CHECKSUM_FAILURES] == {(): 1}
    assert len(bot_of(rig).keeper.recent) == 2
    rig.tick()  # now it knows again what the bot is worth, too
    assert saved_by(bot_of(rig))["risk_keeper"] == before


def test_component__that_raises_while_it_loads_halts_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_trip(rig, "first")

    def explode(_: RiskKeeper, __: Saved) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(RiskKeeper, "load", explode)
    rig.restart()
    assert any("risk_keeper begins anew" in each for each in rig.report.remembered)
    assert len(bot_of(rig).keeper.recent) == 1
    rig.tick()
    assert rig.bot()["state"] == "running"


# --- saving --------------------------------------------------------------------------------------------------------


def test_save__that_fails_is_counted_and_trading_goes_on(rig: Rig) -> None:
    rig.database.rows("revoke insert on component_states from holdfast_bot")
    round_trip(rig, "first")
    assert rig.desk.meters.values()[table.SAVES_FAILED][()] > 0
    assert newest(rig.database) == {}
    rig.database.rows("grant insert on component_states to holdfast_bot")
    remembering.save_all(rig.desk)
    assert newest(rig.database)["risk_keeper"][1] == saved_by(bot_of(rig))["risk_keeper"]
    assert trades_over(rig) == 1


def test_save__of_a_holder_that_lost_its_lease_is_refused(rig: Rig) -> None:
    remembering.save_all(rig.desk)
    before = rig.database.rows(NEWEST)
    rig.database.rows("update leases set epoch = epoch + 1")
    bot_of(rig).keeper.wins += 1
    with pytest.raises(errors.LeaseLost):
        remembering.save_all(rig.desk)
    assert rig.database.rows(NEWEST) == before


def test_save__keeps_the_last_few_and_writes_nothing_that_is_there(bare: Rig) -> None:
    bare.pace = replace(PACE, remember_versions=3)
    bare.enrol().start()
    for wins in range(7):
        bot_of(bare).keeper.wins = wins
        remembering.save_all(bare.desk)
        remembering.save_all(bare.desk)
    kept = bare.database.rows(
        "select version from component_states where component = 'risk_keeper' and bot_id = %s order by version",
        (bare.bot_id(),),
    )
    assert kept == [(5,), (6,), (7,)]


def test_reset__begins_anew_and_tells_no_old_trade_again(rig: Rig) -> None:
    round_trip(rig, "first")
    assert bot_of(rig).keeper.recent
    assert rig.obey("reset", "one")[0] == "done"
    for _ in range(2):
        assert list(bot_of(rig).keeper.recent) == []
        rig.restart()
    round_trip(rig, "second")
    assert len(bot_of(rig).keeper.recent) == 1
