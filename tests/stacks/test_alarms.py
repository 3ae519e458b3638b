"""What rings and what is drawn: AWS's recommendations are met or waived, every alarm has a runbook and every runbook an
alarm, and nothing of ours is watched that the table of metrics does not have.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stacks.alarms import DEVIATIONS, GROUPS, alarms_of, waived
from stacks.metrics import DIMENSIONS, METRICS, NAMESPACE
from stacks.observability import SENDERS
from stacks.settings import Stage, read_stage
from tests.stacks.rig import ROOT, VARIANTS, every_resource, properties, templates, text_of

RECOMMENDED = json.loads((Path(__file__).parent / "recommended_alarms.json").read_text("utf-8"))["alarms"]
RUNBOOKS = ROOT / "docs" / "runbooks"
ACTION_SECTIONS = ("## What it means", "## First", "## Then")
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def stage_of(variant: str) -> Stage:
    return read_stage(VARIANTS[variant]["stage"], VARIANTS[variant])


def metric_alarms(variant: str, *, paused: bool = False) -> list[dict[str, Any]]:
    """As CloudWatch will have them, with every desk running or every desk stopped on purpose."""
    return [
        {name: decided(value, paused=paused) for name, value in alarm.items()}
        for alarm in properties(variant, "AWS::CloudWatch::Alarm")
    ]


def decided(value: Any, *, paused: bool) -> Any:
    match value:
        case {"Fn::If": ["Runs", running, stopped]}:
            return stopped if paused else running
        case _:
            return value


def every_name() -> set[str]:
    """Of alarms without their desk, and of composites."""
    return {alarm.name for variant in VARIANTS for alarm in alarms_of(stage_of(variant))} | set(GROUPS)


# --- what AWS recommends --------------------------------------------------------------------------------------------

COMPARISONS = {
    ">": "GreaterThanThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}


@every_variant
@pytest.mark.parametrize("advice", RECOMMENDED, ids=lambda each: f"{each['namespace']}-{each['metric']}")
def test_recommendation__is_met_or_waived_with_a_reason(variant: str, advice: dict[str, Any]) -> None:
    where = (advice["namespace"], advice["metric"])
    found = [each for each in metric_alarms(variant) if (each["Namespace"], each["MetricName"]) == where]
    reason = waived(stage_of(variant)).get(where, "")
    assert bool(found) != bool(reason), f"{where} is {'both' if found else 'neither'} present and waived"
    for alarm in found:
        differing = {name for name, value in told(advice).items() if value != told_by(alarm)[name]}
        allowed = {name for namespace, metric, name in DEVIATIONS if (namespace, metric) == where}
        assert differing <= allowed, (alarm["AlarmName"], differing)


def told(advice: dict[str, Any]) -> dict[str, Any]:
    """A threshold in words depends on a size; the settings' own tests and the snapshots hold it."""
    figures = {
        "statistic": advice["statistic"],
        "comparison": COMPARISONS[advice["comparison"]],
        "datapoints": advice["datapoints"],
        "missing": advice["missing"],
        "threshold": advice["threshold"],
    }
    return {
        name: value for name, value in figures.items() if name != "threshold" or not isinstance(value, str)
    }


def told_by(alarm: dict[str, Any]) -> dict[str, Any]:
    return {
        "statistic": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
        "comparison": alarm["ComparisonOperator"],
        "datapoints": alarm["EvaluationPeriods"],
        "missing": alarm["TreatMissingData"],
        "threshold": alarm["Threshold"],
    }


def test_recommendation__no_waiver_is_left_over() -> None:
    known = {(each["namespace"], each["metric"]) for each in RECOMMENDED}
    for variant in VARIANTS:
        assert set(waived(stage_of(variant))) <= known
    assert {(namespace, metric) for namespace, metric, _ in DEVIATIONS} <= known


def test_connections__ring_before_the_last_is_taken() -> None:
    for variant in ("dev", "prod"):
        alarm = next(each for each in metric_alarms(variant) if each["MetricName"] == "DatabaseConnections")
        assert alarm["Threshold"] == stage_of(variant).database_connections_max * 9 // 10


