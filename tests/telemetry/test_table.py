"""The table of metrics: small for CloudWatch, whole for Prometheus, and the same as what the stacks draw."""

import re
from pathlib import Path

from runtime.telemetry import emf
from runtime.telemetry.table import METRICS, Kind
from stacks import metrics as drawn

CLOUDWATCH = [each for each in METRICS if each.in_cloudwatch]


def test_table__names_every_metric_once_and_says_what_it_is() -> None:
    assert len({each.name for each in METRICS}) == len(METRICS)
    assert len({each.prometheus_name for each in METRICS}) == len(METRICS)
    assert all(each.says.endswith(".") for each in METRICS)


def test_table__costs_fewer_than_ten_custom_metrics_for_each_desk() -> None:
    assert sum(not each.is_rare for each in CLOUDWATCH) < 10


def test_table__a_metric_that_cloudwatch_always_gets_is_told_apart_by_nothing() -> None:
    assert all(not each.labels for each in CLOUDWATCH if not each.is_rare)


def test_table__holds_exactly_what_the_stacks_draw_and_alarm_on() -> None:
    ours = {(each.name, each.unit, each.is_rare) for each in CLOUDWATCH}
    theirs = {
        (each.name, each.unit, each.is_rare)
        for each in drawn.METRICS.values()
        if each.sender in ("desk", "api")
    }
    assert ours == theirs
    assert (emf.NAMESPACE, emf.DIMENSIONS) == (drawn.NAMESPACE, drawn.DIMENSIONS)


def test_table__is_the_one_of_the_page() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (yes|rare)? ?\| (.+) \|$", page.read_text("utf-8"), re.MULTILINE
    )
    marks = {(False, False): "", (True, False): "yes", (True, True): "rare"}
    assert rows == [
        (each.name, each.kind.value, marks[each.in_cloudwatch, each.is_rare], each.says) for each in METRICS
    ]


def test_table__prometheus_names_follow_its_customs() -> None:
    names = {each.name: each.prometheus_name for each in METRICS}
    assert names["DatabaseRoundTripMs"] == "holdfast_database_round_trip_seconds"
    assert names["Heartbeat"] == "holdfast_heartbeat"
    assert all(each.prometheus_name.endswith("_seconds") for each in METRICS if each.kind is Kind.HISTOGRAM)
