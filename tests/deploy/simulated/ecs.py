"""ECS's services: what the API answers about them and their deployments. How they fare is in rollouts.py.

It answers as the real one does where that hurts: a service that was rolled back looks content, and the list of
deployments is short of the newest for a moment.
"""

from typing import Any

from tests.deploy.simulated.account import Refusal
from tests.deploy.simulated.one_offs import Asked, OneOffs
from tests.deploy.simulated.rollouts import ENDED, Definition, Deployment, Desk, Rollout

PAGE = 2


class Containers(OneOffs):
    def _desk(self, name: str) -> Desk:
        found = self.desks.get(name.rpartition("/")[2])
        if found is None:
            raise Refusal("ServiceNotFoundException", "Service not found.")
        return found

    def list_services(self, asked: Asked) -> dict[str, Any]:
        return {"serviceArns": [each.arn for each in self.desks.values()]}

    def describe_services(self, asked: Asked) -> dict[str, Any]:
        known = [
            self.desks[name] for each in asked["services"] if (name := each.rpartition("/")[2]) in self.desks
        ]
        missing = [each for each in asked["services"] if each.rpartition("/")[2] not in self.desks]
        return {
            "services": [self._service(each) for each in known],
            "failures": [{"arn": each, "reason": "MISSING"} for each in missing],
        }

    def _service(self, desk: Desk) -> dict[str, Any]:
        """After a rollback the deployment that is shown as primary is the old one, and it looks content."""
        running = sum(each.status == "RUNNING" for each in self.tasks.of(desk))
        latest = desk.deployments[-1] if desk.deployments else None
        settled = latest is None or latest.status in ENDED
        primary = {
            "id": f"ecs-svc/{desk.name}-{desk.definition.arn.rpartition(':')[2]}",
            "status": "PRIMARY",
            "taskDefinition": desk.definition.arn,
            "desiredCount": desk.desired,
            "runningCount": running,
            "pendingCount": 0,
            "failedTasks": 0,
            "rolloutState": "COMPLETED" if settled else "IN_PROGRESS",
        }
        return {
            "serviceName": desk.name,
            "serviceArn": desk.arn,
            "clusterArn": self._cluster_arn(),
            "status": "ACTIVE",
            "desiredCount": desk.desired,
            "runningCount": running,
            "pendingCount": 0,
            "taskDefinition": desk.definition.arn,
            "deployments": [primary],
            "events": [
                {"id": f"{number}", "createdAt": at, "message": text}
                for number, (at, text) in enumerate(desk.events)
            ][::-1],
            "createdAt": desk.created_at,
            "networkConfiguration": {
                "awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}
            },
        } | ({"currentServiceDeployment": latest.arn} if latest and latest.is_listed else {})

    def update_service(self, asked: Asked) -> dict[str, Any]:
        desk = self._desk(asked["service"])
        if "desiredCount" in asked:
            self.tasks.scale(desk, asked["desiredCount"])
        wanted = self._definition(asked["taskDefinition"]) if "taskDefinition" in asked else desk.definition
        if wanted is not desk.definition or asked.get("forceNewDeployment"):
            self.roll(desk, wanted)
        return {"service": self._service(desk)}

    def roll(self, desk: Desk, definition: Definition) -> Deployment:
        script = self.rollouts.pop(0) if self.rollouts else Rollout()
        return self.tasks.roll(desk, definition, script)

    def list_service_deployments(self, asked: Asked) -> dict[str, Any]:
        desk = self._desk(asked["service"])
        since = asked.get("createdAt", {}).get("after")
        found = [
            each
            for each in reversed(desk.deployments)
            if each.is_listed
            and (not asked.get("status") or each.status in asked["status"])
            and (since is None or each.created_at >= since)
        ]
        start = int(asked.get("nextToken", "0"))
        page = [
            {
                "serviceDeploymentArn": each.arn,
                "serviceArn": desk.arn,
                "clusterArn": self._cluster_arn(),
                "createdAt": each.created_at,
                "targetServiceRevisionArn": each.target,
                "status": each.status,
            }
            for each in found[start : start + PAGE]
        ]
        more = {"nextToken": str(start + PAGE)} if len(found) > start + PAGE else {}
        return {"serviceDeployments": page, **more}

    def _deployment(self, arn: str) -> tuple[Desk, Deployment] | None:
        return next(
            ((desk, each) for desk in self.desks.values() for each in desk.deployments if each.arn == arn),
            None,
        )

    def describe_service_deployments(self, asked: Asked) -> dict[str, Any]:
        found = [(arn, self._deployment(arn)) for arn in asked["serviceDeploymentArns"]]
        shown = []
        for desk, each in (pair for _, pair in found if pair):
            optional = {
                "statusReason": each.reason,
                "finishedAt": each.finished_at,
                "sourceServiceRevisions": [{"arn": each.source}] if each.source else None,
            }
            shown.append(
                {
                    "serviceDeploymentArn": each.arn,
                    "serviceArn": desk.arn,
                    "clusterArn": self._cluster_arn(),
                    "createdAt": each.created_at,
                    "startedAt": each.created_at,
                    "status": each.status,
                    "targetServiceRevision": {"arn": each.target, "requestedTaskCount": desk.desired},
                }
                | {key: value for key, value in optional.items() if value}
            )
        missing = [{"arn": arn, "reason": "MISSING"} for arn, pair in found if not pair]
        return {"serviceDeployments": shown, "failures": missing}

    def stop_service_deployment(self, asked: Asked) -> dict[str, Any]:
        found = self._deployment(asked["serviceDeploymentArn"])
        if found is None:
            raise Refusal("ServiceDeploymentNotFoundException", "The service deployment was not found.")
        if found[1].status in ENDED:
            raise Refusal("ConflictException", "The service deployment has ended.")
        self.tasks.give_up(*found, "ROLLBACK_SUCCESSFUL", "A user asked for it", seconds=60)
        return {"serviceDeploymentArn": found[1].arn}

    def describe_service_revisions(self, asked: Asked) -> dict[str, Any]:
        shown, missing = [], []
        for arn in asked["serviceRevisionArns"]:
            definition = next((each for each in self.definitions.values() if arn.endswith(each.mark)), None)
            if definition is None:
                missing.append({"arn": arn, "reason": "MISSING"})
            else:
                shown.append({"serviceRevisionArn": arn, "taskDefinition": definition.arn})
        return {"serviceRevisions": shown, "failures": missing}
