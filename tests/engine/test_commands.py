"""Operators' commands: each is carried out once, answered with a sentence, and leaves a line in the audit log."""

from base64 import b64decode

import pytest

from runtime import errors
from runtime.domain.decision import Decision
from runtime.domain.order import Side
from runtime.engine import remembering, sending
from tests.engine.rig import Rig, limit, market, proposes

RESTS = limit("rests", Side.BUY, "0.02", "45000")
TAKES = market("takes", Side.BUY, "0.02")


def test_pause__stops_one_bot_and_resume_lets_it_go_on(rig: Rig) -> None:
    assert rig.obey("pause", "one") == ("done", "one: paused")
    rig.tick(2)
    assert (rig.bot("one")["ticks"], rig.bot("two")["ticks"]) == (0, 3)
    assert rig.obey("resume", "one") == ("done", "one: running")
    assert rig.bot("one")["ticks"] == 1
    assert rig.audit() == ["bot paused", "command pause", "bot running", "command resume"]


def test_pause__without_a_bot_means_all_and_outlives_a_restart(rig: Rig) -> None:
    assert rig.obey("pause") == ("done", "one, two: paused")
    rig.restart()
    rig.tick()
    assert [rig.bot(name)["ticks"] for name in rig.names] == [0, 0]


def test_disable__outlives_a_resume_and_a_restart_until_the_bot_is_enabled(rig: Rig) -> None:
    assert rig.obey("pause", "one", enabled="no") == ("done", "one: paused")
    assert rig.obey("resume", "one") == ("done", "one: running; disabled: one")
    rig.restart()
    rig.tick()
    assert rig.bot("one")["ticks"] == 0
    assert rig.obey("resume", "one", enabled="yes") == ("done", "one: running")
    rig.tick()
    assert rig.bot("one")["ticks"] > 0
    assert rig.audit()[:3] == ["bot disabled", "bot paused", "command pause"]


def test_flatten__pauses_takes_back_what_rests_and_closes_what_is_held(rig: Rig) -> None:
    rig.trade(TAKES, RESTS)
    rig.tick()
    status, outcome = rig.obey("flatten", "one")
    assert status == "done"
    assert "sell 0.01998 BTC/USDT" in outcome
    rig.tick()
    assert {each["intent_key"].partition(":")[0]: each["status"] for each in rig.orders()} == {
        "takes": "filled",
        "rests": "cancelled",
        "command": "filled",
    }
    assert rig.bot()["state"] == "paused"
    assert abs(rig.position()) < 1 / 10**5
    assert rig.differences() == []


def test_flatten__of_a_perpetual_buys_a_short_back(perpetual: Rig) -> None:
    perpetual.trade(market("short", Side.SELL, "0.03", symbol=perpetual.names["one"]))
    perpetual.tick()
    assert perpetual.obey("flatten", "one")[0] == "done"
    perpetual.tick()
    assert perpetual.position() == 0
    assert perpetual.reconcile().clean


def test_cancel__takes_one_order_back(rig: Rig) -> None:
    order = rig.trade(RESTS)
    status, outcome = rig.obey("cancel", client_order_id=order["client_order_id"])
    assert (status, outcome) == ("done", f"{order['client_order_id']}: cancelled")
    assert rig.at_venue()[0]["status"] == "cancelled"


def test_cancel__of_an_order_that_is_shown_nowhere_takes_the_word_of_somebody_who_looked(rig: Rig) -> None:
    order = rig.trade(RESTS)
    rig.tick()
    named = {"client_order_id": order["client_order_id"]}
    rig.fault("stale_data", route="*", seconds=3600, times=-1)
    rig.tick()
    status, outcome = rig.obey("cancel", **named)
    assert (status, rig.statuses()) == ("refused", ["unknown"])
    assert order["venue_order_id"] in outcome
    assert rig.obey("cancel", **named, venue_id="another")[0] == "refused"
    status, outcome = rig.obey("cancel", **named, venue_id=order["venue_order_id"])
    assert (status, outcome) == ("done", f"{order['client_order_id']}: cancelled")
    assert rig.differences() == []


def test_cancel__of_an_order_that_may_never_have_arrived_waits_for_the_proof(rig: Rig) -> None:
    rig.fault("http_5xx_refused")
    order = rig.trade(RESTS)
    status, outcome = rig.obey("cancel", client_order_id=order["client_order_id"])
    assert (status, rig.statuses()) == ("refused", ["unknown"])
    assert "proved" in outcome


def test_cancel__whose_answer_is_lost_is_looked_up(rig: Rig) -> None:
    order = rig.trade(RESTS)
    rig.fault("drop_after", route="cancel-order")
    status, outcome = rig.obey("cancel", client_order_id=order["client_order_id"])
    assert (status, outcome) == ("done", f"{order['client_order_id']}: cancelled")


def test_reset__forgets_memory_and_breaker_and_the_audit_log_keeps_them(rig: Rig) -> None:
    rig.plays["one"] = lambda view, memory: Decision(memory={"learned": "much"})
    rig.tick()
    rig.database.rows("update bots set breaker_day = current_date")
    rig.plays.clear()
    rig.restart()
    assert rig.obey("reset", "one") == ("done", "one starts anew")
    assert (rig.bot()["memory"], rig.bot()["breaker_day"]) == ({}, None)
    [(facts,)] = rig.database.rows("select facts from audit_log where action = 'bot reset'")
    assert facts["memory_before"] == {"learned": "much"}


