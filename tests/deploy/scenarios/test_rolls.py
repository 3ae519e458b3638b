"""What becomes of a desk that is rolled: every way in which ECS looks content and is not."""

from collections.abc import Callable

import pytest

from tests.deploy.scenarios.stage import FIRST, SECOND, Scene
from tests.deploy.simulated.rollouts import Rollout

ROLLED_BACK = Rollout(ends="ROLLBACK_SUCCESSFUL", seconds=120)


def runs(scene: Scene) -> str:
    """The digest that the desk's task definition names, whatever anybody says."""
    return scene.desk.definition.containers[0].image.partition("@")[2]


def outcome(scene: Scene) -> object:
    return scene.receipts()[-1]["outcome"]


def test_roll__a_good_image_runs_and_is_written_down(pushed: Scene) -> None:
    done = pushed.run("deploy")
    assert (done.code, runs(pushed), outcome(pushed)) == (0, SECOND, "deployed")
    assert pushed.aws.ecs.ran == ["holdfast-dev-migrate"] * 2


def test_roll__rolled_back_and_stable_is_no_success(pushed: Scene) -> None:
    """The service has one deployment, running equals desired, and the old image runs: services_stable calls it good."""
    pushed.aws.ecs.rollouts = [ROLLED_BACK]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed)) == (3, FIRST)
    assert "circuit breaker" in done.says
    assert outcome(pushed) == "rolled-back"


def test_roll__a_stack_that_is_content_after_a_rollback_is_not_believed(pushed: Scene) -> None:
    """CloudFormation says UPDATE_COMPLETE, and ECS went back to the old tasks."""
    pushed.aws.ecs.rollouts = [Rollout(ends="ROLLBACK_SUCCESSFUL", seconds=90, stack_is_content=True)]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed), outcome(pushed)) == (3, FIRST, "rolled-back")


def test_roll__a_rollback_that_fails_calls_for_a_person(pushed: Scene) -> None:
    pushed.aws.ecs.rollouts = [
        Rollout(ends="ROLLBACK_FAILED", seconds=90),
        Rollout(ends="ROLLBACK_FAILED", seconds=90),
    ]
    done = pushed.run("deploy")
    assert done.code == 1
    assert "the rollback to" in done.says
    assert "need a person" in done.says


def test_roll__an_old_success_is_not_taken_for_the_new_deployment(pushed: Scene) -> None:
    """The list is short of the newest for a while, and what it has first is SUCCESSFUL."""
    pushed.aws.ecs.rollouts = [
        Rollout(ends="ROLLBACK_SUCCESSFUL", seconds=100, listed_seconds=60, stack_is_content=True)
    ]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed)) == (3, FIRST)


def test_roll__a_deployment_that_is_listed_late_is_waited_for(pushed: Scene) -> None:
    pushed.aws.ecs.rollouts = [Rollout(listed_seconds=70, stack_is_content=True)]
    assert pushed.run("deploy").code == 0
    assert runs(pushed) == SECOND


def test_roll__a_deployment_that_is_never_listed_is_not_believed(pushed: Scene) -> None:
    pushed.aws.ecs.rollouts = [Rollout(listed_seconds=None, stack_is_content=True)]
    done = pushed.run("deploy")
    assert done.code == 3
    assert "cannot be proved" in done.says


def test_roll__many_old_deployments_do_not_hide_the_new_one(pushed: Scene) -> None:
    """The list comes in pages of two."""
    for _ in range(3):
        pushed.aws.ecs.update_service({"service": pushed.desk.name, "forceNewDeployment": True})
        pushed.aws.clock.wait(120)
    assert pushed.run("deploy").code == 0
    assert runs(pushed) == SECOND


def test_roll__a_heartbeat_that_never_comes_takes_the_release_back(pushed: Scene) -> None:
    """ECS is content: the task runs, and nothing ticks in it."""
    pushed.aws.ecs.rollouts = [Rollout(has_heartbeat=False)]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed)) == (3, FIRST)
    assert "no heartbeat" in done.says


