"""What an operator asks between deploys, on a stage that the deployer itself brought up in the scripted AWS."""

import argparse
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deploy import errors, lock, status
from deploy.__main__ import VERBS
from deploy.errors import DeployError
from tests.deploy.scenarios.stage import FIRST, SECOND, Scene, open_stage, stand
from tests.deploy.simulated.drifts import Drift
from tests.deploy.simulated.rollouts import OneOff, Rollout

Daily = Callable[..., tuple[int, str]]


@pytest.fixture
def scene() -> Scene:
    return stand()


@pytest.fixture
def daily(scene: Scene) -> Daily:
    """A verb as a shell would run it: its exit code, and all that it said."""

    def run(verb: str, *words: str) -> tuple[int, str]:
        parser = argparse.ArgumentParser()
        VERBS[verb].add_arguments(parser)
        site = scene.site()
        out = site.timeline.out
        assert isinstance(out, io.StringIO)
        try:
            return VERBS[verb].run(site, parser.parse_args(words)), out.getvalue()
        except DeployError as fault:
            return fault.exit_code, f"{out.getvalue()}{fault}"

    return run


def back_up(scene: Scene) -> None:
    scene.dump()


def release_second(scene: Scene) -> None:
    scene.push(SECOND, "v2")
    done = scene.run("deploy")
    assert done.code == 0, done.says


# --- status ---------------------------------------------------------------------------------------------------------


def test_status__of_a_stage_that_trades_is_well_and_asks_without_changing(scene: Scene, daily: Daily) -> None:
    back_up(scene)
    scene.aws.asked.clear()
    code, said = daily("status")
    assert (code, "WRONG" in said) == (0, False), said
    assert "lease epoch 1" in said
    assert FIRST[:19] in said
    assert scene.aws.changes() == []


def test_status__without_a_backup_says_so(daily: Daily) -> None:
    code, said = daily("status")
    assert code == errors.UNHEALTHY
    assert "there is no backup yet" in said


@pytest.mark.parametrize(("hours", "is_old"), [(25, False), (27, True)])
def test_status__a_backup_that_is_older_than_a_day_and_a_bit_is_wrong(
    hours: int, is_old: bool, scene: Scene
) -> None:
    site = scene.site()
    desired = site.read_templates()
    now = status.see(site, desired)
    found = list(status.judge(replace(now, backup_at=now.at - timedelta(hours=hours)), desired))
    assert [each.startswith("the newest backup is of") for each in found] == [True] * is_old


def test_status__a_desk_that_nobody_paused_and_that_stands_still_is_wrong(scene: Scene, daily: Daily) -> None:
    back_up(scene)
    site = scene.site()
    cluster = next(iter(scene.aws.ecs.clusters))
    site.cloud.call("ecs", "UpdateService", cluster=cluster, service=scene.desk.name, desiredCount=0)
    scene.aws.clock.wait(60)
    code, said = daily("status")
    assert code == errors.UNHEALTHY
    assert "desk first is stopped, and nobody said that it is paused" in said


def test_status__before_the_first_deploy_everything_is_missing() -> None:
    scene = open_stage()
    with pytest.raises(errors.Unhealthy, match="stack Network is not there"):
        VERBS["status"].run(scene.site(), argparse.Namespace())


def test_status__tasks_that_deploys_and_pauses_stopped_are_no_sign_of_a_desk_that_dies(
    scene: Scene, daily: Daily
) -> None:
    back_up(scene)
    for _ in range(status.RESTARTS_MAX + 1):
        daily("pause")
        daily("resume")
    scene.aws.clock.wait(120)
    code, said = daily("status")
    assert (code, "0 ended in the last hour" in said) == (0, True), said


