"""Services: deployments that stop, then start; the breaker's way back; and what ServiceDeployments say of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.rehearsal.simulation import Simulation
from tests.rehearsal.desk import Desk
from tests.rehearsal.stage import DIGEST, Stage, wait_until


@pytest.fixture
def desk(dev: Stage, simulation: Simulation, tree: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    simulation.images.push(DIGEST, tree)
    made = Desk(dev, request.node.name.partition("__")[2][:40])
    assert made.ended(1)["status"] == "SUCCESSFUL"
    yield made
    made.remove()


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
