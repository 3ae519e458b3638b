"""A bot learns from its own signals, holds back what seems likely to lose, and has its model again after any kill."""

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from runtime import errors
from runtime.artefacts.places import Folder
from runtime.domain.decision import Proposal
from runtime.domain.order import Side
from runtime.engine import recovery, training
from runtime.engine.desk import Bot, Learner
from runtime.engine.flushing import Flusher
from runtime.engine.keeping import Observer
from runtime.learning.models import EXAMPLES_MAX
from runtime.spool.spool import Spool
from runtime.telemetry import table
from tests.engine.desk_process import environment
from tests.engine.rig import BITCOIN, PRICE, Rig, limit, market
from tests.venue import ROOT

NAME = "ml:one:gate"
GATE = {"probability_min": "0.4", "examples_min": 40, "retrain_every": 20}
DEAR, CHEAP = PRICE * Decimal("1.05"), PRICE * Decimal("0.95")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def gated(bare: Rig, tmp_path: Path) -> Iterator[Rig]:
    """A bot with a gate and forty signals behind it, of which those with the trend won; not started yet."""
    bare.enrol(cooldown_seconds="0", order_quote_max="1000")
    bare.database.rows("update bots set parameters = %s where name = 'one'", (Jsonb({"gate": GATE}),))
    insert_signals(bare, 40)
    yield bare
    if hasattr(bare, "desk") and bare.desk.observer is not None:
        bare.desk.observer.close()


def insert_signals(rig: Rig, count: int, *, seed: int = 7) -> None:
    """Signals that ended, as the desk leaves them."""
    dice, first = random.Random(seed), len(rig.database.rows("select 1 from phantoms"))
    for number in range(first, first + count):
        trend = dice.gauss(0, 1)
        won = trend + dice.gauss(0, 0.3) > 0
        at = LONG_AGO + timedelta(minutes=number)
        row = {
            "user_id": rig.store.tenant,
            "phantom_id": uuid4(),
            "bot_id": rig.bot_id(),
            "at": at,
            "symbol": BITCOIN,
            "strategy": "one",
            "side": "buy",
            "executed": True,
            "reason": "",
            "opened_price": PRICE,
            "features": Jsonb({"trend": trend, "note": "up"}),
            "closed_at": at + timedelta(minutes=5),
            "closed_price": DEAR if won else CHEAP,
            "outcome": "won" if won else "lost",
            "result": Decimal("0.05") if won else Decimal("-0.05"),
        }
        places = ", ".join(["%s"] * len(row))
        rig.database.rows(f"insert into phantoms ({', '.join(row)}) values ({places})", list(row.values()))


def start(rig: Rig, folder: Path, *, inline: int = 1 << 20) -> recovery.Report:
    """As a process does: the spool and the artefacts first, then recovery."""
    if hasattr(rig, "desk"):
        if rig.desk.observer is not None:
            rig.desk.observer.close()
        rig.leave()
        rig.database.rows("update leases set released_at = clock_timestamp()")
    rig.pace = replace(rig.pace, artefact_inline_bytes_max=inline)
    rig.desk = rig.build()
    rig.desk.artefacts = Folder(folder / "artefacts", str(rig.store.tenant))
    rig.desk.observer = Observer(lambda: Spool(folder / "spool"), rig.desk.meters)
    rig.desk.observer.open()
    rig.report = recovery.recover(rig.desk)
    return rig.report


def bot_of(rig: Rig) -> Bot:
    return next(bot for bot in rig.desk.bots if bot.name == "one")


def learner_of(rig: Rig) -> Learner:
    learner = bot_of(rig).learner
    assert learner is not None
    return learner


def used_bytes(rig: Rig) -> bytes | None:
    used = learner_of(rig).used
    return used.model.save().body if used else None


def versions(rig: Rig) -> list[tuple[int, bool, int | None]]:
    return list(rig.database.rows("select version, promoted, previous from models order by version"))


def flush(rig: Rig) -> None:
    assert rig.desk.observer is not None
    Flusher(rig.desk.observer, rig.store, rig.account_id).flush()


