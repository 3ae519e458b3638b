"""What the API tells CloudWatch: that it has a database, that it has none, and that an answer was its own fault."""

import json
from pathlib import Path
from typing import Any

from runtime.local import processes
from runtime.telemetry.emf import NAMESPACE
from stacks import metrics as drawn
from tests.api.serving import CANARY, SECONDS_MAX, Api, serving
from tests.database import Database
from tests.telemetry.specification import faults_of

QUICKLY = {"HOLDFAST_METRICS_SECONDS": "0.2", "HOLDFAST_STAGE": "dev"}


def lines(api: Api) -> list[dict[str, Any]]:
    said = [
        each for each in api.log().splitlines(keepends=True) if each.startswith("{") and each.endswith("}\n")
    ]
    told = [each for each in said if json.loads(each)["event"] == "telemetry"]
    assert [fault for each in told for fault in faults_of(each)] == []
    return [json.loads(each) for each in told]


def sent(line: dict[str, Any]) -> set[str]:
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    return {each["Name"] for each in directive["Metrics"]}


def wait_for(api: Api, is_so: Any) -> None:
    assert processes.wait_until(lambda: any(map(is_so, lines(api))), seconds_max=SECONDS_MAX), api.log()


def test_api__beats_while_the_database_answers_and_not_without(tmp_path: Path, database: Database) -> None:
    with serving(tmp_path, database.url("holdfast_api"), **QUICKLY) as api:
        wait_for(api, lambda line: line["Heartbeat"] > 0)
        assert {(each["Env"], each["Bot"]) for each in lines(api)} == {("dev", "api")}
        assert set().union(*map(sent, lines(api))) == {"Heartbeat"}
        database.rows("alter role holdfast_api nologin")
        database.rows("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'holdfast_api'")
        try:
            wait_for(api, lambda line: line["Heartbeat"] == 0)
        finally:
            database.rows("alter role holdfast_api login")
        assert "the database does not answer" in api.log()


def test_api__in_trouble_sends_every_metric_that_the_stacks_draw(tmp_path: Path, database: Database) -> None:
    with serving(tmp_path, database.url("holdfast_api"), **QUICKLY) as api:
        database.rows("alter table holdfast.jobs rename to gone")
        with api.client() as client:
            assert client.get("jobs").status_code == 500
        wait_for(api, lambda line: "ApiFaults" in sent(line))
        of_api = {each.name for each in drawn.METRICS.values() if each.sender == "api"}
        assert set().union(*map(sent, lines(api))) == {"Heartbeat", *of_api}


def test_api__believes_a_secret_that_its_environment_holds(tmp_path: Path, database: Database) -> None:
    secret = {
        "HOLDFAST_API_SECRET": CANARY,
        "HOLDFAST_API_SECRET_FILE": "",
    }
    with serving(tmp_path, database.url("holdfast_api"), **secret) as api:
        assert api.get("bots")["items"] == []
        assert secret["HOLDFAST_API_SECRET"] not in api.log()