def test_status__what_a_release_died_of_that_was_taken_back_is_no_fault_of_the_one_that_runs(
    scene: Scene, daily: Daily
) -> None:
    back_up(scene)
    scene.push(SECOND, "v2")
    scene.aws.ecs.rollouts = [Rollout(ends="ROLLBACK_SUCCESSFUL", seconds=120)]
    assert scene.run("deploy").code == errors.ROLLED_BACK
    # Three of its tasks died, which the circuit breaker counted.
    dead = [each for each in scene.aws.ecs.tasks.all if each.stop_code == "EssentialContainerExited"]
    assert len(dead) > status.RESTARTS_MAX
    scene.aws.clock.wait(120)
    code, said = daily("status")
    assert (code, "0 ended in the last hour" in said) == (0, True), said


# --- pause and resume -----------------------------------------------------------------------------------------------


def test_pause__stops_the_desk_and_no_deploy_starts_it_again(scene: Scene, daily: Daily) -> None:
    back_up(scene)
    assert daily("pause", "--reason", "the venue is mad")[0] == 0
    assert scene.desk.desired == 0
    release_second(scene)
    assert scene.desk.desired == 0
    code, said = daily("status")
    assert (code, "paused, 0 running" in said) == (0, True), said
    assert daily("resume")[0] == 0
    assert scene.desk.desired == 1
    scene.aws.clock.wait(120)
    assert daily("status")[0] == 0


def test_pause__tells_the_alarms_of_this_desk_and_resume_tells_them_again(scene: Scene, daily: Daily) -> None:
    alarms = scene.aws.cloudformation.stacks[scene.stack("alarms-first")]
    assert alarms.parameters["DesiredCountDeskFirst"] == "1"
    daily("pause", "--desk", "first")
    assert alarms.parameters["DesiredCountDeskFirst"] == "0"
    daily("resume")
    assert alarms.parameters["DesiredCountDeskFirst"] == "1"


def test_pause__before_the_first_deploy_keeps_the_desk_stopped_through_it() -> None:
    scene = open_stage()
    nobody = argparse.Namespace(desk="", reason="its account is not enrolled")
    with pytest.raises(errors.Refused, match="was never deployed"):
        VERBS["pause"].run(scene.site(), nobody)
    assert scene.run("deploy").code == errors.REFUSED
    assert VERBS["pause"].run(scene.site(), nobody) == 0
    scene.push(FIRST, "v1")
    assert scene.run("deploy").code == 0
    assert scene.desk.desired == 0
    assert VERBS["resume"].run(scene.site(), argparse.Namespace(desk="")) == 0
    assert scene.desk.desired == 1


def test_pause__works_while_somebody_deploys(scene: Scene, daily: Daily) -> None:
    with scene.site("bob@desk").locked("deploy"):
        assert daily("pause")[0] == 0
        code, said = daily("resume")
    assert code == errors.LOCKED
    assert "bob@desk" in said
    assert scene.desk.desired == 0


@pytest.mark.parametrize("number", range(1, 12))
def test_pause__killed_at_any_request_is_finished_by_doing_it_again(
    number: int, scene: Scene, daily: Daily
) -> None:
    with scene.aws.killed_at(number, afterwards=True):
        daily("pause")
    assert daily("pause")[0] == 0
    assert scene.desk.desired == 0
    assert daily("resume")[0] == 0
    assert scene.desk.desired == 1


def test_pause__of_a_desk_that_is_not_there_names_those_that_are(daily: Daily) -> None:
    code, said = daily("pause", "--desk", "nobody")
    assert code == errors.BAD_USAGE
    assert "this stage has first" in said


def test_scale__knows_none_and_one(scene: Scene, daily: Daily) -> None:
    assert daily("scale", "--desk", "first", "0")[0] == 0
    assert scene.desk.desired == 0
    assert daily("scale", "--desk", "first", "1")[0] == 0
    assert scene.desk.desired == 1
    with pytest.raises(SystemExit):
        daily("scale", "--desk", "first", "2")


# --- rollback, releases, unlock -------------------------------------------------------------------------------------