def train_again(rig: Rig) -> None:
    """As if as many more signals had ended as it takes, each like those before."""
    insert_signals(rig, GATE["retrain_every"], seed=len(versions(rig)) + 100)  # type: ignore[arg-type]
    assert rig.desk.observer is not None
    rig.desk.observer.ended[rig.bot_id()] += 20
    rig.tick()


def signal(key: str, trend: object, side: Side = Side.BUY) -> Proposal:
    return replace(limit(key, side, "0.01", "45000"), features={"trend": trend})


# --- learning and judging --------------------------------------------------------------------------------------------


def test_training__begins_when_enough_signals_ended_and_uses_what_is_better(
    gated: Rig, tmp_path: Path
) -> None:
    start(gated, tmp_path)
    assert (learner_of(gated).judged, learner_of(gated).seen, learner_of(gated).used) == (40, None, None)
    gated.tick()
    assert versions(gated) == [(1, True, None)]
    ((body, digest_fits, size, seen, metrics),) = gated.database.rows(
        "select body, sha256(body) = digest, training_size, examples_seen, metrics from models"
        " join artefacts using (digest)"
    )
    assert (bytes(body), digest_fits, size, seen) == (used_bytes(gated), True, 30, 40)
    assert metrics["log_loss"] < metrics["base_log_loss"]
    gated.tick(3)
    assert len(versions(gated)) == 1, "not again before twenty more have ended"
    assert training.retraining(learner_of(gated)).until_next == 20
    assert sum(gated.desk.meters.durations()[table.TRAIN_SECONDS][0]) == 1


def test_gate__holds_back_what_seems_likely_to_lose_and_foretells_all(gated: Rig, tmp_path: Path) -> None:
    start(gated, tmp_path)
    gated.tick()
    gated.trade(signal("rising", 2), signal("falling", -2), market("too large", Side.SELL, "1"))
    flush(gated)
    rows = gated.database.rows(
        "select cause_key, executed, reason, direction, confidence > 0.5, model, predictions.price = opened_price"
        " from phantoms left join predictions on prediction_id = phantom_id where cause_key is not null"
        " order by cause_key"
    )
    (falling, rising, large) = rows
    assert rising == ("rising", True, "", "up", True, f"{NAME}@1", True)
    assert falling[:2] == ("falling", False)
    assert falling[2].startswith(f"gate: {NAME}@1 gives it 0.")
    assert falling[2].endswith(" of winning, the least is 0.4")
    assert falling[3:6] == ("down", True, f"{NAME}@1")
    # It has no trend of its own: it is taken for an average one, and then a limit forbids it.
    assert large[2].startswith("order_quote_max")
    assert large[5] == f"{NAME}@1"
    counts = dict(gated.database.rows("select reason, count from blocked_signals"))
    assert counts["gate"] == 1
    gated.set_price(DEAR)
    gated.tick()
    ends = gated.database.rows(
        "select cause_key, predictions.outcome, outcome_price = closed_price, resolved_at = closed_at from phantoms"
        " join predictions on prediction_id = phantom_id order by cause_key"
    )
    assert ends[:2] == [("falling", "wrong", True, True), ("rising", "right", True, True)]


def test_gate__holds_no_exit_back(gated: Rig, tmp_path: Path) -> None:
    gated.database.rows(
        "update bots set parameters = %s where name = 'one'",
        (Jsonb({"gate": {**GATE, "probability_min": "1"}}),),
    )
    start(gated, tmp_path)
    gated.trade(market("in", Side.BUY, "0.01"))
    gated.tick()
    assert learner_of(gated).used is not None
    held = gated.position()
    assert held > 0
    assert gated.trade(signal("in again", 5))["intent_key"] == "in", "nothing is certain to win"
    gated.trade(market("half", Side.SELL, "0.004"), market("out", Side.SELL, "0.005", reduce_only=True))
    gated.tick()
    assert gated.position() < held - Decimal("0.008")


def test_training__counts_the_signals_that_end_while_it_lives(gated: Rig, tmp_path: Path) -> None:
    start(gated, tmp_path)
    gated.tick()
    gated.trade(signal("rising", 2))
    flush(gated)
    before = learner_of(gated).judged
    gated.set_price(DEAR)
    gated.tick(2)
    assert learner_of(gated).judged == before + 1
    assert training.retraining(learner_of(gated)).until_next == 19


