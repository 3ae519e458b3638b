"""The verbs that keep a database small and well, on a real one with rows of two tenants: what goes, what never does,
what is left of it, and that a job which is killed goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from runtime.__main__ import main
from runtime.domain.identity import BotId, UserId, user_id
from runtime.domain.retention import DAYS_MIN, Kind, Rule
from runtime.engine import retaining
from runtime.engine.retaining import Job
from runtime.local import processes
from runtime.settings import Settings
from runtime.store import retention, schema
from runtime.store.pool import Store
from tests.database import Database
from tests.migrations import catalogue
from tests.migrations.rows import Tenant, populate
from tests.telemetry.specification import faults_of

ROOT = Path(__file__).resolve().parent.parent


class Named(Tenant):
    """A tenant whose id follows from its name as the program derives it."""

    @property
    def user_id(self) -> UUID:
        return user_id(self.name)


A, B = Named("a"), Named("b")
ROLE = "holdfast_retention"
TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
OLD, NEW = TODAY - timedelta(days=400), TODAY - timedelta(days=2)
# Beside what retention may delete and the summaries that it writes, decisions lose their texts.
CHANGED = {
    "allocations", "blocked_signals", "candles", "decisions", "equity_marks", "market_snapshots", "predictions",
    "risk_marks", "snapshots", "summaries",
}  # fmt: skip


class Operator:
    def __init__(self, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
        self.database = database
        self._capsys = capsys

    def ask(self, *argv: str, role: str = ROLE, code: int = 0, user: str = "a", **settings: str) -> str:
        self._capsys.readouterr()
        environ = {"DATABASE_URL": self.database.url(role), "HOLDFAST_USER": user, **settings}
        assert main([*argv], environ) == code
        said = self._capsys.readouterr()
        return said.err if code else said.out

    def see(self, bot: UUID, tenant: Tenant, at: datetime) -> None:
        """One of everything that bots see and think, then."""
        with self.database.connect() as connection:
            for table, row in _seen(bot, tenant, at).items():
                names = sql.SQL(", ").join(map(sql.Identifier, row))
                values = sql.SQL(", ").join([sql.Placeholder()] * len(row))
                statement = sql.SQL("insert into {} ({}) values ({})")
                connection.execute(statement.format(sql.Identifier(table), names, values), list(row.values()))

    def counts(self) -> dict[str, int]:
        with self.database.connect() as connection:
            return {
                table: connection.execute(
                    sql.SQL("select count(*) from {}").format(sql.Identifier(table))
                ).fetchall()[0][0]
                for table in catalogue.tables(connection)
            }

    def contents(self) -> dict[str, list[Any]]:
        with self.database.connect() as connection:
            return {
                table: connection.execute(
                    sql.SQL("select t::text from {} as t order by 1").format(sql.Identifier(table))
                ).fetchall()
                for table in catalogue.tables(connection)
            }


_numbers = count(1)


def _seen(bot: UUID, tenant: Tenant, at: datetime) -> dict[str, dict[str, Any]]:
    number, who = next(_numbers), {"user_id": tenant.user_id, "bot_id": bot}
    market = {"user_id": tenant.user_id, "account_id": tenant.id("account"), "symbol": "BTC/USDT"}
    return {
        "decisions": {
            **who, "decision_id": tenant.id("seen", number), "at": at, "prompt": "p?", "prompt_length": 2,
            "answer": "a", "answer_length": 1, "decisions": "[]", "notes": f"noted {number}", "success": True,
            "duration_ms": 7, "cause_keys": [], "order_ids": [],
        },
        "predictions": {
            **who, "prediction_id": tenant.id("foreseen", number), "at": at, "symbol": "BTC/USDT", "model": "m",
            "horizon_seconds": 60, "direction": "up", "price": 1, "features": "{}", "outcome": "wrong",
            "outcome_price": 1, "resolved_at": at,
        },
        "blocked_signals": {**who, "day": at.date(), "reason": f"r{number}", "count": 3, "last_at": at},
        "equity_marks": {**who, "at": at, "equity": 100 + number, "realised_today": 0, "unrealised": 0},
        "risk_marks": {**who, "at": at, "exposure": 1, "drawdown": 5, "breaker_tripped": False, "metrics": "{}"},
        "allocations": {**who, "at": at, "asset": "BTC", "value": 1, "share": 1, "target_share": 1},
        "snapshots": {**who, "at": at, "reason": "tick", "state": "{}"},
        "candles": {
            **market, "timeframe": "3m", "opened_at": at + timedelta(microseconds=number), "open": 1, "high": 1,
            "low": 1, "close": 1, "volume": 1,
        },
        "market_snapshots": {
            **market, "at": at + timedelta(microseconds=number), "bid": 1, "ask": 1, "last": 1, "details": "{}"
        },
    }  # fmt: skip


@pytest.fixture
def operator(database: Database, capsys: pytest.CaptureFixture[str]) -> Operator:
    operator = Operator(database, capsys)
    with database.connect() as connection:
        for tenant in (A, B):
            populate(connection, tenant)
    for tenant in (A, B):
        for at in (OLD, OLD + timedelta(days=1), NEW):
            operator.see(tenant.id("bot"), tenant, at)
    return operator


def test_retention__takes_what_is_old_and_nothing_of_the_ledger(operator: Operator) -> None:
    before = operator.contents()
    told = json.loads(operator.ask("retention", "--json"))
    assert told["left"] == []
    assert told["taken"] == {
        table.replace("decisions", "decisions' texts"): 4 for table in sorted(CHANGED - {"summaries"})
    }
    after = operator.contents()
    assert {table for table in after if after[table] != before[table]} == CHANGED
    assert len(after["decisions"]) == len(before["decisions"])
    kept = operator.database.rows(
        "select prompt, answer, prompt_length, notes from decisions where at = %s", (OLD,)
    )
    assert [row[:3] for row in kept] == [(None, None, 2)] * 2
    assert (
        operator.database.rows("select prompt, answer from decisions where at = %s", (NEW,))
        == [("p?", "a")] * 2
    )


def test_retention__leaves_a_summary_of_every_day_that_it_emptied(operator: Operator) -> None:
    operator.ask("retention")
    ((facts,),) = operator.database.rows(
        "select facts from summaries where bot_id = %s and name = %s", (A.id("bot"), f"{OLD.date()}")
    )
    assert (facts["decisions"]["count"], facts["decisions"]["prompt_length"]) == (1, 2)
    assert facts["predictions"] == {"m": {"count": 1, "right": 0, "wrong": 1, "void": 0}}
    assert set(facts["blocked"].values()) == {3}
    assert facts["equity_first"] == facts["equity_last"] == facts["equity"]["high"]
    assert facts["risk"]["drawdown_max"] == "5.000000000000000000"
    assert facts["snapshots"] == 1
    days = json.loads(operator.ask("history", "days", "--bot", "bot 1", "--json", role="holdfast_bot"))
    assert days[-1]["name"] == f"{OLD.date()}"
    assert {each["bot"] for each in days} == {"bot 1"}


def test_retention__run_again_changes_nothing_but_what_is_not_settled(operator: Operator) -> None:
    operator.ask("retention")
    settled = "select name, facts, written_at from summaries where written_at > to_at + '7 d'::interval order by 1, 3"
    before, counts = operator.database.rows(settled), operator.counts()
    assert json.loads(operator.ask("retention", "--json"))["taken"] == {}
    assert (operator.database.rows(settled), operator.counts()) == (before, counts)


def test_summary__of_a_day_that_is_not_settled_counts_what_comes_late(operator: Operator) -> None:
    asked = "select facts -> 'decisions' ->> 'count' from summaries where bot_id = %s and name = %s"
    operator.ask("history", "summarise")
    assert operator.database.rows(asked, (A.id("bot"), f"{NEW.date()}")) == [("1",)]
    operator.see(A.id("bot"), A, NEW + timedelta(seconds=1))
    operator.ask("history", "summarise")
    assert operator.database.rows(asked, (A.id("bot"), f"{NEW.date()}")) == [("2",)]


def test_retention__tells_cloudwatch_what_it_left_and_that_it_left_nothing(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    environ = {"DATABASE_URL": operator.database.url(ROLE), "HOLDFAST_STAGE": "dev"}
    left = []
    for seconds in ("0", "60"):
        main(["retention", "--seconds", seconds], environ)
        (line,) = [each for each in capsys.readouterr().out.splitlines() if each.startswith("{")]
        assert faults_of(line) == []
        told = json.loads(line)
        assert (told["Env"], told["Bot"]) == ("dev", "retention")
        left.append(told["RetentionLeft"])
    assert left[0] > left[1] == 0


def test_retention__without_time_says_what_is_left_and_takes_nothing(operator: Operator) -> None:
    before = operator.counts()
    said = operator.ask("retention", "--seconds", "0", code=5)
    assert said.startswith("MoreIsLeft: ")
    assert "candles of user a 1" in said
    assert operator.counts() == before


def test_prediction__that_nobody_judged_yet_stays(operator: Operator) -> None:
    operator.database.rows("update predictions set outcome = null, resolved_at = null where at = %s", (OLD,))
    operator.ask("retention")
    assert operator.database.rows("select count(*) from predictions where at = %s", (OLD,)) == [(2,)]
    assert operator.database.rows(
        "select count(*) from predictions where at = %s", (OLD + timedelta(days=1),)
    ) == [(0,)]


@pytest.mark.parametrize("role", ["holdfast_bot", "holdfast_admin"])
def test_retention__as_anybody_else_is_refused(operator: Operator, role: str) -> None:
    before = operator.counts()
    assert operator.ask("retention", role=role, code=13).startswith("NotAllowed: ")
    assert operator.counts() == before


def test_settings__let_nothing_go_before_its_summary_is_the_last_one() -> None:
    for kind in Kind:
        name = f"HOLDFAST_KEEP_{kind.upper()}_DAYS"
        settings = Settings.from_env({name: str(DAYS_MIN)})
        assert getattr(settings, f"keep_{kind}_days") == DAYS_MIN
        with pytest.raises(Exception, match=name):
            Settings.from_env({name: str(DAYS_MIN - 1)})


# --- broken off ------------------------------------------------------------------------------------------------------


def _run_for(database: Database, looks: int) -> Job:
    """A job whose time is over after it asked so often."""
    left = iter(range(looks))

    def open_store(tenant: UserId) -> Store:
        return Store(database.secret(ROLE), tenant, pool_max=1)

    rule = Rule(dict.fromkeys(Kind, 90))
    job = Job(
        open_store, rule, TODAY.date(), lambda: next(left, None) is None, lambda _: None, rows_at_once=1
    )
    retaining.retain(job, retaining.load_tenants(job))
    return job


_UNSUMMARISED = """
    select e.bot_id, e.at from seen_before as e
    where not exists (select from equity_marks as m where (m.bot_id, m.at) = (e.bot_id, e.at))
      and not exists (select from summaries as s where s.bot_id = e.bot_id and s.kind = 'day' and s.from_at <= e.at
        and e.at < s.to_at and s.written_at >= s.to_at + interval '7 days' and s.facts -> 'equity' ->> 'marks' <> '0')
