"""The lines for CloudWatch: valid by its specification, counters as what was added, money as text."""

import io
import json
from decimal import Decimal
from typing import Any

import pytest

from runtime.telemetry import emf, table
from runtime.telemetry.meters import SAMPLE_MAX, Meters
from tests.telemetry.specification import faults_of


def flushed(meters: Meters, writer: emf.Writer, out: io.StringIO) -> dict[str, Any]:
    out.seek(0)
    out.truncate()
    writer.flush()
    line = out.getvalue()
    assert line.endswith("}\n")
    assert "\n" not in line[:-1]
    assert faults_of(line) == []
    fields: dict[str, Any] = json.loads(line)
    return fields


@pytest.fixture
def meters() -> Meters:
    return Meters()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def writer(meters: Meters, out: io.StringIO) -> emf.Writer:
    return emf.Writer(meters, stage="dev", desk="main", every_seconds=60, out=out)


def metric_names(fields: dict[str, Any]) -> set[str]:
    return {each["Name"] for each in fields["_aws"]["CloudWatchMetrics"][0]["Metrics"]}


def test_line__has_the_dimensions_env_and_bot_and_no_others(
    meters: Meters, writer: emf.Writer, out: io.StringIO
) -> None:
    fields = flushed(meters, writer, out)
    assert fields["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Env", "Bot"]]
    assert (fields["Env"], fields["Bot"]) == ("dev", "main")
    assert (fields["level"], fields["event"]) == ("info", "telemetry")


def test_line__tells_what_was_counted_since_the_line_before(
    meters: Meters, writer: emf.Writer, out: io.StringIO
) -> None:
    meters.count(table.HEARTBEAT, by=3)
    assert flushed(meters, writer, out)["Heartbeat"] == 3
    meters.count(table.HEARTBEAT)
    assert flushed(meters, writer, out)["Heartbeat"] == 1
    assert flushed(meters, writer, out)["Heartbeat"] == 0


def test_line__tells_a_gauge_as_it_stands_and_none_that_was_never_set(
    meters: Meters, writer: emf.Writer, out: io.StringIO
) -> None:
    assert "Quarantined" not in metric_names(flushed(meters, writer, out))
    meters.set(table.QUARANTINED, 2)
    for _ in range(2):
        fields = flushed(meters, writer, out)
        assert fields["Quarantined"] == 2
        assert "Quarantined" in metric_names(fields)


def test_line__makes_a_rare_metric_of_what_happened_and_none_of_what_did_not(
    meters: Meters, writer: emf.Writer, out: io.StringIO
) -> None:
    assert "SavesFailed" not in metric_names(flushed(meters, writer, out))
    meters.count(table.SAVES_FAILED, by=2)
    fields = flushed(meters, writer, out)
    assert ("SavesFailed" in metric_names(fields), fields["SavesFailed"]) == (True, 2)
    assert "SavesFailed" not in metric_names(flushed(meters, writer, out))


def test_line__tells_cloudwatch_the_sum_and_the_reader_the_parts(
    meters: Meters, writer: emf.Writer, out: io.StringIO
) -> None:
    meters.count(table.OBSERVATIONS_DROPPED, "candle", by=3)
    meters.count(table.OBSERVATIONS_DROPPED, "phantom")
    fields = flushed(meters, writer, out)
    assert fields["ObservationsDropped"] == 4
    assert fields["ObservationsDroppedBy"] == {"candle": 3, "phantom": 1}
    assert "ObservationsDropped" in metric_names(fields)


def test_line__tells_round_trips_in_milliseconds_and_never_too_many(
    meters: Meters, writer: emf.Writer, out: io.StringIO
) -> None:
    meters.observe(table.DATABASE_ROUND_TRIP, 0.0125)
    assert flushed(meters, writer, out)["DatabaseRoundTripMs"] == [12.5]
    assert "DatabaseRoundTripMs" not in flushed(meters, writer, out)
    for _ in range(SAMPLE_MAX * 5):
        meters.observe(table.DATABASE_ROUND_TRIP, 0.001)
    assert flushed(meters, writer, out)["DatabaseRoundTripMs"] == [1.0] * SAMPLE_MAX


def test_line__tells_other_durations_made_up_for_a_reader(
    meters: Meters, writer: emf.Writer, out: io.StringIO
) -> None:
    for hundredth in range(1, 101):
        meters.observe(table.TICK_SECONDS, hundredth / 100)
    told = flushed(meters, writer, out)["TickSeconds"]
    assert told == {"count": 100, "p50": 0.51, "p99": 1.0, "max": 1.0}


def test_line__tells_money_as_text(meters: Meters, writer: emf.Writer, out: io.StringIO) -> None:
    meters.set(table.EQUITY, Decimal("1E+3"), "one")
    assert flushed(meters, writer, out)["Equity"] == {"one": "1000"}


def test_writer__is_due_after_its_interval(meters: Meters, out: io.StringIO) -> None:
    assert not emf.Writer(meters, stage="dev", desk="main", every_seconds=60, out=out).is_due
    assert emf.Writer(meters, stage="dev", desk="main", every_seconds=0, out=out).is_due


def test_line__the_first_comes_soon_and_then_each_after_its_time(meters: Meters, out: io.StringIO) -> None:
    writer = emf.Writer(meters, stage="dev", desk="main", every_seconds=3600, out=out)
    assert 0 < writer.due_in_seconds <= emf.FIRST_SECONDS
    writer.flush()
    assert 3500 < writer.due_in_seconds <= 3600


def test_sample__is_fair_to_early_and_late_values() -> None:
    meters = Meters()
    for number in range(10_000):
        meters.observe(table.DATABASE_ROUND_TRIP, number)
    sample = meters.take_spreads()[table.DATABASE_ROUND_TRIP].sample
    early = sum(each < 5_000 for each in sample)
    assert 20 < early < 80  # six standard deviations to each side


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda root: root.pop("Env"), "the dimension Env"),
        (lambda root: root.update(Heartbeat="1"), "Heartbeat is '1'"),
        (lambda root: root.update(Heartbeat=[1] * 101), "Heartbeat is"),
        (lambda root: root["_aws"].pop("Timestamp"), "_aws holds"),
        (
            lambda root: root["_aws"]["CloudWatchMetrics"][0]["Metrics"][0].update(Unit="Ticks"),
            "unit 'Ticks'",
        ),
    ],
)
def test_specification__sees_what_cloudwatch_would_refuse(
    change: Any, complaint: str, meters: Meters, writer: emf.Writer, out: io.StringIO
) -> None:
    root = flushed(meters, writer, out)
    change(root)
    assert complaint in " ".join(faults_of(json.dumps(root)))
