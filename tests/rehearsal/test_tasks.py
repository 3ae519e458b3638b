"""One-off tasks: a real process with its definition's environment, its own exit code, and every line of its log."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from deploy.rehearsal.simulation import Simulation
from tests.rehearsal.stage import DIGEST, Stage, wait_until

EXITED = "Essential container in task exited"


@pytest.fixture(autouse=True)
def image(simulation: Simulation, tree: Path) -> None:
    simulation.images.push(DIGEST, tree)


@pytest.mark.parametrize("code", [0, 7])
def test_task__ends_with_the_exit_code_of_its_program(dev: Stage, code: int) -> None:
    arn = dev.run("migrate", "exit", str(code))
    task = dev.ended(arn)
    assert task["containers"][0]["exitCode"] == code
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        EXITED,
    )
    assert dev.log(arn, "migrate") == ["told to end"]


def test_task__has_the_environment_of_its_definition_and_its_role(dev: Stage) -> None:
    names = ("HOLDFAST_DATABASE_AUTH", "DATABASE_URL", "HOLDFAST_DATABASE_MASTER_SECRET", "AWS_REGION", "SHELL",
             "AWS_CONTAINER_CREDENTIALS_FULL_URI", "HOLDFAST_DATABASE_CA")  # fmt: skip
    arn = dev.run("migrate", "tell", *names)
    dev.ended(arn)
    told = json.loads(dev.log(arn, "migrate")[0])
    outputs = dev.outputs("Data")
    assert told["DATABASE_URL"] == (
        f"postgresql://holdfast_migrator@{outputs['DatabaseHost']}:{outputs['DatabasePort']}/holdfast?hostaddr=127.0.0.1"
    )
    assert told["HOLDFAST_DATABASE_AUTH"] == "iam"
    assert told["HOLDFAST_DATABASE_MASTER_SECRET"] == outputs["MasterSecretArn"]
    assert told["AWS_CONTAINER_CREDENTIALS_FULL_URI"].startswith("http://127.0.0.1:")
    assert Path(told["HOLDFAST_DATABASE_CA"]).is_file()
    # Nothing of whoever rehearses.
    assert told["SHELL"] is None


def test_task__without_its_image_never_starts_and_has_no_exit_code(
    dev: Stage, simulation: Simulation
) -> None:
    (simulation.folder / "images.json").unlink()
    task = dev.ended(dev.run("migrate", "exit", "0"))
    assert task["stopCode"] == "TaskFailedToStart"
    assert "CannotPullContainerError" in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]


def test_stop__is_a_sigterm_that_the_program_may_answer(dev: Stage) -> None:
    arn = dev.run("migrate", "serve")
    wait_until(
        lambda: dev.task(arn)["lastStatus"] == "RUNNING" and dev.log(arn, "migrate") == ["serving"], "serving"
    )
    dev.ecs.stop_task(cluster=dev.cluster, task=arn, reason="enough")
    task = dev.ended(arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert task["containers"][0]["exitCode"] == 0
    assert dev.log(arn, "migrate") == ["serving", "goodbye"]


def test_stop__kills_a_program_that_is_deaf_after_its_stop_timeout(dev: Stage) -> None:
    short = dev.ecs.describe_task_definition(taskDefinition=dev.outputs("Tasks")["MigrateTaskArn"])[
        "taskDefinition"
    ]
    container = {**short["containerDefinitions"][0], "stopTimeout": 1}
    keys = ("taskRoleArn", "executionRoleArn", "networkMode", "cpu", "memory", "volumes")
    registered = dev.ecs.register_task_definition(
        family="deaf", containerDefinitions=[container], **{key: short[key] for key in keys}
    )
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    overrides = {"containerOverrides": [{"name": "migrate", "command": ["serve-deaf"]}]}
    started = dev.ecs.run_task(
        cluster=dev.cluster,
        taskDefinition=registered["taskDefinition"]["taskDefinitionArn"],
        networkConfiguration=network,
        overrides=overrides,
    )
    arn = started["tasks"][0]["taskArn"]
    wait_until(
        lambda: dev.task(arn)["lastStatus"] == "RUNNING" and dev.log(arn, "migrate") == ["serving"], "serving"
    )
    dev.ecs.stop_task(cluster=dev.cluster, task=arn)
    assert dev.ended(arn)["containers"][0]["exitCode"] == 137


def test_run_task__with_the_same_token_starts_one_task(dev: Stage) -> None:
    first = dev.run("migrate", "exit", "0", clientToken="the-same")
    assert dev.run("migrate", "exit", "0", clientToken="the-same") == first
    with pytest.raises(ClientError, match="ConflictException"):
        dev.run("migrate", "exit", "1", clientToken="the-same")
