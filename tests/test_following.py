"""Who is worth following, ranked by a real run; a run that was killed is found out; and what a user wishes, from the
command line, with its line in the audit log."""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from runtime import errors
from runtime.__main__ import main
from runtime.domain.identity import UserId, user_id
from runtime.engine import scoring
from runtime.local import processes
from runtime.store import scoring as runs_of
from runtime.store.pool import Store
from tests.database import Database, make_account, make_bot

ROOT = Path(__file__).resolve().parent.parent
USER = "anna"
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"
TRADED = datetime.now(UTC) - timedelta(days=3)
TRADE = (
    "insert into trades (user_id, bot_id, symbol, number, account_id, direction, opened_at, closed_at, entry_quantity,"
    " entry_quote, exit_quantity, exit_quote, realised, fees, fill_count)"
    " select %s, %s, 'BTC/USDT', n, %s, 'long', %s, %s::timestamptz + n * interval '1 s', 1, 1, 1, 1, %s, 0, 2"
    " from generate_series(1, 12) as n"
)


@dataclass
class Town:
    database: Database
    capsys: pytest.CaptureFixture[str]
    bots: dict[str, UUID]

    @property
    def environ(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database.url("holdfast_bot"), "HOLDFAST_USER": USER}

    def ask(self, *argv: str, code: int = 0) -> str:
        self.capsys.readouterr()
        assert main([*argv], self.environ) == code
        said = self.capsys.readouterr()
        return said.err if code else said.out

    def runs(self) -> list[tuple[Any, ...]]:
        return self.database.rows(
            "select status, trader_count, error from scoring_runs order by requested_at"
        )

    def store(self) -> Store:
        return Store(self.database.secret("holdfast_bot"), UserId(user_id(USER)))


@pytest.fixture
def town(database: Database, capsys: pytest.CaptureFixture[str]) -> Town:
    """Three bots that traded, of which one fell far, and one that hardly did."""
    tenant = user_id(USER)
    database.rows("insert into users (user_id, name) values (%s, %s)", (tenant, USER))
    account = make_account(database, tenant, name="main")
    made = {}
    for name, result, fall in (("even", 2, 3), ("wild", 9, 90), ("loser", -1, 30), ("idle", None, 0)):
        bot = made[name] = make_bot(database, tenant, account, name=name)
        database.rows(
            "insert into risk_marks (user_id, bot_id, at, exposure, drawdown, breaker_tripped, metrics)"
            " values (%s, %s, %s, 0, %s, false, '{}')",
            (tenant, bot, TRADED, fall),
        )
        if result is not None:
            opened = TRADED - timedelta(hours=1)
            database.rows(TRADE, (tenant, bot, account, opened, TRADED, result))
    return Town(database, capsys, made)


def test_score__ranks_by_what_was_won_for_each_unit_of_the_deepest_fall(town: Town) -> None:
    assert "3 trader(s) are ranked" in town.ask("score")
    ranked = json.loads(town.ask("ranked", "--json"))
    assert [(each["trader"], Decimal(each["score"])) for each in ranked] == [
        ("main/even", Decimal(8)),
        ("main/wild", Decimal("1.2")),
        ("main/loser", Decimal("-0.4")),
    ]
    assert (ranked[0]["trades"], ranked[0]["result"], ranked[0]["deepest_fall"]) == (12, "24", "3")
    assert town.runs() == [("completed", 3, None)]
    assert "1. main/even" in town.ask("ranked")


def test_score__takes_a_run_that_somebody_requested(town: Town) -> None:
    town.database.rows(
        "insert into scoring_runs (user_id, scorer) values (%s, %s)", (user_id(USER), scoring.SCORER)
    )
    town.ask("score")
    assert town.runs() == [("completed", 3, None)]


def test_score__a_run_that_was_killed_is_found_out_by_the_next(town: Town) -> None:
    database = town.database
    with database.connect() as blocking:
        blocking.execute("begin")
        blocking.execute("lock table trader_scores in share mode")
        command = [sys.executable, "-m", "runtime", "score"]
        with subprocess.Popen(command, cwd=ROOT, env=town.environ, stderr=subprocess.PIPE) as scorer:
            assert processes.wait_until(
                lambda: scorer.poll() is not None or database.rows(WAITING, (database.name,)) == [(1,)],
                seconds_max=60,
            )
            assert town.runs() == [("running", 0, None)]
            with town.store() as store, store.single("look for abandoned runs") as tx:
                # Its scorer lives.
                assert runs_of.fail_abandoned(tx, scoring.SCORER, "nobody is there") == []
            scorer.kill()
            scorer.wait()
        blocking.execute("rollback")
    holders = "select count(*) from pg_stat_activity where usename = 'holdfast_bot' and datname = %s"
    assert processes.wait_until(lambda: database.rows(holders, (database.name,)) == [(0,)], seconds_max=20), (
        "PostgreSQL has noticed that it is gone"
    )
    town.ask("score")
    assert town.runs() == [("failed", 0, scoring.ABANDONED), ("completed", 3, None)]


def test_score__that_cannot_be_written_failed_for_a_reason(town: Town) -> None:
    town.database.rows("revoke insert on trader_scores from holdfast_bot")
    said = town.ask("score", code=errors.NotAllowed.exit_code)
    ((status, count, error),) = town.runs()
    assert (status, count) == ("failed", 0)
    assert error in said
    town.database.rows("grant insert on trader_scores to holdfast_bot")
    town.ask("score")
    assert [each[0] for each in town.runs()] == ["failed", "completed"]


def test_regularly__scores_beside_its_caller_until_that_leaves(town: Town) -> None:
    with town.store() as store, scoring.regularly(store, 0.05):
        assert processes.wait_until(
            lambda: [each[0] for each in town.runs()].count("completed") >= 2, seconds_max=30
        )
    count = len(town.runs())
    assert {each[0] for each in town.runs()} == {"completed"}
    assert len(town.runs()) == count


def test_user__is_shown_and_changed_with_a_line_in_the_audit_log(town: Town) -> None:
    assert town.ask("user") == "anna: balanced, no caps, new risk is allowed\n"
    caps = ("--cap", "order_quote_max=100", "--cap", "drawdown_quote_max=7.5")
    said = town.ask("user", "--profile", "conservative", *caps, "--disable", "--reason", "holiday")
    assert said.startswith(
        "anna: conservative, order_quote_max 100, drawdown_quote_max 7.5, the user is disabled"
    )
    changed = json.loads(town.ask("user", "--enable", "--cap", "order_quote_max=none", "--json"))
    assert changed["caps"] == {"drawdown_quote_max": "7.5"}
    assert (changed["enabled"], changed["no_new_risk_because"]) == (True, None)
    noted = town.database.rows("select actor, action, facts->>'reason' from audit_log order by audit_id")
    assert noted == [
        (USER, "user settings", "holiday"),
        (USER, "user disabled", "holiday"),
        (USER, "user settings", ""),
        (USER, "user enabled", ""),
    ]


def test_user__wrong_caps_are_told_together_and_change_nothing(town: Town) -> None:
    caps = ("--cap", "order_quote_max=NaN", "--cap", "speed=3", "--cap", "position_quote_max=-1")
    said = town.ask("user", "--profile", "aggressive", *caps, code=3)
    assert all(word in said for word in ("order_quote_max", "'speed'", "position_quote_max is -1"))
    assert town.database.rows("select * from user_settings") == []
