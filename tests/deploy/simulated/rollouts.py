"""What becomes of tasks and rollouts as time passes: scripts say how each one goes, and the clock makes it so.

A desk that comes up logs what the runtime logs: its lease with an epoch, then a heartbeat every half minute. One that
goes down says that its lease is released, unless it was killed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from tests.deploy.simulated.account import Standing
from tests.deploy.simulated.logs import Logs

ENDED = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
HEARTBEATS_MAX = 240


@dataclass(frozen=True)
class Part:
    """A container of a definition."""

    name: str
    image: str
    group: str = ""
    prefix: str = ""
    essential: bool = True


@dataclass
class Definition:
    arn: str
    family: str
    body: dict[str, Any]
    containers: tuple[Part, ...]
    active: bool = True

    @property
    def mark(self) -> str:
        return "-" + self.arn.rpartition("/")[2].replace(":", "-")


@dataclass(frozen=True)
class OneOff:
    """How a one-off task goes. `late` lines can be read only when it has stopped long since."""

    exit_code: int | None = 0
    seconds: float = 30
    stop_code: str = "EssentialContainerExited"
    reason: str = "Essential container in task exited"
    lines: tuple[str, ...] = ("at work",)
    late: tuple[str, ...] = ()
    late_seconds: float = 8
    failures: tuple[str, ...] = ()
    second_exit_code: int | None = 0
    on_exit: Callable[[], object] | None = None


@dataclass(frozen=True)
class Rollout:
    """How a rollout goes. `listed_seconds` is how long the list of deployments is short of it; None: for ever."""

    ends: str = "SUCCESSFUL"
    seconds: float = 60
    listed_seconds: float | None = 0
    exit_code: int | None = 1
    reason: str = "Essential container in task exited"
    stop_code: str = "EssentialContainerExited"
    has_heartbeat: bool = True
    takes_lease: bool = True
    # The new task comes up and is well, and the deployment ends otherwise than well all the same.
    lives: bool = False
    # CloudFormation says that all is well, whatever becomes of the tasks.
    stack_is_content: bool = False
    on_end: Callable[[], object] | None = None


@dataclass(eq=False)
class Deployment:
    arn: str
    target: str
    source: str
    created_at: datetime
    script: Rollout
    before: Definition
    status: str = "PENDING"
    reason: str = ""
    is_listed: bool = True
    finished_at: datetime | None = None
    waiting: list[Callable[[], object]] = field(default_factory=list)


@dataclass(eq=False)
class Desk:
    """A service of at most one task."""

    name: str
    arn: str
    definition: Definition
    created_at: datetime
    desired: int = 0
    deployments: list[Deployment] = field(default_factory=list)
    events: list[tuple[datetime, str]] = field(default_factory=list)
    # How long it takes to stop, and whether it says goodbye.
    stop_seconds: float = 5
    says_goodbye: bool = True


@dataclass(eq=False)
class Task:
    arn: str
    definition: Definition
    created_at: datetime
    started_by: str = ""
    desk: Desk | None = None
    status: str = "PROVISIONING"
    wanted: str = "RUNNING"
    exit_codes: tuple[int | None, ...] = ()
    stop_code: str = ""
    stopped_reason: str = ""
    container_reason: str = ""
    started_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]


class Tasks:
    def __init__(self, standing: Standing, logs: Logs) -> None:
        self.standing, self.logs = standing, logs
        self.all: list[Task] = []
        # Interfaces of tasks, by task; one of them may be slow to go, or never go.
        self.interfaces: dict[str, str] = {}
        self.interface_seconds: float | None = 10
        self.epoch = 0
        # Of AWS's own agent, where a service asks for it.
        self.agent_status = "RUNNING"

    def find(self, name: str) -> Task | None:
        return next((each for each in self.all if name in (each.arn, each.id)), None)

    def of(self, desk: Desk) -> list[Task]:
        return [each for each in self.all if each.desk is desk]

    def _new(self, definition: Definition, desk: Desk | None = None) -> Task:
        arn = self.standing.arn("ecs", f"task/cluster/{self.standing.number():032x}")
        task = Task(arn, definition, self.standing.clock.now(), desk=desk)
        task.exit_codes = (None,) * len(definition.containers)
        self.all.append(task)
        self.interfaces[task.id] = f"eni-{task.id[-8:]}"
        return task

    def say(self, task: Task, text: str, *, late_seconds: float = 0) -> None:
        part = task.definition.containers[0]
        self.logs.write(part.group, f"{part.prefix}/{part.name}/{task.id}", text, late_seconds=late_seconds)

    def _tell(self, task: Task, event: str, **facts: object) -> None:
        at = self.standing.clock.now().isoformat(timespec="milliseconds")
        self.say(task, json.dumps({"at": at, "level": "info", "event": event, **facts}))

    def stop(self, task: Task, code: str, reason: str, *exit_codes: int | None) -> None:
        if task.status == "STOPPED":
            return
        task.status, task.wanted, task.stop_code, task.stopped_reason = "STOPPED", "STOPPED", code, reason
        task.exit_codes = (exit_codes + (0,) * len(task.exit_codes))[: len(task.exit_codes)]
        if all(each is None for each in exit_codes):
            task.container_reason = reason
        task.stopped_at = self.standing.clock.now()
        if self.interface_seconds is not None:
            self.standing.clock.after(self.interface_seconds, lambda: self.interfaces.pop(task.id, None))

    # --- one-off tasks ----------------------------------------------------------------------------------------------

    def run_once(self, definition: Definition, script: OneOff) -> Task:
        task = self._new(definition)
        clock = self.standing.clock

        def start() -> None:
            if script.stop_code == "TaskFailedToStart":
                return
            task.status, task.started_at = "RUNNING", clock.now()
            for line in script.lines:
                self.say(task, line)

        def end() -> None:
            for line in script.late:
                self.say(task, line, late_seconds=script.late_seconds)
            if script.on_exit:
                script.on_exit()
            self.stop(task, script.stop_code, script.reason, script.exit_code, script.second_exit_code)

        clock.after(15, start)
        clock.after(15 + script.seconds, end)
        return task

    # --- desks ------------------------------------------------------------------------------------------------------

    def _start(self, desk: Desk, definition: Definition, script: Rollout) -> Task:
        task = self._new(definition, desk)
        clock = self.standing.clock

        def run() -> None:
            if task.status != "PROVISIONING":
                return
            task.status, task.started_at = "RUNNING", clock.now()
            # The API shows and holds no lease.
            if script.takes_lease and definition.containers[0].name != "api":
                self.epoch += 1
                self._tell(task, "lease acquired", account=desk.name, epoch=self.epoch, seconds=30)
            if script.has_heartbeat:
                clock.after(10, partial(self._beat, task, HEARTBEATS_MAX))

        if script.stop_code != "TaskFailedToStart":
            clock.after(20, run)
        return task

    def _beat(self, task: Task, left: int) -> None:
        if task.status == "RUNNING" and left:
            metrics = [{"Name": "Heartbeat", "Unit": "Count"}]
            directive = {"Namespace": "Holdfast", "Dimensions": [["Env", "Bot"]], "Metrics": metrics}
            self._tell(task, "telemetry", Heartbeat=7, _aws={"CloudWatchMetrics": [directive]})
            self.standing.clock.after(30, partial(self._beat, task, left - 1))

    def _end(self, task: Task) -> None:
        desk = task.desk
        assert desk is not None
        task.wanted = "STOPPED"

        def gone() -> None:
            if task.status == "RUNNING" and desk.says_goodbye:
                self._tell(task, "lease released", epoch=self.epoch)
            self.stop(task, "ServiceSchedulerInitiated", "Scaling activity", 0 if desk.says_goodbye else 137)

        self.standing.clock.after(desk.stop_seconds, gone)

    def _end_all(self, desk: Desk) -> None:
        for each in self.of(desk):
            if each.wanted == "RUNNING":
                self._end(each)

    def scale(self, desk: Desk, desired: int) -> None:
        before, desk.desired = desk.desired, desired
        if desired == 0:
            self._end_all(desk)
        elif before == 0:
            self._start(desk, desk.definition, Rollout())

    def roll(self, desk: Desk, definition: Definition, script: Rollout) -> Deployment:
        clock, before = self.standing.clock, desk.definition
        number = self.standing.number()
        made = Deployment(
            arn=self.standing.arn("ecs", f"service-deployment/cluster/{desk.name}/d{number}"),
            target=self.standing.arn(
                "ecs", f"service-revision/cluster/{desk.name}/{number}{definition.mark}"
            ),
            source=desk.deployments[-1].target if desk.deployments else "",
            created_at=clock.now(),
            script=script,
            before=before,
            is_listed=script.listed_seconds == 0,
        )
        desk.deployments.append(made)
        desk.definition = definition
        if script.listed_seconds:
            clock.after(script.listed_seconds, lambda: setattr(made, "is_listed", True))
        self._end_all(desk)
        made.status = "IN_PROGRESS"
        if desk.desired == 0:
            self._settle(desk, made, "SUCCESSFUL", "")
        elif script.ends == "SUCCESSFUL":
            clock.after(6, lambda: self._start(desk, definition, script))
            clock.after(script.seconds, lambda: self._settle(desk, made, "SUCCESSFUL", ""))
        elif script.ends != "IN_PROGRESS":
            begin = self._start if script.lives else self._crash
            clock.after(6, lambda: begin(desk, definition, script))
            clock.after(
                script.seconds,
                lambda: self.give_up(
                    desk, made, script.ends, "ECS deployment circuit breaker: tasks failed to start."
                ),
            )
        return made

    def _crash(self, desk: Desk, definition: Definition, script: Rollout) -> Task:
        task = self._start(desk, definition, script)
        self.standing.clock.after(
            30, lambda: self.stop(task, script.stop_code, script.reason, script.exit_code)
        )
        return task

    def give_up(self, desk: Desk, made: Deployment, ends: str, reason: str, *, seconds: float = 60) -> None:
        """The old definition comes back at once; that it runs takes a while, or does not come about."""
        if made.status in ENDED:
            return
        if ends == "STOPPED" and made.script.lives:
            # Aborted: what came up so far stays as it is.
            self._settle(desk, made, ends, reason)
            return
        made.status, made.reason, desk.definition = "ROLLBACK_IN_PROGRESS", reason, made.before
        self._end_all(desk)
        if ends != "ROLLBACK_FAILED":
            self.standing.clock.after(6, lambda: self._start(desk, desk.definition, Rollout()))
        self.standing.clock.after(seconds, lambda: self._settle(desk, made, ends, reason))

    def _settle(self, desk: Desk, made: Deployment, status: str, reason: str) -> None:
        if made.status in ENDED:
            return
        now = self.standing.clock.now()
        made.status, made.reason, made.finished_at = status, reason, now
        desk.events.append((now, f"(service {desk.name}) deployment {status.lower()}. {reason}".strip()))
        for each in made.waiting:
            each()
        if made.script.on_end:
            made.script.on_end()