def test_reset__archives_the_life_that_is_over_once(rig: Rig) -> None:
    rig.trade(TAKES)
    rig.tick()
    remembering.save_all(rig.desk)
    rig.plays["one"] = lambda view, memory: Decision(memory={"learned": "much"})
    rig.tick()
    rig.plays.clear()
    rows = {
        table: rig.database.rows(f"select count(*) from {table}") for table in ("orders", "fills", "trades")
    }
    assert rig.obey("reset", "one")[0] == "done"
    ((command_id,),) = rig.database.rows("select command_id from commands where verb = 'reset'")
    rig.database.rows(
        "update commands set status = 'pending', outcome = null, finished_at = null where verb = 'reset'"
    )
    rig.tick()
    ((bot, name, facts, saved),) = rig.database.rows(
        "select bot_id, name, facts, (select body from component_states as s where s.bot_id = summaries.bot_id"
        " and component = 'risk_keeper' and version = 1) from summaries where kind = 'life'"
    )
    assert (bot, name, facts["memory"]) == (rig.bot_id("one"), str(command_id), {"learned": "much"})
    assert b64decode(facts["components"]["risk_keeper"]["body"]) == saved
    assert rows == {table: rig.database.rows(f"select count(*) from {table}") for table in rows}


def test_reset__of_an_account_notes_its_holdings_anew(rig: Rig) -> None:
    rig.venue.control("deposit", {"account": "paper", "coin": "BTC", "amount": "1"})
    assert not rig.reconcile().clean
    assert rig.obey("reset")[0] == "done"
    assert rig.reconcile().clean


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        ("cancel", {}, "needs the argument client_order_id"),
        ("cancel", {"client_order_id": "nobody"}, "has the id 'nobody'"),
        ("adopt", {}, "needs the argument venue_id"),
        ("close", {"venue_id": "7"}, "nothing with the id '7' waits in quarantine"),
    ],
)
def test_command__that_cannot_be_done_is_refused_with_a_sentence_and_the_desk_goes_on(
    rig: Rig, verb: str, arguments: dict[str, str], said: str
) -> None:
    status, outcome = rig.obey(verb, **arguments)
    assert (status, outcome.startswith(f"The command {verb} cannot be carried out: ")) == ("refused", True)
    assert said in outcome
    assert rig.audit() == [f"command {verb}"]
    assert rig.bot()["ticks"] == 1


def test_command__with_the_same_key_is_done_once(rig: Rig) -> None:
    for _ in range(2):
        rig.command("pause", "one", key="the same wish")
    rig.tick()
    assert rig.audit() == ["bot paused", "command pause"]


def test_command__is_obeyed_before_the_bots_decide(rig: Rig) -> None:
    rig.plays["one"] = proposes(TAKES)
    rig.command("pause", "one")
    rig.tick()
    assert rig.sends() == 0


def test_command__cut_short_before_its_outcome_was_written_is_done_once(rig: Rig) -> None:
    rig.trade(TAKES)
    rig.tick()
    rig.command("flatten", "one")
    rig.database.rows("alter table commands add constraint cut_short check (status = 'pending') not valid")
    with pytest.raises(errors.BrokenInvariant):
        rig.tick()
    rig.database.rows("alter table commands drop constraint cut_short")
    rig.restart()
    rig.tick()
    assert rig.database.rows("select status from commands") == [("done",)]
    assert [each["side"] for each in rig.at_venue()] == ["buy", "sell"]
    assert rig.audit().count("command flatten") == 1


def test_flatten__cut_short_before_its_order_left_does_not_send_it_later_and_says_so(rig: Rig) -> None:
    rig.trade(TAKES)
    rig.tick()
    rig.command("flatten", "one")
    [(command_id,)] = rig.database.rows("select command_id from commands")
    closing = market(f"command:{command_id}:BTC/USDT", Side.SELL, "0.01", reduce_only=True)
    sending.write_down(rig.desk, rig.desk.bots[0], [closing], trigger_reason="cut short")
    rig.restart()
    rig.tick()
    assert rig.sends() == 1
    [(status, outcome)] = rig.database.rows("select status, outcome from commands")
    assert status == "done"
    assert "BTC/USDT: its closing order was written down before and is not sent again" in outcome


def test_command__of_a_newer_program_is_refused_with_a_sentence_and_the_next_one_is_done(rig: Rig) -> None:
    """A newer release wrote it before this older one came back: the verb is known to the schema, not to us."""
    rig.database.rows("alter table commands drop constraint commands_verb_known")
    rig.command("rebalance", "one")
    rig.command("pause", "one")
    rig.tick(2)
    [(verb, status, outcome), paused] = rig.database.rows(
        "select verb, status, outcome from commands order by requested_at"
    )
    assert (verb, status) == ("rebalance", "refused")
    assert "this program does not know it" in outcome
    assert paused == ("pause", "done", "one: paused")
    assert rig.audit()[0] == "command rebalance"
