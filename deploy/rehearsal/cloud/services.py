"""A service as ECS keeps one: deployments that stop, then start; a breaker that counts; and the way back.

It decides and leaves the processes to the tasks. What it tells is what the API tells of ServiceDeployments: one record
for each deployment, also while it is rolled back, whose state ends in SUCCESSFUL, STOPPED, ROLLBACK_SUCCESSFUL or
ROLLBACK_FAILED. A change of the desired count alone is no deployment.
"""

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy.rehearsal.cloud.definitions import Definition
from deploy.rehearsal.cloud.tasks import Task

ENDED = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})
GOING_BACK = frozenset({"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
BREAKER_DEFAULT = 3
EVENTS_MAX = 100
BROKEN = "ECS deployment circuit breaker: tasks failed to start."

StartTask = Callable[["Keeper", Definition], Task]


@dataclass(slots=True, kw_only=True)
class Revision:
    """A service with this definition: what a deployment goes to, and may come back to."""

    arn: str
    definition: Definition

    def describe(self, service: "Keeper") -> dict[str, Any]:
        mine = [each for each in service.live if each.definition is self.definition]
        running = sum(each.last_status == "RUNNING" for each in mine)
        return {
            "arn": self.arn,
            "requestedTaskCount": service.desired if service.target is self else 0,
            "runningTaskCount": running,
            "pendingTaskCount": len(mine) - running,
        }


@dataclass(slots=True, kw_only=True)
class Deployment:
    id: str
    arn: str
    source: Revision | None
    target: Revision
    configuration: dict[str, Any]
    status: str = "IN_PROGRESS"
    reason: str = ""
    failures: int = 0
    is_broken: bool = False
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    finished_at: float | None = None
    rollback: dict[str, Any] | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def _breaker(self) -> dict[str, Any]:
        return dict(self.configuration.get("deploymentCircuitBreaker", {}))

    @property
    def threshold(self) -> int:
        return int(self._breaker.get("thresholdConfiguration", {}).get("value", BREAKER_DEFAULT))

    @property
    def is_to_break(self) -> bool:
        return bool(self._breaker.get("enable")) and self.failures >= self.threshold

    @property
    def goes_back(self) -> bool:
        return bool(self._breaker.get("rollback")) and self.source is not None

    def move(self, status: str, reason: str = "") -> None:
        self.status, self.updated_at = status, time.time()
        self.reason = reason or self.reason
        if self.has_ended:
            self.finished_at = self.updated_at

    def brief(self, service: "Keeper") -> dict[str, Any]:
        said = {
            "serviceDeploymentArn": self.arn,
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "createdAt": self.created_at,
            "startedAt": self.created_at,
            "targetServiceRevisionArn": self.target.arn,
            "status": self.status,
            "statusReason": self.reason,
        }
        return said | ({"finishedAt": self.finished_at} if self.finished_at else {})

    def describe(self, service: "Keeper") -> dict[str, Any]:
        said = self.brief(service)
        del said["targetServiceRevisionArn"]
        state = "TRIGGERED" if self.is_broken else "MONITORING_COMPLETE" if self.has_ended else "MONITORING"
        said |= {
            "updatedAt": self.updated_at,
            "targetServiceRevision": self.target.describe(service),
            "sourceServiceRevisions": [self.source.describe(service)] if self.source else [],
            "deploymentConfiguration": self.configuration,
            "deploymentCircuitBreaker": {
                "status": state,
                "failureCount": self.failures,
                "threshold": self.threshold,
            },
        }
        return said | ({"rollback": self.rollback} if self.rollback else {})


@dataclass(slots=True, kw_only=True)
class Keeper:
    arn: str
    name: str
    cluster_arn: str
    document: dict[str, Any]
    tags: list[dict[str, str]]
    desired: int
    start_task: StartTask
    restart_seconds: float
    status: str = "ACTIVE"
    target: Revision = field(init=False)
    deployments: list[Deployment] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    created_at: float = field(default_factory=time.time)
    _not_before: float = 0.0

    @property
    def live(self) -> list[Task]:
        return [each for each in self.tasks if not each.is_stopped]

    @property
    def current(self) -> Deployment:
        """The newest first."""
        return self.deployments[0]

    @property
    def is_steady(self) -> bool:
        return self.current.has_ended and self._is_reached()

    # --- what one asks of it ----------------------------------------------------------------------------------------

    def deploy(self, definition: Definition, *, source: Revision | None) -> Deployment:
        if self.deployments and not self.current.has_ended:
            self.current.move("STOPPED", "A newer deployment took its place.")
        number = "".join(secrets.choice("0123456789") for _ in range(19))
        place = self.arn.partition(":service/")[2]
        root = self.arn.partition(":service/")[0]
        self.target = Revision(arn=f"{root}:service-revision/{place}/{number}", definition=definition)
        deployment = Deployment(
            id=f"ecs-svc/{number}",
            arn=f"{root}:service-deployment/{place}/{secrets.token_urlsafe(16)}",
            source=source,
            target=self.target,
            configuration=dict(self.document.get("deploymentConfiguration", {})),
        )
        self.deployments.insert(0, deployment)
        self._not_before = 0.0
        return deployment

    def last_good(self) -> Revision | None:
        """Where a deployment that fails goes back to: what the last one that succeeded, or went back, left running."""
        for each in self.deployments:
            if each.status == "SUCCESSFUL":
                return each.target
            if each.status == "ROLLBACK_SUCCESSFUL":
                return each.source
        return None

    def turn_back(self, reason: str) -> None:
        deployment = self.current
        assert deployment.source is not None
        deployment.rollback = {
            "reason": reason,
            "startedAt": time.time(),
            "serviceRevisionArn": deployment.source.arn,
        }
        deployment.failures = 0
        deployment.move("ROLLBACK_IN_PROGRESS", reason)
        self.target, self._not_before = deployment.source, 0.0
        self.say(f"(deployment {deployment.id}) is being rolled back to {self.target.definition.arn}.")

    # --- what it does on its own ------------------------------------------------------------------------------------

    def advance(self) -> None:
        """One look at the tasks, and whatever follows from it."""
        self._count_failures()
        if self.current.is_to_break and not self.current.has_ended:
            self._break()
        self._stop_others()
        if self.current.status == "STOPPED" and self.current.is_broken:
            return
        if len(self.live) < self.desired and time.monotonic() >= self._not_before:
            self.tasks.append(self.start_task(self, self.target.definition))
            self.say(f"has started 1 tasks: (task {self.tasks[-1].id}).")
        if not self.current.has_ended and self._is_reached():
            self._reach()

    def _count_failures(self) -> None:
        """Tasks of this deployment that ended although nobody had asked them to."""
        ended, self.tasks = [each for each in self.tasks if each.is_stopped], self.live
        for task in ended:
            asked = task.stop_code in ("ServiceSchedulerInitiated", "UserInitiated")
            if asked and task.health != "UNHEALTHY":
                continue
            self._not_before = time.monotonic() + self.restart_seconds * (1 + self.current.failures)
            self.say(f"(task {task.id}) has ended: {task.stopped_reason}.")
            if task.definition is self.target.definition and not self.current.has_ended:
                self.current.failures += 1

    def _break(self) -> None:
        deployment = self.current
        deployment.is_broken = True
        self.say(f"(deployment {deployment.id}) deployment failed: tasks failed to start.")
        if deployment.status in GOING_BACK:
            deployment.move("ROLLBACK_FAILED", BROKEN)
        elif deployment.goes_back:
            self.turn_back(BROKEN)
        else:
            deployment.move("STOPPED", BROKEN)

    def _stop_others(self) -> None:
        """What is of another revision, and what is too much."""
        of_target = [each for each in self.live if each.definition is self.target.definition]
        others = [each for each in self.live if each.definition is not self.target.definition]
        for task in [*others, *of_target[self.desired :]]:
            if task.desired_status != "STOPPED":
                self.say(f"has stopped 1 running tasks: (task {task.id}).")
                task.stop(
                    f"Scaling activity initiated by (deployment {self.current.id})",
                    "ServiceSchedulerInitiated",
                )

    def _is_reached(self) -> bool:
        live = self.live
        return len(live) == self.desired and all(
            each.is_well and each.definition is self.target.definition and each.desired_status == "RUNNING"
            for each in live
        )

    def _reach(self) -> None:
        deployment = self.current
        if deployment.status in GOING_BACK:
            deployment.move("ROLLBACK_SUCCESSFUL")
        elif deployment.status == "STOP_REQUESTED":
            deployment.move("STOPPED")
        else:
            deployment.move("SUCCESSFUL", "Service deployment completed.")
            self.say(f"(deployment {deployment.id}) deployment completed.")
        self.say("has reached a steady state.")

    def say(self, what: str) -> None:
        event = {
            "id": str(uuid.uuid4()),
            "createdAt": time.time(),
            "message": f"(service {self.name}) {what}",
        }
        self.events = [event, *self.events][:EVENTS_MAX]

    # --- as the API says it -----------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        running = sum(each.last_status == "RUNNING" for each in self.live)
        return {
            **self.document,
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": self.cluster_arn,
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": running,
            "pendingCount": len(self.live) - running,
            "taskDefinition": self.target.definition.arn,
            "deployments": self._classic_deployments(),
            "events": self.events,
            "createdAt": self.created_at,
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "ECS"},
        }

    def _classic_deployments(self) -> list[dict[str, Any]]:
        """What DescribeServices lists: the target as PRIMARY, and as ACTIVE whatever still has tasks."""
        deployment = self.current
        state = {True: "COMPLETED", False: "IN_PROGRESS"}[deployment.has_ended]
        if deployment.status in ("STOPPED", "ROLLBACK_FAILED"):
            state = "FAILED"
        others = {each.definition.arn for each in self.live} - {self.target.definition.arn}
        primary = self._classic("PRIMARY", self.target.definition.arn, deployment.id, self.desired)
        primary |= {
            "rolloutState": state,
            "rolloutStateReason": deployment.reason or f"ECS deployment {deployment.id} in progress.",
            "failedTasks": deployment.failures,
        }
        return [primary, *(self._classic("ACTIVE", arn, f"{deployment.id}-old", 0) for arn in others)]

    def _classic(self, status: str, definition_arn: str, deployment_id: str, desired: int) -> dict[str, Any]:
        mine = [each for each in self.live if each.definition.arn == definition_arn]
        running = sum(each.last_status == "RUNNING" for each in mine)
        return {
            "id": deployment_id,
            "status": status,
            "taskDefinition": definition_arn,
            "desiredCount": desired,
            "runningCount": running,
            "pendingCount": len(mine) - running,
            "createdAt": self.current.created_at,
            "updatedAt": self.current.updated_at,
        }
