"""The verbs that tell how bots did, called as an operator calls them, on a real database with rows of two tenants."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow.parquet
import pytest

from runtime.__main__ import main
from runtime.domain.identity import user_id
from tests.database import Database, make_account, make_bot

ROOT = Path(__file__).resolve().parent.parent
USER = "reader"


class Operator:
    """Somebody with a database, a tenant with two bots, and a stranger beside."""

    def __init__(self, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
        self.database = database
        self._capsys = capsys
        self.environ = {"DATABASE_URL": database.url("holdfast_bot"), "HOLDFAST_USER": USER}
        self.tenant = user_id(USER)
        database.rows("insert into users (user_id, name) values (%s, %s)", (self.tenant, USER))
        self.account = make_account(database, self.tenant, name="main")
        self.bots = {
            name: make_bot(database, self.tenant, self.account, name=name) for name in ("grid", "trend")
        }

    def ask(self, *argv: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert main([*argv], self.environ) == code
        said = self._capsys.readouterr()
        return said.err if code else said.out

    def ask_json(self, *argv: str) -> Any:
        return json.loads(self.ask(*argv, "--json"))

    def trade(self, bot: str, result: str, *, days_ago: int, symbol: str = "BTC/USDT") -> None:
        closed = datetime.now(UTC) - timedelta(days=days_ago, minutes=5)
        number = self.database.rows("select count(*)::int + 1 from trades")[0][0]
        self.database.rows(
            "insert into trades (user_id, account_id, bot_id, symbol, number, direction, opened_at, closed_at,"
            " entry_quantity, entry_quote, exit_quantity, exit_quote, realised, fees, fill_count)"
            " values (%s, %s, %s, %s, %s, 'long', %s, %s, 1, 100, 1, 100, %s, 0.5, 2)",
            (self.tenant, self.account, self.bots[bot], symbol, number, closed, closed, Decimal(result)),
        )

    def phantom(self, bot: str, outcome: str, result: str, features: str, *, executed: bool = True) -> UUID:
        phantom_id, at = uuid4(), datetime(2026, 3, 1, tzinfo=UTC)
        self.database.rows(
            "insert into phantoms (user_id, phantom_id, bot_id, at, symbol, strategy, side, executed, reason,"
            " opened_price, features, closed_at, closed_price, outcome, result)"
            " values (%s, %s, %s, %s, 'BTC/USDT', %s, 'buy', %s, 'a, \"reason\"', 100, %s, %s, 101, %s, %s)",
            (
                self.tenant,
                phantom_id,
                self.bots[bot],
                at,
                bot,
                executed,
                features,
                at,
                outcome,
                Decimal(result),
            ),
        )
        return phantom_id


@pytest.fixture
def operator(database: Database, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(database, capsys)


@pytest.fixture
def traded(operator: Operator) -> Operator:
    operator.trade("grid", "10.5", days_ago=1)
    operator.trade("grid", "-3.5", days_ago=10, symbol="ETH/USDT")
    operator.trade("trend", "2.5", days_ago=40)
    return operator


def test_stats__tell_what_closed_trades_brought(traded: Operator) -> None:
    told = traded.ask_json("stats")
    assert (told["together"]["trades"], told["together"]["result"]) == (3, "8")
    assert told["together"]["profit_factor"] == "3"
    assert told["symbols"]["ETH/USDT"]["worst"] == "-4"
    assert [each["total"] for each in told["days"]] == ["2", "-2", "8"]
    assert [each["result"] for each in told["best"]] == ["10", "2", "-4"]
    assert [each["result"] for each in told["worst"]] == ["-4", "2", "10"]
    assert traded.ask_json("stats", "--period", "7d")["together"]["trades"] == 1
    assert traded.ask_json("stats", "--period", "30d")["together"]["result"] == "6"
    assert traded.ask_json("stats", "--bot", "trend")["together"]["result"] == "2"
    shown = traded.ask("stats").splitlines()
    assert shown[1].split() == ["all", "3", "2", "1", "8.00", "66.7%", "3.00", "2.67", "10.00", "-4.00", "+1"]


def test_stats__of_a_bot_that_is_not_there_are_refused_in_a_sentence(traded: Operator) -> None:
    said = traded.ask("stats", "--bot", "none such", code=3)
    assert said.startswith("InvalidCommand: ")
    make_bot(
        traded.database, traded.tenant, make_account(traded.database, traded.tenant, name="b"), name="grid"
    )
    assert "main" in traded.ask("stats", "--bot", "grid", code=3)
    traded.environ["HOLDFAST_ACCOUNT"] = "main"
    assert traded.ask_json("stats", "--bot", "grid")["together"]["result"] == "6"


def test_leaderboard__has_the_best_first(traded: Operator) -> None:
    board = traded.ask_json("leaderboard")
    assert [(each["rank"], each["bot"], each["result"]) for each in board] == [
        (1, "grid", "6"),
        (2, "trend", "2"),
    ]
    week = traded.ask_json("leaderboard", "--period", "7d")
    assert [(each["bot"], each["trades"], each["win_rate"]) for each in week] == [
        ("grid", 1, "1"),
        ("trend", 0, None),
    ]
    assert traded.ask("leaderboard").splitlines()[1].split()[:4] == ["1.", "grid", "main", "momentum"]


def test_phantoms__are_counted_by_strategy(operator: Operator) -> None:
    operator.phantom("grid", "won", "0.01", "{}")
    operator.phantom("grid", "lost", "-0.01", "{}", executed=False)
    operator.phantom("trend", "expired", "0.001", "{}")
    told = operator.ask_json("phantoms")
    assert (told["together"]["total"], told["together"]["rejected"]) == (3, 1)
    assert told["strategies"]["grid"]["accuracy"] == "0.5"
    assert told["strategies"]["grid"]["accuracy_rejected"] == "0"
    assert operator.ask_json("phantoms", "--bot", "trend")["together"]["rolling_win_rate"] == "1"
    assert operator.ask("phantoms").splitlines()[1].split()[:4] == ["all", "3", "2", "1"]


def test_learning_data__is_the_same_as_csv_and_as_lines_of_json(operator: Operator) -> None:
    features = ['{"rsi": 41.5, "deep": {"a": [1.5]}}', '{"word": "a,b", "yes": true, "rsi": null}', "[1]"]
    ids = {str(operator.phantom("grid", "won", "0.01", each)) for each in features}
    operator.phantom("grid", "void", "0", '{"unseen": 1}')
    rows = list(csv.DictReader(io.StringIO(operator.ask("learning-data"))))
    lines = [json.loads(line) for line in operator.ask("learning-data", "--format", "jsonl").splitlines()]
    assert {each["phantom_id"] for each in rows} == {each["phantom_id"] for each in lines} == ids
    first = next(each for each in rows if each["feature.rsi"])
    assert (first["feature.rsi"], first["feature.deep"], first["feature.word"]) == (
        "41.5",
        '{"a": [1.5]}',
        "",
    )
    second = next(each for each in rows if each["feature.word"])
    assert (second["feature.word"], second["feature.yes"]) == ("a,b", "true")
    assert (second["reason"], second["result"], second["bot"]) == ('a, "reason"', "0.01", "grid")
    assert "feature.unseen" not in rows[0]
    assert {"rsi": 41.5, "deep": {"a": [1.5]}} in [each["features"] for each in lines]
    assert all(each["closed_price"] == "101" and each["executed"] is True for each in lines)


def test_learning_data__whose_reader_leaves_is_no_error(operator: Operator) -> None:
    for _ in range(40):
        operator.phantom("grid", "won", "0.01", json.dumps({"text": "x" * 5000}))
    argv = [sys.executable, "-m", "runtime", "learning-data", "--format", "jsonl"]
    with subprocess.Popen(
        argv, cwd=ROOT, env=operator.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_reports__of_nothing_and_of_another_tenant_are_empty(traded: Operator) -> None:
    traded.phantom("grid", "won", "0.01", "{}")
    traded.environ["HOLDFAST_USER"] = "stranger"
    assert traded.ask_json("stats")["together"]["trades"] == 0
    assert traded.ask_json("stats")["together"]["win_rate"] is None
    assert traded.ask_json("leaderboard") == []
    assert traded.ask_json("phantoms")["together"]["total"] == 0
    assert traded.ask("learning-data", "--format", "jsonl") == ""
    for verb in ("stats", "leaderboard", "phantoms"):
        traded.ask(verb)


def test_learning_data__as_parquet_is_the_same_with_types(operator: Operator, tmp_path: Path) -> None:
    features = [
        '{"rsi": 41.5, "mixed": 1, "deep": {"a": [1.5]}}',
        '{"mixed": "word", "yes": true, "rsi": null}',
    ]
    ids = [str(operator.phantom("grid", "won", "0.010000000000000001", each)) for each in features]
    with (tmp_path / "learnt.parquet").open("wb") as file:
        argv = [sys.executable, "-m", "runtime", "learning-data", "--format", "parquet"]
        done = subprocess.run(
            argv, cwd=ROOT, env=operator.environ, stdout=file, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")
    table = pyarrow.parquet.read_table(tmp_path / "learnt.parquet")
    rows = {each["phantom_id"]: each for each in table.to_pylist()}
    assert set(rows) == set(ids)
    first, second = (rows[each] for each in ids)
    assert first["result"] == Decimal("0.010000000000000001")
    assert first["at"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert (first["feature.rsi"], first["feature.mixed"], first["feature.deep"]) == (
        41.5,
        "1",
        '{"a": [1.5]}',
    )
    assert (second["feature.rsi"], second["feature.mixed"], second["feature.yes"]) == (None, "word", "true")
    assert second["executed"] is True


def test_learning_data__as_parquet_without_its_library_says_how_to_have_it(operator: Operator) -> None:
    """As on a machine where `make parquet` never ran: Python refuses a name that stands for nothing."""
    program = (
        "import sys; sys.modules['pyarrow'] = None; from runtime.__main__ import main;"
        " sys.exit(main(['learning-data', '--format', 'parquet'], dict(__import__('os').environ)))"
    )
    argv = [sys.executable, "-c", program]
    done = subprocess.run(argv, cwd=ROOT, env=operator.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (23, "")
    assert done.stderr.startswith("LibraryMissing: Parquet needs the library pyarrow")
    assert "make parquet" in done.stderr


def test_stats__of_a_bot_say_what_it_risks_and_how_far_it_is_from_what_was_wanted(traded: Operator) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    ids = (traded.tenant, traded.bots["grid"], at)
    traded.database.rows(
        "insert into risk_marks (user_id, bot_id, at, exposure, drawdown, breaker_tripped, metrics)"
        " values (%s, %s, %s, 150, 12.5, true, '{}')",
        ids,
    )
    for asset, value, share in (("BTC/USDT", 90, "0.6"), ("ETH/USDT", -60, "-0.4")):
        traded.database.rows(
            "insert into allocations (user_id, bot_id, at, asset, value, share, target_share)"
            " values (%s, %s, %s, %s, %s, %s, 0.5)",
            (*ids, asset, value, Decimal(share)),
        )
    told = traded.ask_json("stats", "--bot", "grid")
    ((exposure, drawdown, tripped),) = (
        (each["exposure"], each["drawdown"], each["breaker_tripped"]) for each in told["risk"]
    )
    assert (exposure, drawdown, tripped) == ("150", "12.5", True)
    assert [(each["asset"], each["drift"]) for each in told["allocations"]] == [
        ("BTC/USDT", "0.1"),
        ("ETH/USDT", "-0.9"),
    ]
    shown = traded.ask("stats", "--bot", "grid")
    assert "2026-03-01 00:00" in shown
    assert "-90.0%" in shown
    assert traded.ask_json("stats")["risk"] == []
