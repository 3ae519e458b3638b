"""A service that the tests make by plain calls, beside those of the stack."""

from typing import Any

from tests.rehearsal.stage import Stage, wait_until


class Desk:
    """A service of its own beside those of the stack, whose task serves, or breaks."""

    def __init__(self, stage: Stage, name: str, **more: Any) -> None:
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
            **more,
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

    def remove(self) -> None:
        self.stage.ecs.delete_service(**self.place, force=True)
        wait_until(lambda: self.describe()["status"] == "INACTIVE", "the service is gone")