# --- our own --------------------------------------------------------------------------------------------------------


@every_variant
def test_desks__ring_when_they_fall_silent(variant: str) -> None:
    beats = [each for each in metric_alarms(variant) if each["MetricName"] == "Heartbeat"]
    # The API beats too, where there is one.
    assert len(beats) == len(stage_of(variant).desks) + stage_of(variant).has_api
    for each in beats:
        assert each["TreatMissingData"] == "breaching"
        assert each["ComparisonOperator"] == "LessThanThreshold"
        assert 3 <= each["EvaluationPeriods"] <= 5


def rings_on_nothing(alarm: dict[str, Any]) -> bool:
    """Whether the alarm rings for a desk that is stopped: its metrics are not sent, or ECS counts no task."""
    counts_tasks = alarm["MetricName"] == "RunningTaskCount"
    return bool(alarm["TreatMissingData"] == "breaching" or (counts_tasks and alarm["Threshold"] >= 0))


@every_variant
def test_desks__that_are_stopped_on_purpose_ring_nowhere(variant: str) -> None:
    of_desks = [each["AlarmName"] for each in metric_alarms(variant) if is_of_a_desk(each)]
    paused = {each["AlarmName"]: each for each in metric_alarms(variant, paused=True)}
    assert any(rings_on_nothing(each) for each in metric_alarms(variant) if is_of_a_desk(each))
    assert [name for name in of_desks if rings_on_nothing(paused[name])] == []
    # Neither a figure that is sent late nor one that stays away makes it ring.
    assert all(paused[name]["Threshold"] == -1 for name in of_desks if re.search("heartbeat|silent", name))


def is_of_a_desk(alarm: dict[str, Any]) -> bool:
    return alarm["Namespace"] in (NAMESPACE, "AWS/ECS", "ECS/ContainerInsights") and not any(
        each["Value"] in SENDERS for each in alarm["Dimensions"]
    )


@every_variant
def test_desks__are_meant_to_run_by_the_parameter_that_runs_them(variant: str) -> None:
    found = templates(variant)
    counts = {name for name in found["Bot"]["Parameters"] if name.startswith("DesiredCount")}
    assert counts == {name for stack in found if "Alarms" in stack for name in found[stack]["Parameters"]}
    for template in (each for stack, each in found.items() if "Alarms" in stack):
        ((name, parameter),) = template["Parameters"].items()
        assert parameter == found["Bot"]["Parameters"][name]
        assert template["Conditions"] == {"Runs": {"Fn::Equals": [{"Ref": name}, "1"]}}


@every_variant
def test_metrics__of_ours_are_those_of_the_table_with_its_dimensions(variant: str) -> None:
    for alarm in metric_alarms(variant):
        if alarm["Namespace"] == NAMESPACE:
            assert alarm["MetricName"] in METRICS
            assert {each["Name"] for each in alarm["Dimensions"]} == set(DIMENSIONS)


def test_metrics__each_is_watched_by_an_alarm() -> None:
    watched = {each["MetricName"] for each in metric_alarms("shown") if each["Namespace"] == NAMESPACE}
    assert watched == set(METRICS)


def test_metrics__a_desk_costs_fewer_than_ten() -> None:
    assert sum(each.sender == "desk" and not each.is_rare for each in METRICS.values()) < 10


@every_variant
def test_metrics__that_are_rare_ring_when_they_come_and_not_when_they_stay_away(variant: str) -> None:
    for alarm in metric_alarms(variant):
        found = METRICS.get(alarm["MetricName"])
        if found and found.is_rare and found.sender in ("desk", "api"):
            assert alarm["TreatMissingData"] == "notBreaching", alarm["AlarmName"]


@every_variant
def test_alarms__can_be_made_as_cloudwatch_wants_them(variant: str) -> None:
    for alarm in metric_alarms(variant):
        window = alarm["Period"] * alarm["EvaluationPeriods"]
        assert window <= (7 * 86400 if alarm["Period"] >= 3600 else 86400), alarm["AlarmName"]
        assert len(text_of(alarm["AlarmDescription"])) <= 900, "what the deploy fills in must fit too"
    names = [text_of(each["AlarmName"]) for each in metric_alarms(variant)]
    assert len(set(names)) == len(names)


