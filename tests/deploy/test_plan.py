"""The plan, from values alone: what is asked for, what is there, and which steps that makes."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import botocore.session
import pytest

from deploy import bundle, steps
from deploy.bundle import Desired
from deploy.errors import Destructive, ImageMissing, StackStuck
from deploy.observe import Image, LiveDesk, LiveStack, Observed
from deploy.plan import CHANGEABLE, Plan, Wishes, plan
from deploy.releases import DEPLOYED, DESTROYED, FAILED, ROLLED_BACK, Release
from deploy.site import MIGRATIONS
from stacks.settings import read_stage
from tests.stacks import rig

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


@cache
def desired_of(variant: str = "dev") -> Desired:
    context = dict(rig.VARIANTS[variant])
    folder = rig.paths(variant)["Bot"].parent
    return bundle.read(folder, read_stage(str(context["stage"]), context), migrations=MIGRATIONS)


def receipt(desired: Desired, outcome: str = DEPLOYED, *, minutes: int = 0, digest: str = OLD) -> Release:
    return Release(
        id=f"r{minutes}",
        at=START + timedelta(minutes=minutes),
        outcome=outcome,
        digest=digest,
        wanted=digest,
        schema=desired.head if digest else "",
        program=desired.head,
        desks={each.name: 1 for each in desired.desks} if digest else {},
    )


def standing(desired: Desired, *, digest: str = OLD, newest: str = OLD) -> Observed:
    """A stage as a deploy of `digest` left it; `newest` is what the registry holds now."""
    values = {each.count_parameter: "1" for each in desired.desks}
    values |= {"ImageDigest": digest} | {each.image_parameter: digest for each in desired.desks}
    stacks = {
        each.name: LiveStack(
            name=each.name,
            stack_id=f"arn:{each.name}",
            status="UPDATE_COMPLETE",
            template=each.template,
            parameters={name: values[name] for name in each.parameters if name in values},
            outputs={"ClusterName": "c", "RepositoryUri": "1.dkr.ecr/images"},
        )
        for each in desired.stacks
    }
    desks = {
        each.name: LiveDesk(
            name=each.name, service=each.name, desired=1, running=1, pending=0, task_definition="td"
        )
        for each in desired.desks
    }
    return Observed(
        account_id="123456789012",
        region="us-east-1",
        bucket="b",
        bucket_exists=True,
        stacks=stacks,
        desks=desks,
        releases=(receipt(desired, digest=digest),),
        image=Image(digest=newest, tags=("v",)),
    )


def without(observed: Observed, *names: str) -> Observed:
    return replace(observed, stacks={n: each for n, each in observed.stacks.items() if n not in names})


def with_status(observed: Observed, name: str, status: str) -> Observed:
    found = replace(observed.stacks[name], status=status)
    return replace(observed, stacks={**observed.stacks, name: found})


def kinds(found: Plan) -> list[str]:
    return [type(each).__name__ for each in found.steps]


def rolled(found: Plan) -> dict[str, int]:
    return {each.desk: each.count for each in found.steps if isinstance(each, steps.RollDesk)}


def changed_template(desired: Desired, stack_id: str, change: Any) -> Desired:
    stack = desired.stack(stack_id)
    template = json.loads(stack.body)
    change(template)
    other = replace(stack, template=template, body=json.dumps(template))
    return replace(desired, stacks=tuple(other if each.id == stack_id else each for each in desired.stacks))


# --- the whole -----------------------------------------------------------------------------------------------------


def test_plan__of_a_stage_that_is_as_it_should_be_is_empty() -> None:
    for variant in ("dev", "prod", "two-desks"):
        desired = desired_of(variant)
        assert plan(desired, standing(desired), Wishes()).is_empty


def test_plan__of_nothing_is_the_foundations_and_no_more() -> None:
    desired = desired_of()
    empty = Observed(account_id="1", region="us-east-1", bucket="b")
    found = plan(desired, empty, Wishes())
    assert kinds(found) == ["MakeBucket", "ChangeStack", "ChangeStack", "ChangeStack"]
    assert [each.stack for each in found.steps[1:]] == ["Network", "Data", "Platform"]  # type: ignore[union-attr]
    assert found.again


def test_plan__of_foundations_without_an_image_is_refused_with_the_commands_that_push_one() -> None:
    desired = desired_of()
    observed = replace(standing(desired), image=None, releases=())
    found = plan(desired, observed, Wishes(image="v7"))
    (refusal,) = found.refusals
    assert isinstance(refusal, ImageMissing)
    assert not found.steps
    assert "1.dkr.ecr/images:v7" in str(refusal)
    assert "ARCH=arm64" in str(refusal)


def test_plan__of_a_first_release_migrates_before_the_desks_and_makes_them_at_zero() -> None:
    desired = desired_of()
    later = [each.name for each in desired.stacks if each.id not in ("Network", "Data", "Platform")]
    observed = replace(without(standing(desired), *later), desks={}, releases=())
    found = plan(desired, observed, Wishes())
    assert kinds(found) == [
        *("ChangeStack", "Verify", "Migrate"),
        *("ChangeStack", "RollDesk", "ChangeStack", "ChangeStack", "Bake", "WriteReceipt"),
    ]
    bot = found.steps[3]
    assert isinstance(bot, steps.ChangeStack)
    assert bot.create
    assert bot.parameters["DesiredCountDeskFirst"] == "0"
    assert rolled(found) == {"first": 1}


def test_plan__of_a_new_image_changes_tasks_migrates_and_rolls_each_desk_in_turn() -> None:
    desired = desired_of("two-desks")
    found = plan(desired, standing(desired, newest=NEW), Wishes(bake_seconds=7))
    assert kinds(found) == [
        "ChangeStack", "Verify", "Snapshot", "Migrate", "RollDesk", "RollDesk", "Bake", "WriteReceipt",
    ]  # fmt: skip
    assert rolled(found) == {"one": 1, "two": 1}
    bake = found.steps[-2]
    assert isinstance(bake, steps.Bake)
    assert bake.seconds == 7


def test_plan__a_stage_that_is_not_protected_takes_no_snapshot() -> None:
    desired = desired_of()
    assert "Snapshot" not in kinds(plan(desired, standing(desired, newest=NEW), Wishes()))


# --- desks ----------------------------------------------------------------------------------------------------------


def test_count__a_paused_desk_stays_stopped() -> None:
    desired = desired_of("two-desks")
    observed = replace(standing(desired, newest=NEW), paused=frozenset(("one",)))
    assert rolled(plan(desired, observed, Wishes())) == {"one": 0, "two": 1}


def test_count__a_desk_that_somebody_scaled_to_zero_stays_there_without_a_note() -> None:
    desired = desired_of()
    observed = standing(desired, newest=NEW)
    stopped = replace(observed, desks={"first": replace(observed.desks["first"], desired=0, running=0)})
    assert rolled(plan(desired, stopped, Wishes())) == {"first": 0}
    assert plan(desired, replace(stopped, image=Image(digest=OLD)), Wishes()).counts == {"first": 0}


def test_count__a_desk_that_was_made_and_never_released_is_started() -> None:
    """The deployer died between making the service at zero and starting it."""
    desired = desired_of()
    observed = standing(desired)
    made = replace(
        observed, releases=(), desks={"first": replace(observed.desks["first"], desired=0, running=0)}
    )
    assert rolled(plan(desired, made, Wishes())) == {"first": 1}


def test_roll__a_deploy_that_did_not_come_to_its_receipt_is_proved_again() -> None:
    desired = desired_of()
    observed = standing(desired, digest=NEW, newest=NEW)
    unfinished = replace(observed, releases=(receipt(desired, digest=OLD),))
    assert kinds(plan(desired, unfinished, Wishes())) == [
        "Verify",
        "Migrate",
        "RollDesk",
        "Bake",
        "WriteReceipt",
    ]


def test_roll__after_a_rollback_the_image_that_failed_is_tried_again() -> None:
    desired = desired_of()
    observed = standing(desired, newest=NEW)
    back = replace(receipt(desired, ROLLED_BACK, minutes=5), wanted=NEW)
    found = plan(desired, replace(observed, releases=(back, *observed.releases)), Wishes())
    assert rolled(found) == {"first": 1}


def stray(observed: Observed, *names: str) -> Observed:
    found = {name: LiveStack(name=name, stack_id=name, status="CREATE_COMPLETE") for name in names}
    return replace(observed, stacks={**observed.stacks, **found})


def test_taken_out__a_desks_alarms_go_after_what_gathers_them_and_before_the_desk() -> None:
    desired = desired_of()

    def gathered_more(template: dict[str, Any]) -> None:
        name = next(n for n, e in template["Resources"].items() if e["Type"] == "AWS::CloudWatch::Dashboard")
        template["Resources"][name]["Properties"]["DashboardBody"] = "of two desks"

    was = changed_template(desired, "Observability", gathered_more)
    observed = stray(standing(was, newest=NEW), "holdfast-dev-alarms-second", "holdfast-dev-elsewhere")
    found = plan(desired, observed, Wishes())
    assert kinds(found)[2:6] == ["Migrate", "ChangeStack", "DropStack", "RollDesk"]
    dropped = found.steps[4]
    assert isinstance(dropped, steps.DropStack)
    assert dropped.name == "holdfast-dev-alarms-second"
    assert kinds(found).count("ChangeStack") == 2


def test_taken_out__together_with_a_new_desk_it_is_two_deploys() -> None:
    desired = desired_of()
    observed = without(stray(standing(desired), "holdfast-dev-alarms-second"), "holdfast-dev-alarms-first")
    (refusal,) = plan(desired, observed, Wishes()).refusals
    assert "two deploys" in str(refusal)


# --- the migration --------------------------------------------------------------------------------------------------


def test_migrate__after_a_destroy_the_empty_database_is_migrated_though_an_old_receipt_knows_the_head() -> (
    None
):
    desired = desired_of()
    observed = standing(desired)
    gone = receipt(desired, DESTROYED, minutes=9, digest="")
    assert "Migrate" in kinds(plan(desired, replace(observed, releases=(gone, *observed.releases)), Wishes()))


def test_migrate__a_failed_one_is_tried_again() -> None:
    desired = desired_of()
    observed = standing(desired, newest=NEW)
    failed = receipt(desired, FAILED, minutes=5)
    found = plan(desired, replace(observed, releases=(failed, *observed.releases)), Wishes())
    assert "Migrate" in kinds(found)


def test_migrate__a_database_behind_the_checkout_is_migrated_by_the_image_that_runs() -> None:
    desired = desired_of()
    observed = standing(desired)
    behind = replace(observed, releases=(replace(observed.releases[0], schema="0001"),))
    assert "Migrate" in kinds(plan(desired, behind, Wishes()))


# --- stacks that do not stand still -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "step"),
    [
        ("CREATE_IN_PROGRESS", "AwaitStack"),
        ("UPDATE_IN_PROGRESS", "AwaitStack"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "AwaitStack"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "AwaitStack"),
        ("ROLLBACK_IN_PROGRESS", "AwaitStack"),
        ("DELETE_IN_PROGRESS", "AwaitStack"),
        ("ROLLBACK_COMPLETE", "ClearStack"),
        ("CREATE_FAILED", "ClearStack"),
        ("ROLLBACK_FAILED", "ClearStack"),
        ("UPDATE_ROLLBACK_FAILED", "ContinueRollback"),
    ],
)
def test_stack__is_brought_to_rest_before_anything_else(status: str, step: str) -> None:
    desired = desired_of()
    found = plan(desired, with_status(standing(desired, newest=NEW), "holdfast-dev-bot", status), Wishes())
    assert kinds(found) == [step]
    assert found.again


@pytest.mark.parametrize("status", ["DELETE_FAILED", "UPDATE_FAILED", "IMPORT_ROLLBACK_FAILED"])
def test_stack__that_a_deploy_cannot_mend_is_explained(status: str) -> None:
    desired = desired_of()
    found = plan(desired, with_status(standing(desired), "holdfast-dev-bot", status), Wishes())
    (refusal,) = found.refusals
    assert isinstance(refusal, StackStuck)
    assert refusal.facts["remedy"]


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_FAILED"])
def test_stack__that_remembers_is_not_cleared_away(status: str) -> None:
    desired = desired_of()
    found = plan(desired, with_status(standing(desired), "holdfast-dev-data", status), Wishes())
    assert not found.steps
    assert isinstance(found.refusals[0], StackStuck)


def test_roll__says_what_each_service_is_waited_for() -> None:
    said = str(steps.RollDesk(desk="first", count=1))
    assert said == "roll desk first, and wait for SUCCESSFUL, a heartbeat and the lease of the new task"
    said = str(steps.RollDesk(desk="api", count=1))
    assert said == "roll the API, and wait for SUCCESSFUL and a heartbeat of the new task"
    assert str(steps.RollDesk(desk="api", count=0)) == "roll the API, which stays stopped"


def test_stack__one_that_is_only_under_review_is_made() -> None:
    desired = desired_of()
    observed = with_status(standing(desired), "holdfast-dev-observability", "REVIEW_IN_PROGRESS")
    made = [each for each in plan(desired, observed, Wishes()).steps if isinstance(each, steps.ChangeStack)]
    assert [(each.stack, each.create) for each in made] == [("Observability", True)]


def test_stack__every_status_of_cloudformation_has_an_answer() -> None:
    desired = desired_of()
    observed = standing(desired)
    for status in all_statuses():
        found = plan(desired, with_status(observed, "holdfast-dev-bot", status), Wishes())
        resting = status in CHANGEABLE or status in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
        assert resting or found.steps or found.refusals, status


def all_statuses() -> list[str]:
    model = botocore.session.get_session().get_service_model("cloudformation")
    return list(model.shape_for("StackStatus").enum)


# --- what remembers ---------------------------------------------------------------------------------------------------


def rename_database(template: dict[str, Any]) -> None:
    database = next(each for each in template["Resources"].values() if each["Type"] == "AWS::RDS::DBInstance")
    database["Properties"]["KmsKeyId"] = "another"


def drop_bucket(template: dict[str, Any]) -> None:
    name = next(n for n, each in template["Resources"].items() if each["Type"] == "AWS::S3::Bucket")
    del template["Resources"][name]


@pytest.mark.parametrize("change", [rename_database, drop_bucket])
def test_losses__are_refused_until_they_are_named(change: Any) -> None:
    desired = changed_template(desired_of(), "Data", change)
    observed = standing(desired_of(), newest=NEW)
    (refusal,) = plan(desired, observed, Wishes()).refusals
    assert isinstance(refusal, Destructive)
    lost = frozenset(each.resource for each in plan(desired, observed, Wishes()).changes if each.loses)
    assert len(lost) == 1
    assert not plan(desired, observed, Wishes(allow_replace=lost)).refusals


def test_losses__a_larger_database_is_none() -> None:
    def grow(template: dict[str, Any]) -> None:
        database = next(e for e in template["Resources"].values() if e["Type"] == "AWS::RDS::DBInstance")
        database["Properties"]["DBInstanceClass"] = "db.t4g.large"

    desired = changed_template(desired_of(), "Data", grow)
    found = plan(desired, standing(desired_of()), Wishes())
    assert not found.refusals
    assert [each.stack for each in found.steps if isinstance(each, steps.ChangeStack)] == ["Data"]
