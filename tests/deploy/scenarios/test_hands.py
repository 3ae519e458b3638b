"""Who may deploy, from where, and only one at a time: credentials, permissions, throttling, and the lock."""

import json
from datetime import timedelta

import pytest

from deploy import lock
from tests.deploy.scenarios.stage import FIRST, SECOND, Scene, open_stage
from tests.deploy.simulated.kms import Secret


def runs(scene: Scene) -> str:
    return scene.desk.definition.containers[0].image.partition("@")[2]


def held_by(scene: Scene) -> dict[str, object]:
    found = scene.aws.s3.buckets[scene.bucket].latest("lock.json")
    assert found is not None
    told: dict[str, object] = json.loads(found.body or b"")
    return told


# --- whose account --------------------------------------------------------------------------------------------------


def test_account__of_somebody_else_is_not_even_looked_at(scene: Scene) -> None:
    scene.aws.standing.account_id = "999999999999"
    object.__setattr__(scene.stage, "account_id", "123456789012")
    for verb in ("plan", "deploy", "destroy"):
        done = scene.run(verb)
        assert done.code == 4
        assert "123456789012" in done.says
        assert "999999999999" in done.says
    assert {each.service for each in scene.aws.asked} == {"sts"}


def test_region__of_another_stage_is_refused(scene: Scene) -> None:
    object.__setattr__(scene.stage, "region", "eu-west-1")
    done = scene.run("deploy")
    assert done.code == 4
    assert "eu-west-1" in done.says
    assert scene.aws.changes() == []


# --- what AWS lets us do --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "operation", "said", "action"),
    [
        (
            "ecs",
            "RunTask",
            "User: ada is not authorized to perform: iam:PassRole on resource: x",
            "iam:PassRole",
        ),
        ("ecs", "RunTask", "denied", "ecs:RunTask"),
        ("cloudformation", "CreateChangeSet", "User is not authorized", "cloudformation:CreateChangeSet"),
        ("cloudformation", "ExecuteChangeSet", "User is not authorized", "cloudformation:ExecuteChangeSet"),
        ("ecr", "DescribeImages", "denied", "ecr:DescribeImages"),
        ("ecs", "DescribeServices", "denied", "ecs:DescribeServices"),
        ("logs", "GetLogEvents", "denied", "logs:GetLogEvents"),
        ("s3", "ListObjectsV2", "Access Denied", "s3:ListBucket"),
        ("s3", "HeadBucket", "Forbidden", "s3:ListBucket"),
    ],
)
def test_permission__that_is_missing_is_named(
    pushed: Scene, service: str, operation: str, said: str, action: str
) -> None:
    code = "403" if operation == "HeadBucket" else "AccessDeniedException"
    pushed.aws.refuse(service, operation, code, said, times=99)
    done = pushed.run("deploy")
    assert done.code == 1
    assert f"may not do {action} " in done.says
    assert runs(pushed) == FIRST


def test_permission__once_given_lets_the_deploy_go_on_where_it_stopped(pushed: Scene) -> None:
    pushed.aws.refuse("ecs", "DescribeTaskDefinition", "AccessDeniedException", "denied")
    assert pushed.run("deploy").code == 1
    assert pushed.run("deploy").code == 0
    assert runs(pushed) == SECOND
    assert pushed.aws.ecs.ran.count("holdfast-dev-migrate") == 2


@pytest.mark.parametrize("number", [5, 20, 40, 60, 80, 100, 120])
def test_credentials__that_expire_on_the_way_are_told_and_the_next_run_goes_on(
    pushed: Scene, number: int
) -> None:
    """Hours of waiting outlive a session token. The lock cannot be given back either, and must not stand in the way."""
    pushed.aws.refuse_from(number, "ExpiredTokenException", "The security token is expired", times=400)
    done = pushed.run("deploy")
    assert done.code == 1
    assert "Sign in again" in done.says
    pushed.aws.refusals.clear()
    pushed.aws.clock.wait(lock.TTL_SECONDS)
    again = pushed.run("deploy")
    assert again.code == 0, again.says
    assert runs(pushed) == SECOND
    assert pushed.aws.ecs.ran.count("holdfast-dev-migrate") == 2


@pytest.mark.parametrize("code", ["Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"])
def test_throttling__is_outlasted(pushed: Scene, code: str) -> None:
    pushed.aws.refuse_from(30, code, "Rate exceeded", times=4)
    assert pushed.run("deploy").code == 0
    assert runs(pushed) == SECOND


def test_throttling__on_the_second_page_does_not_end_the_list(pushed: Scene) -> None:
    """A paginator that raised is spent: the rest of the list would silently be missing."""
    pushed.aws.refuse("cloudformation", "DescribeStacks", "Throttling", times=1, passing=1)
    account = pushed.aws.account()
    found = [each["StackName"] for each in account.pages("cloudformation", "DescribeStacks", "Stacks")]
    assert sorted(found) == sorted(pushed.aws.cloudformation.stacks)
    assert len(found) == len(set(found))


def test_throttling__without_end_is_told(pushed: Scene) -> None:
    pushed.aws.refuse_from(30, "Throttling", "Rate exceeded")
    done = pushed.run("deploy")
    assert done.code == 1
    assert "patience" in done.says


# --- what must be there first ---------------------------------------------------------------------------------------


def test_image__that_is_not_in_the_registry_stops_before_the_tasks(fresh: Scene) -> None:
    fresh.run("deploy")
    done = fresh.run("deploy", "--image", "v9")
    assert done.code == 4
    assert "docker push" in done.says
    assert "holdfast-dev-tasks" not in fresh.aws.cloudformation.stacks