def test_roll__the_heartbeat_of_the_old_task_is_not_the_new_ones(pushed: Scene) -> None:
    """The old task of the same desk wrote to the same log group until a moment ago."""
    pushed.aws.clock.wait(600)
    pushed.aws.ecs.rollouts = [Rollout(has_heartbeat=False, takes_lease=False)]
    done = pushed.run("deploy")
    assert done.code == 3
    assert "no heartbeat and no lease" in done.says


def test_roll__a_lease_that_is_never_taken_takes_the_release_back(pushed: Scene) -> None:
    pushed.aws.ecs.rollouts = [Rollout(takes_lease=False)]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed)) == (3, FIRST)
    assert "no lease" in done.says


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (Rollout(ends="ROLLBACK_SUCCESSFUL", exit_code=None, stop_code="TaskFailedToStart",
                 reason="CannotPullContainerError: manifest unknown"), "circuit breaker"),
        (Rollout(ends="ROLLBACK_SUCCESSFUL", exit_code=137,
                 reason="OutOfMemoryError: Container killed due to memory usage"), "circuit breaker"),
        (Rollout(ends="STOPPED", seconds=40), "circuit breaker"),
    ],
)  # fmt: skip
def test_roll__whatever_stops_the_tasks_the_old_release_runs_again(
    pushed: Scene, script: Rollout, word: str
) -> None:
    pushed.aws.ecs.rollouts = [script]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed)) == (3, FIRST)
    assert word in done.says
    assert script.ends == "STOPPED" or script.reason in done.told


def test_roll__a_task_that_lives_does_not_make_an_aborted_deployment_good(pushed: Scene) -> None:
    """Somebody stopped the deployment: the new task runs, holds its lease and ticks."""
    pushed.aws.ecs.rollouts = [Rollout(ends="STOPPED", seconds=90, lives=True, stack_is_content=True)]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed)) == (3, FIRST)
    assert "STOPPED" in done.says


def test_roll__a_deployment_that_never_ends_is_stopped_and_taken_back(pushed: Scene) -> None:
    """Without a deadline of our own a deploy would wait for three hours."""
    pushed.aws.ecs.rollouts = [Rollout(ends="IN_PROGRESS")]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed)) == (3, FIRST)
    assert pushed.aws.count("ecs", "StopServiceDeployment") == 1


def test_roll__an_alarm_in_the_bake_time_takes_the_release_back(pushed: Scene) -> None:
    alarm = "holdfast-dev-fenced-write-first"
    pushed.aws.ecs.rollouts = [
        Rollout(on_end=lambda: pushed.aws.others.ring(alarm, after_seconds=150)),
    ]
    done = pushed.run("deploy")
    assert (done.code, runs(pushed)) == (3, FIRST)
    assert alarm in done.says


def test_roll__an_alarm_that_rang_before_is_not_the_new_releases(pushed: Scene) -> None:
    pushed.aws.others.alarms["holdfast-dev-unknown-order-first"].state = "ALARM"
    assert pushed.run("deploy").code == 0


def test_roll__an_image_that_was_rolled_back_once_may_be_tried_again(pushed: Scene) -> None:
    pushed.aws.ecs.rollouts = [ROLLED_BACK]
    assert pushed.run("deploy").code == 3
    assert pushed.run("deploy").code == 0
    assert runs(pushed) == SECOND


# --- counts ---------------------------------------------------------------------------------------------------------


def test_count__a_desk_that_somebody_stopped_stays_stopped(pushed: Scene) -> None:
    """The count in a template starts a bot again that an operator had stopped."""
    pushed.aws.ecs.update_service({"service": pushed.desk.name, "desiredCount": 0})
    pushed.aws.clock.wait(60)
    assert pushed.run("deploy").code == 0
    assert (pushed.desk.desired, runs(pushed)) == (0, SECOND)
    assert not [each for each in pushed.aws.ecs.tasks.of(pushed.desk) if each.status == "RUNNING"]