def test_rollback__runs_the_release_before(scene: Scene, daily: Daily) -> None:
    release_second(scene)
    code, said = daily("rollback", "--reason", "it sells low")
    assert code == 0, said
    last = scene.receipts()[-1]
    assert (last["outcome"], last["digest"], last["reason"]) == ("rolled-back", FIRST, "it sells low")
    assert FIRST in json.dumps(scene.desk.definition.body)


def test_rollback__of_the_only_release_is_refused(scene: Scene, daily: Daily) -> None:
    code, said = daily("rollback")
    assert code == errors.REFUSED
    assert "no release before" in said
    assert scene.desk.desired == 1


def test_rollback__to_an_image_that_is_gone_is_refused(scene: Scene, daily: Daily) -> None:
    release_second(scene)
    for repository in scene.aws.ecr.repositories.values():
        del repository.images[FIRST]
    code, said = daily("rollback")
    assert code == errors.REFUSED
    assert "no longer holds" in said


def test_rollback__to_a_release_that_was_never_deployed_is_refused(daily: Daily) -> None:
    code, said = daily("rollback", "feedbeef")
    assert code == errors.REFUSED
    assert "'feedbeef'" in said


def test_releases__are_shown_the_newest_first(scene: Scene, daily: Daily) -> None:
    release_second(scene)
    code, said = daily("releases")
    assert code == 0
    assert said.index(SECOND[:19]) < said.index(FIRST[:19])


def test_unlock__wants_the_owner_by_name(scene: Scene, daily: Daily) -> None:
    assert "not locked" in daily("unlock")[1]
    bob = scene.site("bob@desk")
    held = lock.acquire(
        bob.cloud, bob.clock, stage="dev", bucket=bob.bucket, owner="bob@desk", purpose="deploy"
    )
    code, said = daily("unlock")
    assert code == errors.REFUSED
    assert "--owner bob@desk" in said
    assert daily("unlock", "--owner", "bob@desk")[0] == 0
    with pytest.raises(errors.LockLost):
        held.release()


# --- logs and exec --------------------------------------------------------------------------------------------------


def test_logs__show_every_page_in_the_order_of_time(scene: Scene, daily: Daily) -> None:
    code, said = daily("logs", "--since", "1h")
    assert code == 0
    assert said.count("Heartbeat") > 3
    assert said.index("lease acquired") < said.index("Heartbeat")


def test_logs__of_one_kind_or_with_one_word(scene: Scene, daily: Daily) -> None:
    assert "Heartbeat" not in daily("logs", "--kind", "migrate", "--since", "1d")[1]
    assert "Heartbeat" not in daily("logs", "--grep", "lease acquired", "--since", "1d")[1]
    assert daily("logs", "--kind", "drill")[1] == ""


@pytest.mark.parametrize("span", ["", "15", "m", "1w", "-1h"])
def test_logs__a_span_that_is_none_is_said(span: str, daily: Daily) -> None:
    code, said = daily("logs", f"--since={span}")
    assert code == errors.BAD_USAGE
    assert "write 30s, 15m, 6h or 2d" in said


@pytest.mark.parametrize("exit_code", [0, 7])
def test_exec__passes_the_exit_code_on_and_records_who_and_what(
    exit_code: int, scene: Scene, daily: Daily
) -> None:
    scene.aws.ecs.one_offs[scene.stack("desk-first")] = [
        OneOff(exit_code=exit_code, lines=("0 differences",))
    ]
    code, said = daily("exec", "--reason", "to look", "verify")
    assert code == exit_code
    assert "0 differences" in said
    bucket = scene.aws.s3.buckets[scene.bucket]
    (key,) = [each for each in bucket.keys if each.startswith("exec/")]
    found = bucket.latest(key)
    assert found is not None
    record = json.loads(found.body or b"")
    assert (record["who"], record["what"], record["reason"]) == ("ada@desk", ["verify"], "to look")
    assert (record["outcome"] == "done") == (exit_code == 0)
    assert scene.desk.desired == 1


