"""What the simulated ECS knows: clusters, definitions, services and tasks, and the thread that moves the services on.

All of it is in memory and behind one lock. The services are looked at whenever a task has changed, and a moment later
at the latest.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from deploy.rehearsal.cloud.definitions import Definition
from deploy.rehearsal.cloud.machine import Machine
from deploy.rehearsal.cloud.services import Deployment, Keeper
from deploy.rehearsal.cloud.tasks import Task, new_task_id

Document = dict[str, Any]

BEAT_SECONDS = 0.1


class EcsError(Exception):
    """{code}: {said}"""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(f"{code}: {said}")
        self.code = code
        self.said = said


@dataclass(slots=True, kw_only=True)
class Cluster:
    arn: str
    name: str
    document: Document
    status: str = "ACTIVE"


@dataclass(slots=True)
class Ecs:
    account_id: str
    region: str
    machine: Machine
    clusters: dict[str, Cluster] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    services: dict[str, Keeper] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    tags: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))
    _tokens: dict[str, tuple[Document, list[str]]] = field(default_factory=dict)
    _is_over: bool = False

    def open(self) -> None:
        threading.Thread(target=self._move_services, name="service scheduler", daemon=True).start()

    def close(self) -> None:
        """Every process is gone when this returns."""
        with self.changed:
            self._is_over = True
            alive = [each for each in self.tasks.values() if not each.is_stopped]
            for task in alive:
                task.stop("The rehearsal ends", "UserInitiated")
            self.changed.wait_for(lambda: all(each.is_stopped for each in alive))

    def tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def arn(self, rest: str) -> str:
        return f"arn:aws:ecs:{self.region}:{self.account_id}:{rest}"

    # --- what moves on its own --------------------------------------------------------------------------------------

    def _move_services(self) -> None:
        while True:
            with self.changed:
                if self._is_over:
                    return
                for service in list(self.services.values()):
                    if service.deployments:
                        service.advance()
                # Whoever waits for a service looks again.
                self.changed.notify_all()
                self.changed.wait(BEAT_SECONDS)

    def start_service_task(self, service: Keeper, definition: Definition) -> Task:
        document = {
            "group": f"service:{service.name}",
            "startedBy": service.current.id,
            "launchType": "FARGATE",
            "enableExecuteCommand": bool(service.document.get("enableExecuteCommand")),
            "tags": service.tags,
        }
        return self.start_task(service.cluster_arn, definition, document, {})

    def start_task(
        self, cluster_arn: str, definition: Definition, document: Document, overrides: Document
    ) -> Task:
        name = cluster_arn.rpartition("/")[2]
        task = Task(
            arn=self.arn(f"task/{name}/{new_task_id()}"),
            cluster_arn=cluster_arn,
            definition=definition,
            machine=self.machine,
            changed=self.tell,
            document=document,
            overrides=overrides,
        )
        self.tasks[task.id] = task
        task.start()
        return task

    # --- finding ----------------------------------------------------------------------------------------------------

    def cluster(self, given: Document) -> Cluster:
        found = self.clusters.get(str(given.get("cluster", "default")).rpartition("/")[2])
        if found is None:
            raise EcsError("ClusterNotFoundException", "Cluster not found.")
        return found

    def service(self, given: Document) -> Keeper:
        cluster = self.cluster(given)
        found = self.find_service(cluster, str(given.get("service", "")))
        if found is None:
            raise EcsError("ServiceNotFoundException", "Service not found.")
        if found.status != "ACTIVE":
            raise EcsError("ServiceNotActiveException", "Service was not ACTIVE.")
        return found

    def find_service(self, cluster: Cluster, name: str) -> Keeper | None:
        return self.services.get(f"{cluster.name}/{name.rpartition('/')[2]}")

    def definition(self, name: str) -> Definition:
        """By its ARN, by family:revision, or the newest active one of a family."""
        key = name.rpartition("/")[2]
        found = self.definitions.get(key)
        if found is None and ":" not in key:
            family = [each for each in self.definitions.values() if each.family == key and each.is_active]
            found = max(family, key=lambda each: each.revision, default=None)
        if found is None:
            raise EcsError("ClientException", "Unable to describe task definition.")
        return found

    def deployment(self, arn: str) -> tuple[Keeper, Deployment]:
        for service in self.services.values():
            for deployment in service.deployments:
                if deployment.arn == arn:
                    return service, deployment
        raise EcsError("ServiceDeploymentNotFoundException", "The service deployment was not found.")

    def seen_token(self, token: str, asked: Document) -> list[Task] | None:
        """The tasks that were started for this very request before; another request with its token is refused."""
        if token not in self._tokens:
            return None
        before, ids = self._tokens[token]
        if before != asked:
            raise EcsError("ConflictException", "The client token was used with other parameters.")
        return [self.tasks[each] for each in ids]

    def keep_token(self, token: str, asked: Document, tasks: list[Task]) -> None:
        self._tokens[token] = (asked, [each.id for each in tasks])