def test_training__of_the_most_signals_there_may_be_is_one_statement_and_bounded(
    gated: Rig, tmp_path: Path
) -> None:
    insert_signals(gated, 60)
    gated.database.rows(
        "insert into phantoms (user_id, phantom_id, bot_id, at, symbol, strategy, side, executed, reason, opened_price,"
        " features, closed_at, closed_price, outcome, result) select user_id, gen_random_uuid(), bot_id, at, symbol,"
        " strategy, side, executed, reason, opened_price, features, closed_at, closed_price, outcome, result"
        " from phantoms cross join generate_series(1, 30)"
    )
    start(gated, tmp_path)
    gated.tick()
    ((size, seen),) = gated.database.rows("select training_size, examples_seen from models")
    assert (size, seen) == (EXAMPLES_MAX * 3 // 4, 3100)


# --- coming back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inline", [1 << 20, 0], ids=["in the database", "in a folder"])
def test_model__is_back_byte_for_byte_and_says_how_old_it_is(gated: Rig, tmp_path: Path, inline: int) -> None:
    start(gated, tmp_path, inline=inline)
    gated.tick()
    before = used_bytes(gated)
    assert before is not None
    said = start(gated, tmp_path, inline=inline).remembered
    assert used_bytes(gated) == before
    (sentence,) = (each for each in said if NAME in each)
    assert sentence.startswith(f"one: {NAME} is back as version 1, trained ")
    assert sentence.endswith(" s ago on 30 signals")
    gated.tick()
    assert len(versions(gated)) == 1, "a restart is no reason to train"


DAMAGES = {
    "a bit of the body": "update artefacts set body = set_byte(body, 700, get_byte(body, 700) # 1)",
    "another one's body": "update artefacts set body = 'PK'::bytea",
    "a shape from the future": "update models set shape = 99",
    "a codec that it is not": "update models set codec = 'json'",
    "a place that this desk has not": "update artefacts set body = null, place = 'bucket'",
    "a file that is gone": "update artefacts set body = null, place = 'folder'",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_model__that_is_damaged_is_counted_and_the_one_before_is_used(
    gated: Rig, tmp_path: Path, damage: str
) -> None:
    first = promoted_twice(gated, tmp_path)
    where = " where digest = (select digest from models where version = 2)"
    gated.database.rows(damage + where)
    start(gated, tmp_path)
    assert used_bytes(gated) == first
    assert gated.desk.meters.values()[table.CHECKSUM_FAILURES] == {(): 1}
    assert any("is back as version 1" in each for each in gated.report.remembered)
    gated.tick()
    assert gated.bot()["state"] == "running"


def test_model__whose_file_has_other_bytes_is_refused_and_the_one_before_is_used(
    gated: Rig, tmp_path: Path
) -> None:
    first = promoted_twice(gated, tmp_path, inline=0)
    ((digest,),) = gated.database.rows("select encode(digest, 'hex') from models where version = 2")
    path = tmp_path / "artefacts" / str(gated.store.tenant) / digest
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    start(gated, tmp_path, inline=0)
    assert used_bytes(gated) == first
    assert gated.desk.meters.values()[table.CHECKSUM_FAILURES] == {(): 1}


def test_model__of_which_nothing_can_be_used_lets_every_signal_pass(gated: Rig, tmp_path: Path) -> None:
    start(gated, tmp_path)
    gated.tick()
    gated.database.rows("update artefacts set body = 'PK'::bytea")
    start(gated, tmp_path)
    assert any(f"{NAME} begins anew" in each for each in gated.report.remembered)
    assert gated.trade(signal("falling", -9))["intent_key"] == "falling"
    train_again(gated)
    assert learner_of(gated).used is not None, "what it learns next is used again"


def promoted_twice(rig: Rig, folder: Path, *, inline: int = 1 << 20) -> bytes:
    """Two versions that were used one after the other; the bytes of the first."""
    start(rig, folder, inline=inline)
    rig.tick()
    first = used_bytes(rig)
    assert first is not None
    # Whoever stands there now is worse than anything that is learned next.
    used = learner_of(rig).used
    assert used is not None
    learner_of(rig).used = replace(used, model=replace(used.model, weights=-used.model.weights))
    train_again(rig)
    assert versions(rig) == [(1, False, None), (2, True, 1)]
    return first


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")], ids=str)
def test_signal__with_a_feature_that_is_no_number_passes_unjudged_and_is_counted(
    gated: Rig, tmp_path: Path, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    start(gated, tmp_path)
    gated.tick()
    placed = gated.trade(signal("strange", value))
    assert placed["intent_key"] == "strange", "the limits judge it all the same"
    assert gated.desk.meters.values()[table.OBSERVATIONS_DROPPED][("prediction",)] == 1
    (said,) = (each for each in caplog.records if each.getMessage() == "a signal passes unjudged")
    assert vars(said)["facts"]["detail"].startswith("the feature 'trend' is ")
    flush(gated)
    assert gated.database.rows("select count(*) from predictions") == [(0,)]
    gated.tick()
    assert gated.bot()["state"] == "running"


def test_signal__whose_features_are_no_table_stops_nothing(gated: Rig, tmp_path: Path) -> None:
    start(gated, tmp_path)
    gated.tick()
    wrong: Any = [1, 2]
    assert (
        gated.trade(replace(limit("odd", Side.BUY, "0.01", "45000"), features=wrong))["intent_key"] == "odd"
    )


def test_training__leaves_out_a_signal_that_is_no_number(gated: Rig, tmp_path: Path) -> None:
    gated.database.rows(
        "update phantoms set features = features || %s where at = %s", (Jsonb({"trend": "NaN"}), LONG_AGO)
    )
    start(gated, tmp_path)
    gated.tick()
    assert gated.desk.meters.values()[table.OBSERVATIONS_DROPPED][("prediction",)] == 1
    assert gated.database.rows("select training_size from models") == [(30,)]


def test_training__that_cannot_be_kept_is_counted_and_done_again_later(gated: Rig, tmp_path: Path) -> None:
    start(gated, tmp_path)
    gated.database.rows("revoke insert on models from holdfast_bot")
    gated.tick()
    assert gated.desk.meters.values()[table.SAVES_FAILED] == {(): 1}
    assert learner_of(gated).used is None, "what does not stand in PostgreSQL is not used"
    gated.tick()
    assert gated.desk.meters.values()[table.SAVES_FAILED] == {(): 1}, "not in every tick"
    gated.database.rows("grant insert on models to holdfast_bot")
    learner_of(gated).try_at_monotonic = 0
    gated.tick()
    assert versions(gated) == [(1, True, None)]


def test_training__without_a_place_for_its_bytes_is_counted_and_trading_goes_on(
    gated: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "artefacts").write_text("no folder")
    start(gated, tmp_path, inline=0)
    gated.tick()
    assert gated.desk.meters.values()[table.SAVES_FAILED] == {(): 1}
    (said,) = (each for each in caplog.records if each.getMessage() == "a model is not trained")
    assert "Not a directory" in vars(said)["facts"]["detail"]
    assert gated.trade(signal("goes on", 1))["intent_key"] == "goes on"
    assert versions(gated) == []


def test_training__of_a_holder_that_lost_its_lease_is_refused(gated: Rig, tmp_path: Path) -> None:
    start(gated, tmp_path)
    gated.database.rows("update leases set epoch = epoch + 1")
    with pytest.raises(errors.LeaseLost):
        training.learn(gated.desk)
    assert versions(gated) == []


@pytest.mark.parametrize("jump_seconds", [2 * 86_400, -2 * 86_400], ids=["ahead", "back"])
def test_clock__that_jumps_costs_no_tick_no_model_and_no_end_of_a_signal(
    gated: Rig, tmp_path: Path, jump_seconds: int
) -> None:
    start(gated, tmp_path)
    gated.tick()
    before = used_bytes(gated)
    gated.trade(signal("rising", 2))
    flush(gated)
    gated.pass_time(jump_seconds)
    gated.desk.exchange.measure_clock()
    gated.tick()
    gated.pass_time(-jump_seconds)
    gated.desk.exchange.measure_clock()
    gated.set_price(DEAR)
    gated.tick()
    assert gated.bot()["state"] == "running"
    ((outcome, resolved),) = gated.database.rows(
        "select phantoms.outcome, predictions.outcome from phantoms"
        " join predictions on prediction_id = phantom_id where cause_key = 'rising'"
    )
    # Two days later nobody knows how it went; two days earlier it has not begun.
    assert (outcome, resolved) == (("void", "void") if jump_seconds > 0 else ("won", "right"))
    start(gated, tmp_path)
    assert used_bytes(gated) == before
    assert gated.differences() == []


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_commands__promote_a_version_and_go_back_with_an_audit(gated: Rig, tmp_path: Path) -> None:
    first = promoted_twice(gated, tmp_path)
    second = used_bytes(gated)
    assert gated.obey("promote", "one", version="1") == ("done", f"one uses version 1 of {NAME}")
    assert (used_bytes(gated), versions(gated)) == (first, [(1, True, 2), (2, False, 1)])
    assert gated.obey("rollback", "one") == ("done", f"one uses version 2 of {NAME}")
    assert used_bytes(gated) == second
    start(gated, tmp_path)
    assert used_bytes(gated) == second
    noted = gated.database.rows(
        "select actor, action from audit_log where action like 'command%%' order by audit_id"
    )
    assert noted == [("operator", "command promote"), ("operator", "command rollback")]


def test_commands__that_cannot_be_done_are_refused_and_change_nothing(gated: Rig, tmp_path: Path) -> None:
    first = promoted_twice(gated, tmp_path)
    assert first != used_bytes(gated)
    gated.database.rows(
        "update artefacts set body = 'PK' where digest = (select digest from models where version = 1)"
    )
    before = (used_bytes(gated), versions(gated))
    for verb, bot, arguments, why in (
        ("promote", "one", {"version": "7"}, "one has no version 7"),
        ("promote", "one", {"version": "x"}, "'x' is no version"),
        ("promote", "one", {}, "it needs the argument version"),
        ("promote", "one", {"version": "1"}, "cannot be used"),
        ("rollback", "one", {}, "cannot be used"),
        ("promote", "two", {"version": "1"}, "two has no gate"),
        ("rollback", None, {}, "name the bot"),
    ):
        status, outcome = gated.obey(verb, bot, **arguments)
        assert (status, why in outcome) == ("refused", True), outcome
    assert (used_bytes(gated), versions(gated)) == before


# --- kill -9 ---------------------------------------------------------------------------------------------------------

# Lines that are passed, from the first to the last that the training has; the last one of these lies behind it.
KILLED_AT = (1, 25, 50, 65, 80, 95, 110, 10_000)


def test_kill__at_any_line_of_a_training_leaves_a_model_that_is_whole(gated: Rig, tmp_path: Path) -> None:
    """Struck at lines all along its way: what is in use is the last that was recorded, and says how old it is."""
    start(gated, tmp_path, inline=0)
    gated.tick()
    known, struck, came_through = versions(gated), 0, False
    for place in KILLED_AT:
        insert_signals(gated, 20, seed=place)
        came_through = _child(gated, tmp_path, place)
        struck += not came_through
        found = versions(gated)
        assert found[: len(known)] == known or found[-1][1], "a version is added, or nothing is"
        known = found
        assert sum(promoted for _, promoted, _ in found) == 1
        said = start(gated, tmp_path, inline=0).remembered
        ((digest,),) = gated.database.rows("select encode(digest, 'hex') from models where promoted")
        learner = learner_of(gated)
        assert learner.used is not None
        assert learner.used.sha256 == digest == learner.used.model.save().sha256
        assert any(f"{NAME} is back as version" in each and " s ago on " in each for each in said)
        assert not sum(gated.desk.meters.values()[table.CHECKSUM_FAILURES].values())
    assert came_through
    assert struck == len(KILLED_AT) - 1
    assert gated.differences() == []


def _child(rig: Rig, folder: Path, place: int) -> bool:
    """A process that trains and kills itself at that line; whether it came through."""
    rig.leave()
    rig.database.rows("update leases set released_at = clock_timestamp()")
    command = [
        sys.executable,
        "-m",
        "tests.engine.training_child",
        rig.database.url("holdfast_bot"),
        rig.venue.url,
        str(folder),
        str(place),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, -9), done.stdout + done.stderr
    return done.returncode == 0