def test_image__that_a_running_stage_lacks_changes_nothing(scene: Scene) -> None:
    done = scene.run("deploy", "--image", SECOND)
    assert done.code == 4
    assert runs(scene) == FIRST
    assert "cloudformation:ExecuteChangeSet" not in scene.aws.changes()


def test_image__of_the_wrong_architecture_is_refused_before_the_migration(scene: Scene) -> None:
    scene.push(SECOND, "v2", architectures=("amd64",))
    done = scene.run("deploy")
    assert done.code == 4
    assert "amd64" in done.says
    assert "ARCH=arm64" in done.says
    assert scene.aws.ecs.ran == ["holdfast-dev-migrate"]


def test_role__that_somebody_deleted_is_missed_before_the_migration(pushed: Scene) -> None:
    gone = next(each for each in pushed.aws.others.roles if "migrate" in each)
    pushed.aws.others.roles.discard(gone)
    done = pushed.run("deploy")
    assert done.code == 4
    assert gone in done.says
    assert pushed.aws.ecs.ran == ["holdfast-dev-migrate"]


def test_subnets__that_are_full_are_told_at_once_with_every_other_fault(pushed: Scene) -> None:
    pushed.aws.others.free_addresses = 2
    pushed.aws.others.roles.clear()
    done = pushed.run("deploy")
    assert done.code == 4
    assert "free addresses" in done.says
    assert "is gone" in done.says


def test_secret__of_a_venue_that_is_not_there_stops_the_deploy() -> None:

    scene = open_stage("prod", variant="two-desks")
    scene.run("deploy")
    scene.push(FIRST, "v1")
    done = scene.run("deploy")
    assert done.code == 4
    assert "There is no secret" in done.says
    arn = next(each.keys_secret_arn for each in scene.stage.desks if each.keys_secret_arn)
    scene.aws.kms.secrets[arn] = Secret(arn)
    assert scene.run("deploy").code == 0


# --- the lock -------------------------------------------------------------------------------------------------------


def take_lock(scene: Scene, owner: str, *, seconds: float = 300) -> None:
    now = scene.aws.clock.now()
    held = lock.Held(owner=owner, purpose="deploy", since=now, until=now + timedelta(seconds=seconds))
    scene.aws.s3.put(scene.bucket, "lock.json", lock.render(held))


@pytest.mark.parametrize("verb", ["deploy", "destroy"])
def test_lock__that_somebody_holds_stops_us_before_anything(pushed: Scene, verb: str) -> None:
    take_lock(pushed, "bob@laptop")
    done = pushed.run(verb)
    assert done.code == 5
    assert "bob@laptop" in done.says
    assert pushed.aws.changes() == []


def test_lock__does_not_stop_who_only_looks(pushed: Scene) -> None:
    take_lock(pushed, "bob@laptop")
    assert pushed.run("plan").code == 2
    assert pushed.run("destroy", "--plan").code == 2


def test_lock__that_ran_out_is_taken_over(pushed: Scene) -> None:
    take_lock(pushed, "bob@laptop", seconds=60)
    pushed.aws.clock.wait(61)
    assert pushed.run("deploy").code == 0


def test_lock__is_given_back_after_a_failure(pushed: Scene) -> None:
    pushed.aws.refuse("ecs", "RunTask", "AccessDeniedException")
    assert pushed.run("deploy").code == 1
    assert held_by(pushed)["released"] is True


def test_lock__is_renewed_as_long_as_the_work_goes_on(pushed: Scene) -> None:
    """A deploy takes longer than the lock lasts; whoever comes in the middle must find it held."""
    seen: list[object] = []
    pushed.aws.clock.after(380, lambda: seen.append(held_by(pushed)))
    assert pushed.run("deploy").code == 0
    (found,) = seen
    assert found["released"] is False  # type: ignore[index]
    assert str(found["until"]) > "2026-11-21T12:15"  # type: ignore[index]


def test_lock__that_is_broken_under_us_stops_us_at_once(pushed: Scene) -> None:
    pushed.aws.clock.after(70, lambda: take_lock(pushed, "bob@laptop", seconds=3600))
    done = pushed.run("deploy")
    assert done.code == 5
    assert "bob@laptop" in done.says
    assert held_by(pushed)["owner"] == "bob@laptop"
    assert len(pushed.receipts()) == 1


def test_lock__of_two_who_come_at_once_one_gets_it(pushed: Scene) -> None:
    """Both read that it is free; between our reading and our writing the other one writes."""

    def bob_is_quicker(key: str) -> None:
        if key == "lock.json":
            pushed.aws.s3.before_put.clear()
            take_lock(pushed, "bob@laptop")

    pushed.aws.s3.before_put.append(bob_is_quicker)
    done = pushed.run("deploy")
    assert done.code == 5
    assert "bob@laptop" in done.says
    assert pushed.aws.changes() == ["s3:PutObject"]


def test_lock__two_deploys_run_one_after_the_other(pushed: Scene) -> None:
    codes = []
    pushed.aws.clock.after(120, lambda: codes.append(pushed.run("deploy", owner="bob@laptop").code))
    codes.append(pushed.run("deploy").code)
    assert codes == [5, 0]


def test_receipt__of_the_same_instant_overwrites_none(pushed: Scene) -> None:
    before = len(pushed.receipts())
    assert pushed.run("deploy").code == 0
    assert len(pushed.receipts()) == before + 1
    puts = [each for each in pushed.aws.asked if str(each.arguments.get("Key")).startswith("releases/")
            and each.operation == "PutObject"]  # fmt: skip
    assert all(each.arguments["IfNoneMatch"] == "*" for each in puts)
