"""The one-off tasks tell what the stacks alarm on: their table is that of the stacks, and a migration really sends."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.telemetry import tasks
from stacks import metrics as drawn
from tests.database import Database
from tests.engine.desk_process import environment
from tests.telemetry.specification import faults_of
from tests.venue import ROOT


def migrated(database: Database, *argv: str, **settings: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the lines for CloudWatch of a migration that runs as its task does."""
    done = subprocess.run(
        [sys.executable, "-m", "runtime", "migrate", *argv],
        cwd=ROOT,
        env=environment(DATABASE_URL=database.url(), **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert [fault for line in found for fault in faults_of(line)] == []
    return done.returncode, [json.loads(line) for line in found]


def names(line: dict[str, Any]) -> list[str]:
    return [each["Name"] for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]


def test_table__is_what_the_stacks_draw_and_alarm_on() -> None:
    ours = {(each.name, each.unit, each.task) for each in tasks.METRICS}
    theirs = {(each.name, each.unit, each.sender) for each in drawn.METRICS.values()}
    # Desks and the API have a table of their own; the deploy is no task and sends its own.
    assert ours == {each for each in theirs if each[2] not in ("desk", "api", "deploy")}


def test_table__is_the_one_of_the_page() -> None:
    page = Path(ROOT, "docs", "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (migrate|backup|drill|retention) \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(each.name, each.task, each.says) for each in tasks.METRICS]


def test_migrate__tells_that_it_went_in(database: Database) -> None:
    code, (line,) = migrated(database, HOLDFAST_STAGE="dev")
    assert (code, line["Env"], line["Bot"]) == (0, "dev", "migrate")
    assert (names(line), line["MigrationsFailed"]) == (["MigrationsFailed"], 0)


def test_migrate__tells_that_it_did_not(database: Database) -> None:
    code, (line,) = migrated(database, "no-such-revision", HOLDFAST_STAGE="dev")
    assert code != 0
    assert line["MigrationsFailed"] == 1


def test_migrate__by_hand_tells_cloudwatch_nothing(database: Database) -> None:
    assert migrated(database) == (0, [])


def test_counted__counts_whatever_it_fails_by(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), tasks.counted(tasks.MIGRATIONS_FAILED, stage="dev"):
        sys.exit(3)
    assert json.loads(capsys.readouterr().out)["MigrationsFailed"] == 1


def test_tell__gives_each_kind_of_task_a_line_of_its_own() -> None:
    out = io.StringIO()
    tasks.tell(dict.fromkeys(tasks.METRICS, 1.5), stage="prod", out=out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["Bot"], names(line)) for line in lines] == [
        ("backup", ["BackupAgeHours", "CaDaysLeft"]),
        ("drill", ["DrillAgeDays"]),
        ("migrate", ["MigrationsFailed"]),
        ("retention", ["RetentionLeft"]),
    ]
