"""ECS's tasks and definitions: `failures` with a 200, no exit code at all, a task that is gone after an hour."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing
from tests.deploy.simulated.logs import Logs
from tests.deploy.simulated.rollouts import Definition, Desk, OneOff, Rollout, Task, Tasks

Asked = Mapping[str, Any]
SHOWN_AFTER_STOP = timedelta(hours=1)


class OneOffs:
    def __init__(self, standing: Standing, logs: Logs) -> None:
        self.standing, self.logs = standing, logs
        self.clusters: set[str] = set()
        self.definitions: dict[str, Definition] = {}
        self.desks: dict[str, Desk] = {}
        self.tasks = Tasks(standing, logs)
        # The days that AWS waits before it replaces a task for its own updates.
        self.retirement_days = "7"
        # What becomes of the next rollouts and of the next one-off tasks of a family; when empty, all goes well.
        self.rollouts: list[Rollout] = []
        self.one_offs: dict[str, list[OneOff]] = {}
        self._tokens: dict[str, Task] = {}

    @property
    def ran(self) -> list[str]:
        """The family of every one-off task that was really started."""
        return [each.definition.family for each in self.tasks.all if each.desk is None]

    # --- one-off tasks ----------------------------------------------------------------------------------------------

    def run_task(self, asked: Asked) -> dict[str, Any]:
        definition = self._definition(asked["taskDefinition"])
        token = asked.get("clientToken")
        if token in self._tokens:
            return {"tasks": [self._task(self._tokens[token])], "failures": []}
        scripts = self.one_offs.get(definition.family, [])
        script = scripts.pop(0) if scripts else OneOff()
        if script.failures:
            failures = [
                {"arn": self.standing.arn("ecs", "container-instance/x"), "reason": each}
                for each in script.failures
            ]
            return {"tasks": [], "failures": failures}
        task = self.tasks.run_once(definition, script)
        if token:
            self._tokens[token] = task
        return {"tasks": [self._task(task)], "failures": []}

    def stop_task(self, asked: Asked) -> dict[str, Any]:
        task = self.tasks.find(asked["task"])
        if task is None:
            raise Refusal("InvalidParameterException", "The referenced task was not found.")
        self.tasks.stop(task, "UserInitiated", asked.get("reason", "Task stopped by user"), 143)
        return {"task": self._task(task)}

    def describe_tasks(self, asked: Asked) -> dict[str, Any]:
        known, missing = [], []
        for name in asked["tasks"]:
            task = self.tasks.find(name)
            gone = task and task.stopped_at and self.standing.clock.now() - task.stopped_at > SHOWN_AFTER_STOP
            if task is None or gone:
                missing.append({"arn": name, "reason": "MISSING"})
            else:
                known.append(self._task(task))
        return {"tasks": known, "failures": missing}

    def list_tasks(self, asked: Asked) -> dict[str, Any]:
        desired = asked.get("desiredStatus", "RUNNING")
        service, family, by = (asked.get(key) for key in ("serviceName", "family", "startedBy"))
        return {
            "taskArns": [
                each.arn
                for each in self.tasks.all
                if (each.wanted == desired)
                and (service is None or (each.desk and service in (each.desk.name, each.desk.arn)))
                and family in (None, each.definition.family)
                and by in (None, each.started_by)
            ]
        }

    def _agent(self) -> dict[str, str]:
        return {"name": "ExecuteCommandAgent", "lastStatus": self.tasks.agent_status}

    def _task(self, task: Task) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "taskArn": task.arn,
            "clusterArn": self._cluster_arn(),
            "taskDefinitionArn": task.definition.arn,
            "lastStatus": task.status,
            "desiredStatus": task.wanted,
            "startedBy": task.started_by,
            "group": f"service:{task.desk.name}" if task.desk else f"family:{task.definition.family}",
            "createdAt": task.created_at,
            "containers": [
                {"name": each.name, "lastStatus": task.status, "image": each.image}
                | {"runtimeId": f"{task.id}-{each.name}-runtime", "managedAgents": [self._agent()]}
                | ({"exitCode": code} if code is not None else {})
                | ({"reason": task.container_reason} if task.container_reason else {})
                for each, code in zip(task.definition.containers, task.exit_codes, strict=True)
            ],
        }
        optional = {
            "stopCode": task.stop_code,
            "stoppedReason": task.stopped_reason,
            "stoppedAt": task.stopped_at,
            "startedAt": task.started_at,
            "healthStatus": "HEALTHY" if task.status == "RUNNING" else None,
        }
        return shown | {key: each for key, each in optional.items() if each}

    # --- definitions and clusters -----------------------------------------------------------------------------------

    def _definition(self, name: str) -> Definition:
        found = self.definitions.get(name)
        if found is None:
            family = name.rpartition("/")[2].partition(":")[0]
            found = next(
                (
                    each
                    for each in reversed(self.definitions.values())
                    if each.family == family and "/" not in name
                ),
                None,
            )
        if found is None or not found.active:
            raise Refusal("ClientException", "Unable to describe task definition.")
        return found

    def describe_task_definition(self, asked: Asked) -> dict[str, Any]:
        found = self.definitions.get(asked["taskDefinition"]) or self._definition(asked["taskDefinition"])
        return {
            "taskDefinition": found.body
            | {
                "taskDefinitionArn": found.arn,
                "revision": int(found.arn.rpartition(":")[2]),
                "status": "ACTIVE" if found.active else "INACTIVE",
            }
        }

    def _cluster_arn(self) -> str:
        return self.standing.arn("ecs", f"cluster/{next(iter(self.clusters), 'none')}")

    def describe_clusters(self, asked: Asked) -> dict[str, Any]:
        known = [each for each in asked.get("clusters", []) if each.rpartition("/")[2] in self.clusters]
        missing = [each for each in asked.get("clusters", []) if each not in known]
        return {
            "clusters": [{"clusterName": each, "status": "ACTIVE"} for each in known],
            "failures": [{"arn": each, "reason": "MISSING"} for each in missing],
        }

    def list_account_settings(self, asked: Asked) -> dict[str, Any]:
        return {"settings": [{"name": asked["name"], "value": self.retirement_days}]}
