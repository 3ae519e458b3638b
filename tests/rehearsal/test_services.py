"""Services: deployments that stop, then start; the breaker's way back; and what ServiceDeployments say of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.rehearsal.simulation import Simulation
from tests.rehearsal.stage import DIGEST, Stage, wait_until


class Desk:
    """A service of its own beside those of the stack, whose task serves, or breaks."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.place = {"cluster": stage.cluster, "service": name}
        self._family = f"family-{name}"
        breaker = {
            "enable": True, "rollback": True, "resetOnHealthyTask": False,
            "thresholdConfiguration": {"type": "COUNT", "value": 3},
        }  # fmt: skip
        stage.ecs.create_service(
            cluster=stage.cluster,
            serviceName=name,
            taskDefinition=self.define("serve"),
            desiredCount=1,
            launchType="FARGATE",
            deploymentConfiguration={
                "minimumHealthyPercent": 0,
                "maximumPercent": 100,
                "deploymentCircuitBreaker": breaker,
            },
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        )

    def define(self, *command: str) -> str:
        arn = self.stage.outputs("Tasks")["MigrateTaskArn"]
        known = self.stage.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        container = {**known["containerDefinitions"][0], "command": list(command)}
        made = self.stage.ecs.register_task_definition(
            family=self._family,
            containerDefinitions=[container],
            **{
                key: known[key]
                for key in ("taskRoleArn", "executionRoleArn", "networkMode", "cpu", "memory", "volumes")
            },
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def deployments(self) -> list[dict[str, Any]]:
        return list(self.stage.ecs.list_service_deployments(**self.place)["serviceDeployments"])

    def ended(self, count: int) -> dict[str, Any]:
        """The newest deployment, which is the count-th, once it has ended."""
        terminal = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
        wait_until(
            lambda: len(self.deployments()) == count and self.deployments()[0]["status"] in terminal,
            f"deployment {count}",
        )
        arn = self.deployments()[0]["serviceDeploymentArn"]
        found = self.stage.ecs.describe_service_deployments(serviceDeploymentArns=[arn])
        return dict(found["serviceDeployments"][0])

    def describe(self) -> dict[str, Any]:
        cluster, name = self.place["cluster"], self.place["service"]
        return dict(self.stage.ecs.describe_services(cluster=cluster, services=[name])["services"][0])


@pytest.fixture
def desk(dev: Stage, simulation: Simulation, tree: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    simulation.images.push(DIGEST, tree)
    made = Desk(dev, request.node.name.partition("__")[2][:40])
    assert made.ended(1)["status"] == "SUCCESSFUL"
    yield made
    dev.ecs.delete_service(**made.place, force=True)
    wait_until(lambda: made.describe()["status"] == "INACTIVE", "the service is gone")


def test_rollout__stops_the_old_task_before_the_new_one_starts(desk: Desk) -> None:
    old = desk.stage.ecs.list_tasks(cluster=desk.place["cluster"], serviceName=desk.place["service"])[
        "taskArns"
    ]
    definition = desk.define("serve")
    desk.stage.ecs.update_service(**desk.place, taskDefinition=definition)
    deployment = desk.ended(2)
    new = desk.stage.ecs.list_tasks(cluster=desk.place["cluster"], serviceName=desk.place["service"])[
        "taskArns"
    ]
    before, after = desk.stage.task(old[0]), desk.stage.task(new[0])
    assert deployment["status"] == "SUCCESSFUL"
    assert before["stoppedAt"] <= after["createdAt"]
    assert after["taskDefinitionArn"] == definition


def test_crash_loop__is_rolled_back_after_three_failures(desk: Desk) -> None:
    """`services_stable` would call this a success: one deployment, running equals desired."""
    good = desk.describe()["taskDefinition"]
    desk.stage.ecs.update_service(**desk.place, taskDefinition=desk.define("break-after-start"))
    deployment = desk.ended(2)
    assert deployment["status"] == "ROLLBACK_SUCCESSFUL"
    assert deployment["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert deployment["rollback"]["reason"].startswith("ECS deployment circuit breaker")
    found = desk.describe()
    assert (found["taskDefinition"], found["runningCount"]) == (good, 1)
    assert any("is being rolled back" in each["message"] for each in found["events"])


def test_desired_count__alone_is_no_deployment(desk: Desk) -> None:
    for count in (0, 1):
        desk.stage.ecs.update_service(**desk.place, desiredCount=count)
        wait_until(lambda wanted=count: desk.describe()["runningCount"] == wanted, f"{count} running")  # type: ignore[misc]
    assert len(desk.deployments()) == 1


def test_stop_service_deployment__goes_back_when_it_is_told_to(desk: Desk) -> None:
    good = desk.describe()["taskDefinition"]
    desk.stage.ecs.update_service(**desk.place, taskDefinition=desk.define("serve"))
    arn = desk.deployments()[0]["serviceDeploymentArn"]
    desk.stage.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    assert desk.ended(2)["status"] == "ROLLBACK_SUCCESSFUL"
    assert desk.describe()["taskDefinition"] == good
