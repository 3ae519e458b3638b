"""What would not go: stacks, databases and registries that cannot be deleted are explained, and gone on with."""

from collections.abc import Callable

import pytest

from tests.deploy.scenarios.stage import Scene, order
from tests.deploy.simulated.stack_parts import Course

BACKUP = "holdfast-dev-backup"


def test_stack__whose_interface_is_slow_to_go_is_tried_again_by_itself(doomed: Scene) -> None:
    doomed.aws.ecs.tasks.interface_seconds = 1500
    done = doomed.run("destroy")
    assert done.code == 0, done.says
    assert "still hold(s)" in done.told


def test_stack__with_a_dependent_object_is_explained_and_gone_on_with(doomed: Scene) -> None:
    doomed.aws.ecs.tasks.interfaces["lambda"] = "eni-of-somebody"
    first = doomed.run("destroy")
    assert first.code == 1
    assert "holdfast-dev-network" in first.says
    assert "has a dependent object" in first.says
    assert "describe-network-interfaces" in first.says
    assert doomed.statuses() == {"DELETE_FAILED"}
    del doomed.aws.ecs.tasks.interfaces["lambda"]
    again = doomed.run("destroy")
    assert again.code == 0, again.says
    assert doomed.aws.ecs.ran.count(BACKUP) == 1


def test_stack__with_what_can_never_go_leaves_it_when_it_is_named(doomed: Scene) -> None:
    doomed.aws.ecs.tasks.interfaces["lambda"] = "eni-of-somebody"
    first = doomed.run("destroy")
    assert first.error is not None
    left = first.error.facts["resources"]
    assert left.startswith("Tasks")
    assert doomed.run("destroy", "--leave", left).code == 0
    deletions = [each.arguments for each in doomed.aws.asked if each.operation == "DeleteStack"]
    assert deletions[-1]["RetainResources"] == [left]
    assert sum("RetainResources" in each for each in deletions) == 1


@pytest.mark.parametrize("name", ["observability", "bot", "tasks", "platform", "data", "network"])
def test_stack__that_failed_to_delete_once_is_deleted_in_the_end(doomed: Scene, name: str) -> None:
    doomed.aws.cloudformation.courses[f"holdfast-dev-{name}"] = [Course(fails="Internal failure")]
    assert doomed.run("destroy").code == 0
    assert doomed.statuses() == set()


@pytest.mark.parametrize("name", ["bot", "platform", "data"])
def test_stack__that_keeps_failing_is_told_with_its_reason_and_the_next_run_goes_on(
    doomed: Scene, name: str
) -> None:
    doomed.aws.cloudformation.courses[f"holdfast-dev-{name}"] = [Course(fails="Internal failure")] * 3
    first = doomed.run("destroy")
    assert first.code == 1
    assert f"holdfast-dev-{name}" in first.says
    assert "Internal failure" in first.says
    assert doomed.run("destroy").code == 0
    assert doomed.aws.ecs.ran.count(BACKUP) == 1
    assert doomed.aws.rds.deleted_without_snapshot == []


@pytest.mark.parametrize(
    "status",
    ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "CREATE_FAILED",
     "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_FAILED", "IMPORT_ROLLBACK_FAILED"],
)  # fmt: skip
def test_stack__in_whatever_state_it_stands_is_deleted(doomed: Scene, status: str) -> None:
    doomed.aws.cloudformation.stacks["holdfast-dev-observability"].status = status
    assert doomed.run("destroy").code == 0
    assert doomed.statuses() == set()


@pytest.mark.parametrize(
    "status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "CREATE_IN_PROGRESS"]
)
def test_stack__that_moves_is_waited_for_before_anything_is_stopped(doomed: Scene, status: str) -> None:
    stack = doomed.aws.cloudformation.stacks["holdfast-dev-bot"]
    stack.status = status
    doomed.aws.clock.after(90, lambda: setattr(stack, "status", "UPDATE_COMPLETE"))
    assert doomed.run("destroy").code == 0
    assert doomed.statuses() == set()


def test_stack__whose_deletion_somebody_began_is_waited_for(doomed: Scene) -> None:
    doomed.aws.account().call("cloudformation", "DeleteStack", StackName="holdfast-dev-observability")
    assert doomed.run("destroy").code == 0
    assert doomed.statuses() == set()


def test_registry__into_which_somebody_pushes_meanwhile_is_emptied_by_the_next_run(doomed: Scene) -> None:
    """Between the emptying and the deletion of its stack there is an image again."""
    doomed.aws.cloudformation.courses["holdfast-dev-platform"] = [
        Course(seconds=1, fails="The repository cannot be deleted because it still has images")
    ] * 3
    first = doomed.run("destroy")
    assert first.code == 1
    assert "still has images" in first.says
    doomed.push("sha256:" + "d" * 64, "v4")
    assert doomed.run("destroy").code == 0


def test_protection__falls_stack_by_stack_and_only_after_the_copies(prod: Scene) -> None:
    assert all(each.protected for each in prod.aws.cloudformation.stacks.values())
    assert prod.run("destroy", "--confirm", "holdfast-prod").code == 0
    found = order(prod, "rds:CreateDBSnapshot", "cloudformation:UpdateTerminationProtection")
    assert found == ["rds:CreateDBSnapshot", "cloudformation:UpdateTerminationProtection"]


def test_database__whose_deletion_was_begun_is_waited_for(doomed: Scene) -> None:
    doomed.aws.refuse("rds", "DescribeDBInstances", "ExpiredToken", times=99, passing=4)
    first = doomed.run("destroy")
    assert first.code == 1
    assert "Sign in again" in first.says
    doomed.aws.refusals.clear()
    doomed.aws.clock.wait(301)
    assert doomed.run("destroy").code == 0
    assert doomed.aws.rds.deleted_without_snapshot == []


def test_database__that_does_not_go_is_told(doomed: Scene) -> None:
    doomed.aws.rds.deletion_seconds = 3 * 3600
    first = doomed.run("destroy")
    assert first.code == 1
    assert "deleting" in first.says
    doomed.aws.clock.wait(3 * 3600)
    assert doomed.run("destroy").code == 0


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("rds", "CreateDBSnapshot", "rds:CreateDBSnapshot"),
        ("rds", "DeleteDBInstance", "rds:DeleteDBInstance"),
        ("cloudformation", "DeleteStack", "cloudformation:DeleteStack"),
        ("kms", "DescribeKey", "kms:DescribeKey"),
        ("ecr", "BatchDeleteImage", "ecr:BatchDeleteImage"),
    ],
)
def test_permission__that_is_missing_is_named_and_once_given_it_goes_on(
    doomed: Scene, service: str, operation: str, action: str
) -> None:
    doomed.aws.refuse(service, operation, "AccessDenied", "no")
    first = doomed.run("destroy")
    assert first.code == 1
    assert f"may not do {action} " in first.says
    assert doomed.run("destroy").code == 0
    assert doomed.aws.ecs.ran.count(BACKUP) == 1


@pytest.mark.parametrize("name", ["aurora", "aurora-prod"])
def test_cluster__goes_after_its_members_and_its_snapshot(stage: Callable[[str], Scene], name: str) -> None:
    scene = stage(name)
    scene.backups([scene.good_backup()])
    done = scene.run("destroy", "--confirm", scene.stage.prefix)
    assert done.code == 0, done.says
    assert scene.aws.rds.clusters == {}
    assert scene.aws.rds.instances == {}
    assert len([each for each in scene.aws.rds.snapshots if "-final-" in each]) == 1