def test_count__a_paused_desk_stays_paused_over_two_deploys(pushed: Scene) -> None:
    pushed.aws.s3.put(pushed.bucket, "paused/first", b"{}")
    pushed.aws.ecs.update_service({"service": pushed.desk.name, "desiredCount": 0})
    pushed.aws.clock.wait(60)
    assert [pushed.run("deploy").code for _ in range(2)] == [0, 0]
    assert pushed.desk.desired == 0


def test_count__a_pause_while_the_deploy_runs_is_obeyed(pushed: Scene) -> None:
    """The kill switch asks for no lock: it comes between the plan and the roll."""
    pushed.aws.clock.after(30, lambda: pushed.aws.s3.put(pushed.bucket, "paused/first", b"{}"))
    assert pushed.run("deploy").code == 0
    assert pushed.desk.desired == 0


def test_count__the_first_deploy_starts_no_bot_before_the_schema_is_there(fresh: Scene) -> None:
    fresh.run("deploy")
    fresh.push(FIRST, "v1")
    started: list[int] = []
    fresh.aws.ecs.one_offs["holdfast-dev-migrate"] = [
        fresh.good_migration(lambda: started.append(len(fresh.aws.ecs.desks)))
    ]
    assert fresh.run("deploy").code == 0
    assert started == [0]
    assert fresh.desk.desired == 1


@pytest.fixture
def beside(pushed: Scene) -> Scene:
    """The second release is deployed, and somebody put the service back to the first one, past the stack."""
    assert pushed.run("deploy").code == 0
    old = next(each for each in pushed.aws.ecs.definitions.values() if FIRST in each.containers[0].image
               and "desk" in each.family)  # fmt: skip
    old.active = True
    pushed.aws.ecs.update_service({"service": pushed.desk.name, "taskDefinition": old.arn})
    pushed.aws.clock.wait(200)
    pushed.aws.s3.put(pushed.bucket, "releases/20990101T000000Z-x.json", _failed_receipt(pushed))
    return pushed


def test_count__a_service_changed_beside_its_stack_is_put_right(beside: Scene) -> None:
    """The stack sees no difference, so a change set alone would leave the old definition running."""
    assert beside.run("deploy").code == 0
    assert runs(beside) == SECOND


def test_roll__the_earlier_success_of_the_same_definition_is_not_this_one(beside: Scene) -> None:
    """It is listed, of the very definition that is wanted, and SUCCESSFUL; what was begun now fails minutes later,
    after a task that seemed to live."""
    beside.aws.ecs.rollouts = [
        Rollout(ends="ROLLBACK_SUCCESSFUL", seconds=240, lives=True, listed_seconds=30)
    ]
    done = beside.run("deploy")
    assert done.code != 0
    assert "circuit breaker" in done.says


def _failed_receipt(scene: Scene) -> bytes:
    """As after a deploy that was killed: the newest receipt does not say that this image is what runs."""
    newest = [each for each in scene.aws.s3.buckets[scene.bucket].keys if each.startswith("releases/")][-1]
    body = scene.aws.s3.buckets[scene.bucket].latest(newest)
    assert body is not None
    assert body.body is not None
    return body.body.replace(b'"deployed"', b'"failed"')


# --- two desks ------------------------------------------------------------------------------------------------------


def test_desks__the_second_one_fails_and_both_run_the_old_release(stage: Callable[[str], Scene]) -> None:
    scene = stage("two-desks")
    scene.push(SECOND, "v2")
    scene.aws.ecs.rollouts = [Rollout(), ROLLED_BACK]
    done = scene.run("deploy")
    assert done.code == 3, done.says
    images = {each.definition.containers[0].image.partition("@")[2] for each in scene.aws.ecs.desks.values()}
    assert images == {FIRST}
