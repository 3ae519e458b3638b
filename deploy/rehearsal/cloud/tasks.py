"""A task: its containers in their order, with exactly their definition's environment, secrets, role and logs.

It starts them as they depend on each other and ends them all when an essential one ends, or when it is told to stop. It
is told from outside by `stop` alone and tells by `changed`; everything else happens in a thread of its own.
"""

import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.rehearsal.cloud.awslogs import Stream
from deploy.rehearsal.cloud.containers import Container
from deploy.rehearsal.cloud.definitions import Definition
from deploy.rehearsal.cloud.images import NoImage
from deploy.rehearsal.cloud.machine import Machine, translated
from deploy.rehearsal.cloud.neighbours import Refused

EXITED = ("Essential container in task exited", "EssentialContainerExited")
UNHEALTHY = ("Task failed container health checks", "ServiceSchedulerInitiated")
EXEC_AGENT = "ExecuteCommandAgent"
NEVER_STARTED = "TaskFailedToStart"


@dataclass(slots=True, kw_only=True)
class Task:
    """`document` is what the API says of it beside what it says itself: its group, its tags."""

    arn: str
    cluster_arn: str
    definition: Definition
    machine: Machine
    changed: Callable[[], None]
    document: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    containers: list[Container] = field(default_factory=list)
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    stop_code: str = ""
    stopped_reason: str = ""
    created_at: float = field(default_factory=time.time)
    started_at: float | None = None
    stopping_at: float | None = None
    stopped_at: float | None = None
    _moved: threading.Condition = field(default_factory=threading.Condition)

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def home(self) -> Path:
        return self.machine.folder / "tasks" / self.id

    @property
    def is_stopped(self) -> bool:
        return self.last_status == "STOPPED"

    @property
    def is_well(self) -> bool:
        """Steady enough for a deployment."""
        return self.last_status == "RUNNING" and all(
            each.is_well for each in self.containers if each.is_essential
        )

    @property
    def health(self) -> str:
        judged = [
            each.health for each in self.containers if each.is_essential and "healthCheck" in each.document
        ]
        if "UNHEALTHY" in judged:
            return "UNHEALTHY"
        return "HEALTHY" if judged and set(judged) == {"HEALTHY"} else "UNKNOWN"

    def start(self) -> None:
        threading.Thread(target=self._live, name=f"task {self.id}", daemon=True).start()

    def stop(self, reason: str, code: str) -> None:
        """Asks it to end; who asks first is the reason."""
        with self._moved:
            if self.desired_status != "STOPPED":
                self.desired_status, self.stopping_at = "STOPPED", time.time()
                self.stopped_reason, self.stop_code = reason, code
            self._moved.notify_all()
        self.changed()

    # --- one life ---------------------------------------------------------------------------------------------------

    def _live(self) -> None:
        credentials = self.machine.credentials.admit(str(self.definition.document.get("taskRoleArn", "")))
        reason, code = "The rehearsal itself failed: its log says how", NEVER_STARTED
        try:
            self.containers = [self._prepare(each, credentials) for each in self._documents()]
            self._start_in_order()
            self._await(self._is_over)
            reason, code = UNHEALTHY if self.health == "UNHEALTHY" else EXITED
        except NoImage as fault:
            reason = str(fault)
        except Refused as fault:
            reason = f"ResourceInitializationError: {fault}"
        except OSError as fault:
            reason = f"CannotStartContainerError: {fault}"
        finally:
            self.stop(reason, code)
            for container in reversed(self.containers):
                container.end()
            self.machine.credentials.forget(credentials)
            shutil.rmtree(self.home, ignore_errors=True)
            self.stopped_at, self.last_status = time.time(), "STOPPED"
            self.changed()

    def _start_in_order(self) -> None:
        """As they depend on each other; none is started any more once the task is to end."""
        known = {each.name: each for each in self.containers}
        waiting = list(self.containers)
        while waiting and not self._is_over():
            for container in [each for each in waiting if self._may_start(each, known)]:
                container.start()
                waiting.remove(container)
            if waiting:
                self._await(lambda: self._is_over() or any(self._may_start(each, known) for each in waiting))
        if not waiting:
            self.last_status, self.started_at = "RUNNING", time.time()
            self.changed()

    def _may_start(self, container: Container, known: dict[str, Container]) -> bool:
        needs = container.document.get("dependsOn", [])
        return all(known[each["containerName"]].satisfies(each["condition"]) for each in needs)

    def _is_over(self) -> bool:
        essential = [each for each in self.containers if each.is_essential]
        return (
            self.desired_status == "STOPPED"
            or self.health == "UNHEALTHY"
            or any(each.has_ended for each in essential)
        )

    def _await(self, is_so: Callable[[], bool]) -> None:
        with self._moved:
            self._moved.wait_for(is_so)

    def _container_changed(self) -> None:
        with self._moved:
            self._moved.notify_all()
        self.changed()

    # --- what its containers are made of ----------------------------------------------------------------------------

    def _documents(self) -> list[dict[str, Any]]:
        """The definition's containers with this task's overrides in them."""
        given = {each["name"]: each for each in self.overrides.get("containerOverrides", [])}
        found = []
        for document in self.definition.document["containerDefinitions"]:
            override = given.get(document["name"], {})
            environment = [*document.get("environment", []), *override.get("environment", [])]
            command = override.get("command", document.get("command", []))
            found.append({**document, "environment": environment, "command": command})
        return found

    def _prepare(self, document: dict[str, Any], credentials: str) -> Container:
        folders = self.machine.folders(self.definition.document, document, self.home)
        environment = {
            each["name"]: translated(str(each["value"]), folders) for each in document["environment"]
        }
        for each in document.get("secrets", []):
            environment[each["name"]] = self.machine.neighbours.secret(each["valueFrom"])
        around = {**self.machine.around(self.home), "TMPDIR": folders.get("/tmp", str(self.home))}
        return Container(
            document=document,
            machine=self.machine,
            tree=self.machine.images.find(document["image"]),
            folders=folders,
            environment={**around, **environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI": credentials},
            stream=self._open_stream(document),
            changed=self._container_changed,
        )

    def _open_stream(self, document: dict[str, Any]) -> Stream:
        options = document["logConfiguration"]["options"]
        name = f"{options['awslogs-stream-prefix']}/{document['name']}/{self.id}"
        stream = Stream(self.machine.neighbours, group=options["awslogs-group"], name=name)
        stream.open()
        return stream

    # --- as the API says it -----------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        task = {
            **self.document,
            "taskArn": self.arn,
            "clusterArn": self.cluster_arn,
            "taskDefinitionArn": self.definition.arn,
            "containers": [self._describe(each) for each in self.definition.document["containerDefinitions"]],
            "overrides": self.overrides,
            "lastStatus": self.last_status,
            "desiredStatus": self.desired_status,
            "healthStatus": self.health,
            "cpu": self.definition.document.get("cpu"),
            "memory": self.definition.document.get("memory"),
            "createdAt": self.created_at,
            "startedAt": self.started_at,
            "stoppingAt": self.stopping_at,
            "stoppedAt": self.stopped_at,
            "stopCode": self.stop_code or None,
            "stoppedReason": self.stopped_reason or None,
        }
        return _without_nothing(task)

    def _describe(self, document: dict[str, Any]) -> dict[str, Any]:
        run = next((each for each in self.containers if each.name == document["name"]), None)
        exit_code = run.exit_code if run else None
        return _without_nothing(
            {
                "containerArn": self.arn.replace(":task/", ":container/") + f"/{document['name']}",
                "taskArn": self.arn,
                "name": document["name"],
                "runtimeId": f"{self.id}-{document['name']}",
                "managedAgents": self._agents(run),
                "image": document["image"],
                "imageDigest": document["image"].partition("@")[2],
                "lastStatus": run.status if run and not self.is_stopped else self.last_status,
                "healthStatus": run.health if run else "UNKNOWN",
                "exitCode": exit_code,
                "reason": self.stopped_reason if self.is_stopped and exit_code is None else None,
            }
        )

    def _agents(self, run: Container | None) -> list[dict[str, Any]] | None:
        """What AWS says of its agent, which comes into the containers of a service that wants it; here is none."""
        if not self.document.get("enableExecuteCommand"):
            return None
        status = "RUNNING" if run and run.status == "RUNNING" else "STOPPED" if self.is_stopped else "PENDING"
        return [{"name": EXEC_AGENT, "lastStatus": status}]


def new_task_id() -> str:
    return uuid.uuid4().hex


def _without_nothing(document: dict[str, Any]) -> dict[str, Any]:
    """An API leaves out what is not there, and a null would be another thing."""
    return {key: value for key, value in document.items() if value is not None}
