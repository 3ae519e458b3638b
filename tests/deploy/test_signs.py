"""What a task's own log proves, how a line is told, and what certificates and revisions say."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy import bundle, feeds, preflight
from deploy.errors import NoTemplates
from deploy.heartbeat import Signs, read_signs
from deploy.preflight import CA_FILE
from deploy.site import MIGRATIONS
from deploy.timeline import Timeline
from stacks.settings import read_stage
from tests.deploy.simulated.clock import VirtualClock
from tests.stacks import rig

LEASE = json.dumps({"event": "lease acquired", "account": "first", "epoch": 7, "seconds": 30})
BEAT = json.dumps({"event": "telemetry", "Heartbeat": 60, "_aws": {}})


@pytest.mark.parametrize(
    ("lines", "signs"),
    [
        ([], Signs()),
        ([LEASE], Signs(epoch=7)),
        ([BEAT], Signs(heartbeats=60)),
        ([LEASE, "not json", BEAT, BEAT], Signs(epoch=7, heartbeats=120)),
        ([json.dumps({"event": "telemetry", "Heartbeat": 0})], Signs()),
        (['{"event": "lease released", "epoch": 7}', "[1]", "null"], Signs()),
    ],
)
def test_signs__are_read_from_lines_of_ours_alone(lines: list[str], signs: Signs) -> None:
    assert read_signs(lines, Signs()) == signs


def test_signs__say_what_is_still_missing() -> None:
    assert Signs().missing == "heartbeat and no lease"
    assert Signs(heartbeats=1).missing == "lease"
    assert Signs(epoch=0, heartbeats=1).missing == ""


def test_line__is_told_as_event_and_facts_and_cut_where_it_is_long() -> None:
    assert feeds.render_line(LEASE) == "| lease acquired account=first epoch=7 seconds=30"
    assert feeds.render_line("plain") == "| plain"
    assert len(feeds.render_line("x" * 999)) < 220


def test_why_stopped__says_code_reason_and_each_container() -> None:
    task = {
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": [
            {"name": "desk", "exitCode": 1},
            {"name": "other", "reason": "CannotPullContainerError"},
        ],
    }
    said = feeds.why_stopped(task)
    assert said.endswith("desk: exit code 1; other: CannotPullContainerError")
    assert feeds.why_stopped({}) == "ECS gives no reason"


def test_timeline__text_and_json_say_the_same_with_the_time_that_went_by() -> None:
    clock = VirtualClock()
    text, objects = io.StringIO(), io.StringIO()
    lines = [Timeline(clock, out=text), Timeline(clock, out=objects, as_json=True)]
    clock.wait(75)
    for each in lines:
        each.tell("Bot", "UPDATE_COMPLETE", kind="stack")
    assert text.getvalue() == "   1:15  Bot           UPDATE_COMPLETE\n"
    told = json.loads(objects.getvalue())
    assert (told["elapsed_seconds"], told["source"], told["says"]) == (75.0, "Bot", "UPDATE_COMPLETE")


# --- certificates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "expected"), [(2026, []), (2061, ["note"]), (2300, ["fault"])], ids=["now", "soon", "ended"]
)
def test_certificates__their_end_is_noted_and_all_their_ends_are_a_fault(
    year: int, expected: list[str]
) -> None:
    found = list(preflight.certificates(CA_FILE, datetime(year, 6, 1, tzinfo=UTC)))
    assert ["fault" if each.stops else "note" for each in found] == expected


# --- the bundle -----------------------------------------------------------------------------------------------------


def test_bundle__stacks_come_after_what_they_stand_on() -> None:
    for variant in ("dev", "two-desks"):
        context = dict(rig.VARIANTS[variant])
        folder = rig.paths(variant)["Bot"].parent
        found = bundle.read(folder, read_stage(str(context["stage"]), context), migrations=MIGRATIONS)
        seen: set[str] = set()
        for stack in found.stacks:
            assert set(stack.needs) <= seen
            seen.add(stack.id)
        assert found.architecture == "arm64"


def test_bundle__a_desk_knows_its_parameters_alarms_and_secret() -> None:
    context = dict(rig.VARIANTS["two-desks"])
    folder = rig.paths("two-desks")["Bot"].parent
    one, two = bundle.read(folder, read_stage("prod", context), migrations=MIGRATIONS).desks
    assert (one.name, one.count_parameter, one.secrets) == ("one", "DesiredCountDeskOne", (rig.SECRET,))
    assert one.image_parameter.startswith("ImageDigest")
    assert "holdfast-prod-heartbeat-one" in one.alarms
    assert two.secrets == ()


def test_bundle__templates_of_another_stage_or_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NoTemplates):
        bundle.read(tmp_path, read_stage("dev"), migrations=MIGRATIONS)
    folder = rig.paths("prod")["Bot"].parent
    with pytest.raises(NoTemplates) as caught:
        bundle.read(folder, read_stage("dev"), migrations=MIGRATIONS)
    assert "another stage" in caught.value.facts["detail"]


def revision(folder: Path, name: str, below: str | None, *more: str) -> None:
    lines = [f'revision = "{name}"', f"down_revision = {below!r}".replace("'", '"'), *more]
    (folder / f"{name}_x.py").write_text("\n".join(lines), "utf-8")
    (folder / f"{name}_x.up.sql").write_text(f"-- {name}", "utf-8")


def test_revisions__are_in_order_with_their_sql_and_the_oldest_program_that_they_suit(tmp_path: Path) -> None:
    revision(tmp_path, "0002", "0001", 'oldest_program = "0001"')
    revision(tmp_path, "0001", None)
    revision(tmp_path, "0003", "0002")
    found = bundle.read_revisions(tmp_path)
    assert [(each.name, each.oldest_program, each.sql) for each in found] == [
        ("0001", "0001", "-- 0001"),
        ("0002", "0001", "-- 0002"),
        ("0003", "0003", "-- 0003"),
    ]