"""


def test_retention__broken_off_anywhere_took_only_what_is_summarised_and_goes_on(operator: Operator) -> None:
    database = operator.database
    database.rows("create table seen_before as select bot_id, at from equity_marks")
    whole_days, looks = (TODAY - OLD).days, 1
    while (job := _run_for(database, looks)).left:
        assert database.rows(_UNSUMMARISED) == []
        looks = looks + 1 if looks > whole_days // retaining.DAYS_AT_ONCE else looks * 2
    assert looks > 20
    assert database.rows(_UNSUMMARISED) == []
    assert database.rows(
        "select count(*) from equity_marks where at < %s", (TODAY - timedelta(days=90),)
    ) == [(0,)]
    assert job.left == []


@contextmanager
def _process(operator: Operator, *argv: str) -> Iterator["subprocess.Popen[str]"]:
    environ = {**os.environ, "DATABASE_URL": operator.database.url(ROLE)}
    command = [sys.executable, "-m", "runtime", *argv]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_retention__killed_in_the_middle_goes_on(operator: Operator) -> None:
    """It is held at a row of its last batch of candles, killed there, and run again."""
    database = operator.database
    database.rows(
        "insert into candles select %s, %s, 'ETH/USDT', '1m', %s::timestamptz + n * interval '1 minute', 1, 1, 1, 1, 1"
        " from generate_series(1, %s) as n",
        (A.user_id, A.id("account"), OLD, 3 * retaining.ROWS_AT_ONCE),
    )
    last = OLD + timedelta(minutes=3 * retaining.ROWS_AT_ONCE)
    asked = "select count(*) from candles where symbol = 'ETH/USDT'"
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"
    with database.connect() as blocker, blocker.transaction():
        blocker.execute(
            "select from candles where symbol = 'ETH/USDT' and opened_at = %s for update", (last,)
        )
        with _process(operator, "retention") as process:
            assert processes.wait_until(
                lambda: database.rows(waiting, (database.name,)) == [(1,)], seconds_max=90
            )
            process.send_signal(signal.SIGKILL)
            assert process.wait(timeout=60) == -signal.SIGKILL
        # What was committed stays; PostgreSQL alone knows yet what becomes of the batch that it was killed in.
        assert database.rows(asked) == [(retaining.ROWS_AT_ONCE,)]
    operator.ask("retention")
    assert database.rows(asked) == [(0,)]


# --- how the database is ---------------------------------------------------------------------------------------------


def test_db__tells_sizes_rows_connections_and_the_oldest_row(operator: Operator) -> None:
    operator.database.rows("analyze")
    told = json.loads(operator.ask("db", "--json", role="holdfast_admin"))
    tables = {each["name"]: each for each in told["tables"]}
    assert sorted(tables) == sorted(operator.counts())
    assert tables["decisions"]["rows"] == operator.counts()["decisions"]
    assert tables["equity_marks"]["oldest"].startswith(f"{OLD:%Y-%m-%d}")
    assert told["revision"] == schema.head()
    assert 0 < tables["orders"]["bytes"] < told["bytes"]
    with operator.database.connect("holdfast_bot"):
        told = json.loads(operator.ask("db", "--json", role="holdfast_admin"))
    assert "holdfast_bot" in {each["role"] for each in told["connections"]}
    shown = operator.ask("db", role="holdfast_admin")
    assert f"schema {schema.head()}" in shown
    assert "equity_marks" in shown


def test_db__names_who_runs_for_long_and_no_value(operator: Operator) -> None:
    database = operator.database
    with psycopg.connect(database.url("holdfast_readonly")) as connection:
        connection.execute("set application_name to 'report'")
        connection.commit()
        thread = threading.Thread(target=_ask_for_long, args=(connection,))
        thread.start()
        asked = "select count(*) from pg_stat_activity where application_name = 'report' and state = 'active'"
        try:
            assert processes.wait_until(lambda: database.rows(asked) == [(1,)], seconds_max=30)
            said = operator.ask("db", "--json", role="holdfast_admin", HOLDFAST_SLOW_QUERY_SECONDS="0")
        finally:
            connection.cancel_safe()
            thread.join()
    assert ("holdfast_readonly", "report") in {
        (each["role"], each["program"]) for each in json.loads(said)["running"]
    }
    assert "canary" not in said


def _ask_for_long(connection: psycopg.Connection[Any]) -> None:
    with suppress(psycopg.errors.QueryCanceled):
        connection.execute("select 'canary', pg_sleep(600)")


def test_maintenance__tends_what_needs_it_and_then_nothing(operator: Operator) -> None:
    database = operator.database
    database.rows(
        "insert into candles select %s, %s, 'ETH/USDT', '1m', %s::timestamptz + n * interval '1 minute', 1, 1, 1, 1, 1"
        " from generate_series(1, 500) as n",
        (A.user_id, A.id("account"), OLD),
    )
    database.rows("delete from candles where symbol = 'ETH/USDT'")
    told = json.loads(operator.ask("maintenance", "--json", role="holdfast_admin"))
    assert "candles" in told["tended"]
    assert database.rows("select n_dead_tup from pg_stat_user_tables where relname = 'candles'") == [(0,)]
    assert json.loads(operator.ask("maintenance", "--json", role="holdfast_admin")) == {
        "tended": [],
        "left": [],
    }


def test_maintenance__says_what_is_left_and_who_may_not(operator: Operator) -> None:
    database = operator.database
    database.rows("update candles set volume = volume + 1")
    database.rows(
        "insert into candles select user_id, account_id, 'X', timeframe, opened_at + n * interval '1 s', 1, 1, 1,"
        " 1, 1 from candles, generate_series(1, 200) as n where symbol = 'BTC/USDT'"
    )
    said = operator.ask("maintenance", "--seconds", "0", role="holdfast_admin", code=5)
    assert "candles" in said
    assert "does not own" in operator.ask("maintenance", role="holdfast_bot", code=13)


def test_doctor__says_what_waits_in_spools_and_what_was_set_aside(operator: Operator, tmp_path: Path) -> None:
    spool = tmp_path / "local-main"
    spool.mkdir()
    for name, length in (("1.spool", 5000), ("2.corrupt", 70), ("refused.jsonl", 7)):
        (spool / name).write_bytes(b"x" * length)
    said = operator.ask("doctor", HOLDFAST_SPOOL_DIR=str(tmp_path))
    assert "spool local-main: 5,000 bytes in segments, 77 bytes set aside" in said.splitlines()


def test_take__is_one_statement_for_each_table_that_may_lose_rows() -> None:
    series = {each.table for each in retention.series_of_bot(BotId(A.id("bot")))}
    assert series | {"candles", "market_snapshots"} == {
        each.replace("decisions", "decisions' texts") for each in CHANGED - {"summaries"}
    }