def test_exec__that_takes_too_long_is_stopped(scene: Scene, daily: Daily) -> None:
    scene.aws.ecs.one_offs[scene.stack("desk-first")] = [OneOff(seconds=10_000)]
    code, said = daily("exec", "--minutes", "1", "verify")
    assert code == errors.REFUSED
    assert "was stopped" in said
    assert scene.aws.count("ecs", "StopTask") == 1


# --- doctor and drift -----------------------------------------------------------------------------------------------


def test_doctor__finds_nothing_where_nothing_is_wrong(scene: Scene, daily: Daily) -> None:
    scene.aws.others.subscribers["ops@example.org"] = True
    code, said = daily("doctor")
    assert (code, "!" in said) == (0, False), said


def test_doctor__finds_that_nobody_is_told(daily: Daily) -> None:
    code, said = daily("doctor")
    assert code == errors.UNHEALTHY
    assert "nobody is told of pages" in said


def test_doctor__finds_an_address_that_was_never_confirmed(scene: Scene, daily: Daily) -> None:
    scene.aws.others.subscribers["ops@example.org"] = False
    assert "ops@example.org has not confirmed" in daily("doctor")[1]


def test_doctor__finds_an_account_whose_tasks_are_retired_without_notice(scene: Scene, daily: Daily) -> None:
    scene.aws.ecs.retirement_days = "0"
    assert "at once, without notice" in daily("doctor")[1]


def test_doctor__finds_that_what_runs_is_no_longer_in_the_registry(scene: Scene, daily: Daily) -> None:
    for repository in scene.aws.ecr.repositories.values():
        repository.images.clear()
    assert f"no longer holds {FIRST}" in daily("doctor")[1]


def test_doctor__finds_an_interrupted_deploy(scene: Scene, daily: Daily) -> None:
    site = scene.site("bob@desk")
    with scene.aws.killed_at(3, afterwards=True), site.locked("deploy"):
        site.cloud.call("sts", "GetCallerIdentity")
        site.cloud.call("sts", "GetCallerIdentity")
    scene.aws.clock.wait(3600)
    assert "a deploy was interrupted" in daily("doctor")[1]


def test_drift__a_stage_as_its_templates_say_has_none(scene: Scene, daily: Daily) -> None:
    scene.aws.asked.clear()
    code, said = daily("drift")
    assert (code, f"{len(scene.aws.cloudformation.stacks)} stacks are as" in said) == (0, True), said
    assert set(scene.aws.changes()) == {"cloudformation:DetectStackDrift"}


def test_drift__what_somebody_changed_or_deleted_is_named(scene: Scene, daily: Daily) -> None:
    scene.aws.drifts.drifted[scene.stack("network")] = [
        Drift("Tasks", "AWS::EC2::SecurityGroup", "/SecurityGroupIngress/0", "null", "0.0.0.0/0"),
        Drift("S3", "AWS::EC2::VPCEndpoint"),
    ]
    code, said = daily("drift", "--stack", "Network")
    assert code == errors.UNHEALTHY
    assert "Tasks (AWS::EC2::SecurityGroup) has /SecurityGroupIngress/0 0.0.0.0/0, not null" in said
    assert "S3 (AWS::EC2::VPCEndpoint) was deleted" in said


def test_drift__a_count_that_a_pause_changed_is_none(scene: Scene, daily: Daily) -> None:
    scene.aws.drifts.drifted[scene.stack("bot")] = [
        Drift("DeskFirstService", "AWS::ECS::Service", "/DesiredCount", "1", "0")
    ]
    assert daily("drift")[0] == 0


def test_drift__a_stack_that_could_not_be_looked_at_is_not_well(scene: Scene, daily: Daily) -> None:
    scene.aws.drifts.unreadable.add(scene.stack("data"))
    code, said = daily("drift")
    assert code == errors.UNHEALTHY
    assert "permission to read AWS::KMS::Key" in said
