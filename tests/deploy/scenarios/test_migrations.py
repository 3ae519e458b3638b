"""The migration runs once, and its own exit code decides: every way in which a task ends without having succeeded."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.deploy.scenarios.stage import FIRST, Change, Scene
from tests.deploy.simulated.rollouts import OneOff

MIGRATE = "holdfast-dev-migrate"


def nothing_rolled(scene: Scene) -> bool:
    """No service was touched: neither by its stack nor directly."""
    return (
        FIRST in scene.desk.definition.containers[0].image
        and "holdfast-dev-bot" not in scene.aws.cloudformation.executed[-2:]
        and "ecs:UpdateService" not in scene.aws.changes()
    )


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (OneOff(exit_code=7), "exit code 7"),
        (OneOff(exit_code=1), "exit code 1"),
        (OneOff(exit_code=None, stop_code="TaskFailedToStart",
                reason="CannotPullContainerError: no such image"), "CannotPullContainerError"),
        (OneOff(exit_code=None, stop_code="TaskFailedToStart",
                reason="ResourceInitializationError: unable to pull secrets"), "unable to pull secrets"),
        (OneOff(exit_code=None), "did not start"),
        (OneOff(exit_code=0, stop_code="UserInitiated", reason="stopped by ops"), "stopped by ops"),
        (OneOff(exit_code=0, stop_code="SpotInterruption", reason="Your Spot Task was interrupted."), "Spot"),
        (OneOff(exit_code=137, reason="OutOfMemoryError: Container killed"), "137"),
        (OneOff(failures=("RESOURCE:ENI",)), "RESOURCE:ENI"),
        (OneOff(failures=("Capacity is unavailable at this time",)), "Capacity"),
    ],
)  # fmt: skip
def test_migration__that_did_not_succeed_leaves_the_desks_alone(
    pushed: Scene, script: OneOff, words: str
) -> None:
    pushed.aws.ecs.one_offs[MIGRATE] = [script]
    done = pushed.run("deploy")
    assert done.code == 1
    assert words in done.says
    assert "No service was touched" in done.says
    assert nothing_rolled(pushed)


def test_migration__the_last_lines_arrive_after_the_task_has_gone(pushed: Scene) -> None:
    """The traceback is what is written last, and what a reader that stops with the task loses."""
    lines = tuple(f"line {number}" for number in range(20))
    pushed.aws.ecs.one_offs[MIGRATE] = [
        OneOff(exit_code=1, lines=lines, late=("Traceback", "LockNotAvailable: no lock"), late_seconds=6)
    ]
    done = pushed.run("deploy")
    assert "LockNotAvailable: no lock" in done.says
    assert all(line in done.told for line in lines)


def test_migration__a_line_is_told_once(pushed: Scene) -> None:
    pushed.aws.ecs.one_offs[MIGRATE] = [OneOff(lines=("only once",), seconds=120)]
    assert pushed.run("deploy").told.count("only once") == 1


def test_migration__that_says_nothing_at_all_is_still_judged_by_its_code(pushed: Scene) -> None:
    """Its log stream does not exist, and asking for it is an error."""
    pushed.aws.ecs.one_offs[MIGRATE] = [OneOff(exit_code=9, lines=())]
    done = pushed.run("deploy")
    assert done.code == 1
    assert "exit code 9" in done.says
    assert "it said nothing" in done.says


def test_migration__that_failed_is_tried_anew_and_not_found_again(pushed: Scene) -> None:
    """The client token must not give back the task that failed."""
    pushed.aws.ecs.one_offs[MIGRATE] = [OneOff(exit_code=1)]
    assert pushed.run("deploy").code == 1
    assert pushed.run("deploy").code == 0
    assert pushed.aws.ecs.ran.count(MIGRATE) == 3


def test_migration__that_takes_too_long_is_left_alone_and_found_again(pushed: Scene) -> None:
    pushed.aws.ecs.one_offs[MIGRATE] = [OneOff(seconds=5000)]
    first = pushed.run("deploy")
    assert first.code == 1
    assert "still ran" in first.says
    assert nothing_rolled(pushed)
    assert pushed.run("deploy").code == 0
    assert pushed.aws.ecs.ran.count(MIGRATE) == 2


def test_migration__a_failed_one_is_written_down(pushed: Scene) -> None:
    pushed.aws.ecs.one_offs[MIGRATE] = [OneOff(exit_code=3)]
    pushed.run("deploy")
    receipt = pushed.receipts()[-1]
    assert (receipt["outcome"], receipt["digest"]) == ("failed", FIRST)
    assert "exit code 3" in str(receipt["reason"])


def test_migration__in_prod_waits_for_a_snapshot_before_it(stage: Callable[[str], Scene]) -> None:
    scene = stage("prod")
    scene.push("sha256:" + "b" * 64, "v2")
    scene.aws.rds.snapshot_status = "failed"
    done = scene.run("deploy")
    assert done.code == 1
    assert "Nothing was migrated" in done.says
    assert scene.aws.ecs.ran == ["holdfast-prod-migrate"]


def test_migration__in_prod_a_snapshot_that_never_comes_ends_the_wait(stage: Callable[[str], Scene]) -> None:
    scene = stage("prod")
    scene.push("sha256:" + "b" * 64, "v2")
    scene.aws.rds.snapshot_seconds = None
    done = scene.run("deploy")
    assert done.code == 1
    assert "creating" in done.says
    assert scene.aws.ecs.ran == ["holdfast-prod-migrate"]


@pytest.mark.parametrize(("essential", "code"), [(True, 1), (False, 0)])
def test_migration__of_two_containers_both_must_end_well_if_both_are_needed(
    alter: Callable[[str, Change], Scene], essential: bool, code: int
) -> None:
    """Whoever looks at the first container alone sees a 0."""

    def add(resources: dict[str, Any]) -> None:
        for body in resources.values():
            if body["Type"] == "AWS::ECS::TaskDefinition" and body["Properties"]["Family"] == MIGRATE:
                (container,) = body["Properties"]["ContainerDefinitions"]
                second = {**container, "Name": "second", "Essential": essential}
                body["Properties"]["ContainerDefinitions"].append(second)

    scene = alter("Tasks", add)
    scene.aws.ecs.one_offs[MIGRATE] = [OneOff(exit_code=0, second_exit_code=5)]
    done = scene.run("deploy")
    assert done.code == code, done.says
    assert ("exit code 5" in done.says) is essential