@every_variant
def test_alarms__reach_somebody_themselves_or_through_a_composite(variant: str) -> None:
    gathered = "".join(
        text_of(each["AlarmRule"]) for each in properties(variant, "AWS::CloudWatch::CompositeAlarm")
    )
    for _, name, body in every_resource(variant):
        if (
            body["Type"] == "AWS::CloudWatch::Alarm"
            and "deploy-in-progress" not in body["Properties"]["AlarmName"]
        ):
            spoken = bool(body["Properties"].get("AlarmActions"))
            member = re.search(rf"{name[:-8]}(\.Arn|Arn)\b", gathered)
            assert spoken != bool(member), name


def test_composites__page_once_and_wait_for_a_deploy() -> None:
    composites = {each["AlarmName"]: each for each in properties("prod", "AWS::CloudWatch::CompositeAlarm")}
    assert set(composites) == {f"holdfast-prod-{group}" for group in GROUPS}
    page = composites["holdfast-prod-page"]
    assert "deployinprogress" in text_of(page["ActionsSuppressor"]).lower()
    assert page["ActionsSuppressorExtensionPeriod"] <= 900
    assert all(each["AlarmActions"] and each["OKActions"] for each in composites.values())
    assert properties("dev", "AWS::CloudWatch::CompositeAlarm") == []


# --- runbooks -------------------------------------------------------------------------------------------------------


def test_runbooks__are_those_of_the_alarms() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == every_name()


@pytest.mark.parametrize("name", sorted(every_name()))
def test_runbook__says_what_it_means_what_to_type_first_and_what_then(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert text.startswith(f"# {name}\n")
    assert [each for each in ACTION_SECTIONS if each not in text] == []
    assert re.search(r"## First\n.*?```\n[^`]+```", text, re.DOTALL)


@every_variant
def test_alarms__name_their_meaning_their_first_command_and_their_runbook(variant: str) -> None:
    alarms = metric_alarms(variant) + properties(variant, "AWS::CloudWatch::CompositeAlarm")
    for alarm in alarms:
        said = re.fullmatch(
            r".{20,} FIRST: .+ RUNBOOK: (docs/runbooks/[a-z-]+\.md)", text_of(alarm["AlarmDescription"])
        )
        assert said, alarm["AlarmName"]
        assert (ROOT / said[1]).is_file()
        assert not re.search(r"\b(CLUSTER|SERVICE|NAME|LOGS)\b", said[0]), (
            "a name is left for the reader to find"
        )


def test_runbooks__begin_with_the_command_that_the_alarm_names() -> None:
    for alarm in alarms_of(read_stage("prod")):
        text = (RUNBOOKS / f"{alarm.name}.md").read_text("utf-8")
        first = alarm.first.replace("holdfast-prod", "holdfast-STAGE")
        assert first in text, alarm.name


# --- the dashboard --------------------------------------------------------------------------------------------------


def drawn(variant: str) -> list[dict[str, Any]]:
    body = text_of(properties(variant, "AWS::CloudWatch::Dashboard")[0]["DashboardBody"])
    widgets: list[dict[str, Any]] = json.loads(body)["widgets"]
    return widgets


@every_variant
def test_dashboard__shows_what_is_wrong_first(variant: str) -> None:
    kinds = [each["type"] for each in drawn(variant)]
    assert kinds[:2] == ["text", "alarm"]
    assert len(drawn(variant)[1]["properties"]["alarms"]) == len(metric_alarms(variant)) + len(
        properties(variant, "AWS::CloudWatch::CompositeAlarm")
    )


@every_variant
def test_dashboard__draws_nothing_of_ours_that_is_not_in_the_table(variant: str) -> None:
    metrics = [metric for each in drawn(variant) for metric in each["properties"].get("metrics", ())]
    ours = {metric[1] for metric in metrics if metric[0] == NAMESPACE}
    assert ours
    assert ours <= set(METRICS)


@every_variant
def test_dashboard__fits_its_width(variant: str) -> None:
    assert all(each["x"] + each["width"] <= 24 for each in drawn(variant))
