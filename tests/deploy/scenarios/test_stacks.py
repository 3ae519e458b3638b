"""In which state a deploy may find a stack, how its change set may fail, and where CloudFormation says why."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.deploy.scenarios.stage import FIRST, SECOND, Change, Scene, open_stage
from tests.deploy.simulated.stack_parts import Course

BOT, TASKS, DATA, PLATFORM = (f"holdfast-dev-{each}" for each in ("bot", "tasks", "data", "platform"))
MOVING = (
    "CREATE_IN_PROGRESS ROLLBACK_IN_PROGRESS UPDATE_IN_PROGRESS UPDATE_COMPLETE_CLEANUP_IN_PROGRESS "
    "UPDATE_ROLLBACK_IN_PROGRESS UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS IMPORT_IN_PROGRESS "
    "IMPORT_ROLLBACK_IN_PROGRESS"
).split()
# Where a stack that moves comes to rest.
RESTS = {"CREATE_IN_PROGRESS": "CREATE_COMPLETE", "ROLLBACK_IN_PROGRESS": "ROLLBACK_COMPLETE"}


def put(scene: Scene, name: str, status: str, *, then: str = "", seconds: float = 90) -> None:
    """Somebody else did something to the stack, which may still be under way."""
    stack = scene.aws.cloudformation.stacks[name]
    stack.status = status
    if then:
        scene.aws.clock.after(seconds, lambda: setattr(stack, "status", then))


@pytest.mark.parametrize("status", MOVING)
def test_deploy__waits_for_a_stack_that_moves_and_goes_on(pushed: Scene, status: str) -> None:
    then = "UPDATE_ROLLBACK_COMPLETE" if "ROLLBACK" in status else "UPDATE_COMPLETE"
    put(pushed, TASKS, status, then=then)
    done = pushed.run("deploy")
    assert done.code == 0, done.says
    assert status in done.told
    assert SECOND in pushed.desk.definition.containers[0].image


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE"])
def test_deploy__a_stack_at_rest_may_be_changed_whatever_it_is_called(pushed: Scene, status: str) -> None:
    put(pushed, TASKS, status)
    assert pushed.run("deploy").code == 0


@pytest.mark.parametrize(
    ("name", "status", "word"),
    [
        (DATA, "CREATE_FAILED", "holds what remembers"),
        (DATA, "ROLLBACK_FAILED", "holds what remembers"),
        (DATA, "DELETE_FAILED", "make destroy"),
        (TASKS, "DELETE_FAILED", "make destroy"),
        (TASKS, "UPDATE_FAILED", "rollback-stack"),
        (TASKS, "IMPORT_ROLLBACK_FAILED", "import"),
    ],
)
def test_deploy__a_stack_that_nobody_may_touch_is_explained(
    pushed: Scene, name: str, status: str, word: str
) -> None:
    put(pushed, name, status)
    done = pushed.run("deploy")
    assert done.code in (1, 4)
    assert status in done.says
    assert word in done.says
    assert "cloudformation:ExecuteChangeSet" not in pushed.aws.changes()


def test_deploy__a_rollback_that_failed_is_continued(pushed: Scene) -> None:
    put(pushed, TASKS, "UPDATE_ROLLBACK_FAILED")
    assert pushed.run("deploy").code == 0
    assert pushed.aws.count("cloudformation", "ContinueUpdateRollback") == 1


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"])
def test_deploy__a_stack_that_was_never_whole_and_holds_nothing_is_made_anew(
    fresh: Scene, status: str
) -> None:
    fresh.run("deploy")
    fresh.push(FIRST, "v1")
    fresh.aws.cloudformation.courses[TASKS] = [Course(fails="Rate exceeded", stops_at=status)]
    assert fresh.run("deploy").code == 1
    assert fresh.aws.cloudformation.stacks[TASKS].status == status
    assert fresh.run("deploy").code == 0


def test_deploy__a_stack_that_was_only_reviewed_is_made(fresh: Scene) -> None:
    """Somebody looked at a change set in the console and left: the stack exists and has nothing in it."""
    fresh.aws.account().call(
        "cloudformation",
        "CreateChangeSet",
        StackName="holdfast-dev-network",
        ChangeSetName="looked-at",
        ChangeSetType="CREATE",
        TemplateBody=(fresh.templates / "Network.template.json").read_text("utf-8"),
    )
    assert fresh.run("deploy").code == 4
    assert fresh.aws.cloudformation.stacks["holdfast-dev-network"].status == "CREATE_COMPLETE"


def test_deploy__a_stack_that_never_comes_to_rest_is_given_up(pushed: Scene) -> None:
    put(pushed, TASKS, "UPDATE_IN_PROGRESS")
    done = pushed.run("deploy")
    assert done.code == 1
    assert "UPDATE_IN_PROGRESS" in done.says


# --- change sets ----------------------------------------------------------------------------------------------------


def test_deploy__with_nothing_to_change_changes_nothing(scene: Scene) -> None:
    done = scene.run("deploy")
    assert done.code == 0
    assert set(scene.aws.changes()) == {"s3:PutObject"}
    assert [each.arguments["Key"] for each in scene.aws.asked if each.operation == "PutObject"] == [
        "lock.json",
        "lock.json",
    ]


def test_plan__only_looks_and_its_exit_code_says_whether_there_is_something(pushed: Scene) -> None:
    assert pushed.run("plan").code == 2
    assert pushed.aws.changes() == []
    pushed.run("deploy")
    pushed.aws.asked.clear()
    assert pushed.run("plan").code == 0
    assert pushed.aws.changes() == []


def test_plan__of_an_empty_account_only_looks(fresh: Scene) -> None:
    assert fresh.run("plan").code == 2
    assert fresh.aws.changes() == []


def test_change_set__that_is_refused_says_why(pushed: Scene) -> None:
    pushed.aws.cloudformation.courses[TASKS] = [Course(refused="Parameter ImageDigest failed to satisfy")]
    done = pushed.run("deploy")
    assert done.code == 1
    assert "failed to satisfy" in done.says
    assert FIRST in pushed.desk.definition.containers[0].image


def test_change_set__whose_reason_stands_in_the_newer_events_alone_says_it(pushed: Scene) -> None:
    """The change set itself only says that a validation failed."""
    reason = "Resource of type AWS::ECS::TaskDefinition has an unsupported property Memori"
    pushed.aws.cloudformation.courses[TASKS] = [Course(refused=reason, hidden=True)]
    done = pushed.run("deploy")
    assert done.code == 1
    assert reason in done.says


def test_stack__that_fails_says_which_resource_and_why(pushed: Scene) -> None:
    pushed.aws.cloudformation.courses[TASKS] = [Course(fails="You are not authorized to PassRole")]
    done = pushed.run("deploy")
    assert done.code == 1
    assert "not authorized to PassRole" in done.says
    assert "UPDATE_ROLLBACK_COMPLETE" in done.says
    assert pushed.aws.ecs.ran == ["holdfast-dev-migrate"]


def test_stack__that_fails_with_its_reason_in_the_newer_events_alone_says_it(pushed: Scene) -> None:
    pushed.aws.cloudformation.courses[TASKS] = [Course(fails="quota of roles reached", hidden=True)]
    done = pushed.run("deploy")
    assert done.code == 1
    assert "quota of roles reached" in done.says


def test_stack__whose_first_creation_fails_leaves_nothing_and_can_be_made_again(fresh: Scene) -> None:
    """Else it would stand as ROLLBACK_COMPLETE and could never be updated."""
    fresh.run("deploy")
    fresh.push(FIRST, "v1")
    fresh.aws.cloudformation.courses[TASKS] = [Course(fails="Rate exceeded")]
    first = fresh.run("deploy")
    assert first.code == 1
    assert "Rate exceeded" in first.says
    assert TASKS not in fresh.aws.cloudformation.stacks
    assert fresh.run("deploy").code == 0


def test_stack__that_fails_on_its_way_is_mended_by_the_next_deploy(pushed: Scene) -> None:
    pushed.aws.cloudformation.courses[BOT] = [Course(fails="internal error")]
    assert pushed.run("deploy").code in (1, 3)
    assert pushed.run("deploy").code == 0
    assert SECOND in pushed.desk.definition.containers[0].image


def test_deploy__express_mode_is_refused(pushed: Scene) -> None:
    done = pushed.run("deploy", "--express")
    assert done.code == 4
    assert pushed.aws.changes() == []


# --- what remembers -------------------------------------------------------------------------------------------------


@pytest.fixture
def altered(alter: Callable[[str, Change], Scene]) -> Callable[[Change], Scene]:
    """The same stage with the resources of its Data template changed by hand."""
    return lambda change: alter("Data", change)


def _database(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resources["Database"]["Properties"]
    return found


@pytest.mark.parametrize("what", ["replaced", "removed"])
def test_deploy__that_would_lose_the_database_is_refused_before_anything_is_changed(
    altered: Callable[[Change], Scene], what: str
) -> None:
    if what == "replaced":
        scene = altered(lambda resources: _database(resources).update(StorageEncrypted=False))
    else:
        scene = altered(lambda resources: resources.pop("AccessLogs8B620ECA", resources.pop("Dumps", None)))
    done = scene.run("deploy")
    assert done.code == 4
    assert "would lose what remembers" in done.says
    assert "cloudformation:ExecuteChangeSet" not in scene.aws.changes()
    assert scene.aws.ecs.ran == ["holdfast-dev-migrate"]


def test_deploy__a_loss_that_is_named_is_let_through(
    altered: Callable[[Change], Scene],
) -> None:
    scene = altered(lambda resources: _database(resources).update(StorageEncrypted=False))
    done = scene.run("deploy", "--allow-replace", "Database")
    assert "would lose" not in done.says
    assert DATA in scene.aws.cloudformation.executed


def test_deploy__what_only_grows_is_no_loss(altered: Callable[[Change], Scene]) -> None:
    scene = altered(lambda resources: _database(resources).update(AllocatedStorage="30"))
    assert scene.run("deploy").code == 0


# --- after a destroy ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_deploy__after_a_destroy_begins_anew_beside_what_was_kept(
    stage: Callable[[str], Scene], name: str
) -> None:
    """Nothing of before counts: the new database is empty and must be migrated, whatever the old receipts say."""
    scene = stage(name)
    kept = set(scene.aws.s3.buckets)
    scene.backups([scene.good_backup()])
    gone = scene.run("destroy", "--confirm", scene.stage.prefix)
    assert gone.code == 0, gone.says
    assert kept <= set(scene.aws.s3.buckets)
    first = scene.run("deploy")
    assert first.code in (0, 4), first.says
    scene.push(FIRST, "v1")
    again = scene.run("deploy")
    assert again.code == 0, again.says
    assert scene.aws.ecs.ran.count(f"holdfast-{name}-migrate") == 2
    assert scene.desk.desired == 1


def test_rig__an_empty_stage_has_no_stacks() -> None:
    assert open_stage("dev").statuses() == set()
