"""Rolls one desk: changes the Bot stack for it, pins the ServiceDeployment that follows, and believes nothing else.

A stack or a service that looks stable may have been rolled back by ECS, and the deployment that is listed first may be
an old one. So the deployment must be of the wanted task definition and end as SUCCESSFUL; then the task must be a new
one; then its own log must show a lease and a heartbeat.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy import changesets, heartbeat
from deploy.bundle import Desk, StackTemplate
from deploy.errors import DeploymentUnseen, DeskFailed, HeartbeatMissing, StackFailed
from deploy.feeds import DeskEvents
from deploy.heartbeat import Signs
from deploy.observe import LiveDesk, fetch_deployments, fetch_desk, fetch_stack
from deploy.site import Site

ROLL_SECONDS_MAX, ROLLBACK_SECONDS_MAX = 900, 900
UNSEEN_SECONDS_MAX = 120
FAILURES_MAX = 3
FINAL = frozenset("SUCCESSFUL STOPPED ROLLBACK_SUCCESSFUL ROLLBACK_FAILED".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """The proof: which deployment, task and lease."""

    deployment: str
    task: str = ""
    signs: Signs = field(default_factory=Signs)

    def __str__(self) -> str:
        if not self.task:
            return "stopped"
        lease = f"epoch {self.signs.epoch}" if self.signs.takes_lease else "answers"
        return f"task {self.task.rpartition('/')[2]}, {lease}"


@dataclass(slots=True)
class Watch:
    """Looks at one service at every turn of any wait, and stops a deployment that takes too long, once."""

    site: Site
    desk: str
    cluster: str
    service: str
    known: frozenset[str]
    events: DeskEvents
    stop_at: float
    statuses: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    def look(self) -> None:
        self.events.look()
        for each in fetch_deployments(self.site.cloud, cluster=self.cluster, service=self.service):
            arn, status = each["serviceDeploymentArn"], each["status"]
            if arn in self.known and arn not in self.statuses and status in FINAL:
                continue
            if self.statuses.get(arn) != status:
                self.statuses[arn] = status
                self.reasons[arn] = _reason(_describe(self.site, arn))
                said = f"deployment {arn.rpartition('/')[2]} is {status} {self.reasons[arn]}".rstrip()
                self.site.timeline.tell(self.desk, said, kind="deployment")
        self._stop_late()

    def _stop_late(self) -> None:
        moving = [arn for arn, status in self.statuses.items() if status == "IN_PROGRESS"]
        if self.stopped or not moving or self.site.clock.now().timestamp() < self.stop_at:
            return
        self.stopped = True
        self.site.timeline.tell(self.desk, f"is not up after {ROLL_SECONDS_MAX} seconds: it is rolled back")
        for arn in moving:
            self.site.cloud.call(
                "ecs", "StopServiceDeployment", serviceDeploymentArn=arn, stopType="ROLLBACK"
            )


def roll(
    site: Site,
    bot: StackTemplate,
    desk: Desk,
    *,
    cluster: str,
    recount: Callable[[], int],
    parameters: Mapping[str, str],
    allow_replace: frozenset[str] = frozenset(),
) -> Rolled:
    """`recount` says how many tasks are wanted *now*: a person may pause a desk at any time, and past any lock."""
    before = _find(site, bot, desk, cluster)
    old_tasks = frozenset(_running(site, cluster, before.service)) if before else frozenset()
    watch = _watch(site, desk, cluster, before) if before else None
    parameters = {
        **_images_of_new_desks(site, bot, parameters[desk.image_parameter]),
        **parameters,
        desk.count_parameter: str(recount()),
    }
    try:
        changesets.change(
            site,
            bot,
            parameters=parameters,
            allow_replace=allow_replace,
            look=watch.look if watch else None,
        )
    except StackFailed as fault:
        raise _explain(desk, watch, fault) from fault
    after = _find(site, bot, desk, cluster)
    if after is None:
        raise DeskFailed(desk=desk.name, status="MISSING", reason="the stack has no service for it.")
    watch = watch or _watch(site, desk, cluster, None, service=after.service)
    definition = task_definition(site, bot, desk)
    count = recount()
    _correct(site, watch, after, definition, count)
    changed = before is None or before.task_definition != definition
    deployment = _await_deployment(site, watch, definition, fresh=changed and before is not None)
    if count == 0:
        return Rolled(deployment=deployment)
    task = _await_task(site, watch, definition)
    if not task:
        return Rolled(deployment=deployment)
    found = site.cloud.call("ecs", "DescribeTaskDefinition", taskDefinition=definition)["taskDefinition"]
    tail = heartbeat.tail_of(site, found, task, desk.name)
    await_signs = heartbeat.await_standing if task in old_tasks else heartbeat.await_signs
    try:
        return Rolled(
            deployment=deployment,
            task=task,
            signs=await_signs(site, desk.name, tail, wanted=Signs(takes_lease=desk.trades)),
        )
    except HeartbeatMissing:
        if _is_stopped(site, watch):
            return Rolled(deployment=deployment)
        raise


def _images_of_new_desks(site: Site, bot: StackTemplate, digest: str) -> dict[str, str]:
    """A desk whose turn comes later has no image yet that could stay; its count is the template's, which is 0."""
    live = fetch_stack(site.cloud, bot.name)
    known = live.parameters if live else {}
    return {name: digest for name in bot.parameters if name.startswith("ImageDigest") and name not in known}


def _is_stopped(site: Site, watch: Watch) -> bool:
    """Somebody wants no task of it any more: a pause, which is no failure of the release."""
    live = fetch_desk(site.cloud, watch.desk, cluster=watch.cluster, service=watch.service)
    return live is None or live.desired == 0


def task_definition(site: Site, bot: StackTemplate, desk: Desk) -> str:
    """What the stack says that the desk runs, which is not always what the service says."""
    found = site.cloud.pages(
        "cloudformation", "ListStackResources", "StackResourceSummaries", StackName=bot.name
    )
    return next(str(each["PhysicalResourceId"]) for each in found if each["LogicalResourceId"] == desk.task)


def _find(site: Site, bot: StackTemplate, desk: Desk, cluster: str) -> LiveDesk | None:
    live = fetch_stack(site.cloud, bot.name)
    service = live.outputs.get(desk.service_output, "") if live else ""
    return fetch_desk(site.cloud, desk.name, cluster=cluster, service=service) if service else None


def _watch(site: Site, desk: Desk, cluster: str, before: LiveDesk | None, *, service: str = "") -> Watch:
    name = before.service if before else service
    events = DeskEvents(site, cluster, name, desk.name)
    events.skip()
    found = fetch_deployments(site.cloud, cluster=cluster, service=name) if before else []
    return Watch(
        site=site,
        desk=desk.name,
        cluster=cluster,
        service=name,
        known=frozenset(each["serviceDeploymentArn"] for each in found),
        events=events,
        stop_at=site.clock.now().timestamp() + ROLL_SECONDS_MAX,
    )


def _explain(desk: Desk, watch: Watch | None, fault: StackFailed) -> StackFailed | DeskFailed:
    """CloudFormation says that a service did not become stable; ECS says why."""
    if watch:
        watch.look()
        for arn, status in watch.statuses.items():
            if arn not in watch.known and status in FINAL and status != "SUCCESSFUL":
                reason = _explained(watch.reasons[arn], watch)
                return DeskFailed(desk=desk.name, status=status, reason=reason)
    return fault


def _correct(site: Site, watch: Watch, live: LiveDesk, definition: str, count: int) -> None:
    """Where somebody changed the service beside its stack, the stack sees no difference and so changes nothing."""
    fresh = [status for arn, status in watch.statuses.items() if arn not in watch.known]
    if live.task_definition == definition and live.desired == count:
        return
    if any(status in FINAL and status != "SUCCESSFUL" for status in fresh):
        return
    site.timeline.tell(watch.desk, f"was changed beside its stack: back to {count} of {definition}")
    site.cloud.call(
        "ecs",
        "UpdateService",
        cluster=watch.cluster,
        service=watch.service,
        taskDefinition=definition,
        desiredCount=count,
    )


# --- the deployment -------------------------------------------------------------------------------------------------


def _await_deployment(site: Site, watch: Watch, definition: str, *, fresh: bool) -> str:
    """`fresh`: the task definition is another than before, so what is listed already is not the deployment we mean."""
    pinned = _pin(site, watch, definition, fresh=fresh)
    deadline = watch.stop_at + ROLLBACK_SECONDS_MAX
    while True:
        found = _describe(site, pinned)
        watch.look()
        if found["status"] == "SUCCESSFUL":
            return pinned
        late = site.clock.now().timestamp() > deadline
        if found["status"] in FINAL or late:
            raise DeskFailed(
                desk=watch.desk, status=found["status"], reason=_explained(_reason(found), watch)
            )
        site.wait()


def _pin(site: Site, watch: Watch, definition: str, *, fresh: bool) -> str:
    deadline = site.clock.now().timestamp() + UNSEEN_SECONDS_MAX
    while True:
        watch.look()
        for each in fetch_deployments(site.cloud, cluster=watch.cluster, service=watch.service):
            arn = str(each["serviceDeploymentArn"])
            if fresh and arn in watch.known:
                continue
            if _runs(site, each.get("targetServiceRevisionArn", ""), definition):
                return arn
        if site.clock.now().timestamp() > deadline:
            raise DeploymentUnseen(desk=watch.desk, task_definition=definition, seconds=UNSEEN_SECONDS_MAX)
        site.wait()


def _runs(site: Site, revision: str, definition: str) -> bool:
    if not revision:
        return False
    found = site.cloud.call("ecs", "DescribeServiceRevisions", serviceRevisionArns=[revision])[
        "serviceRevisions"
    ]
    return bool(found) and found[0]["taskDefinition"] == definition


def _describe(site: Site, deployment: str) -> Mapping[str, Any]:
    answer = site.cloud.call("ecs", "DescribeServiceDeployments", serviceDeploymentArns=[deployment])
    found: Mapping[str, Any] = answer["serviceDeployments"][0]
    return found


def _explained(reason: str, watch: Watch) -> str:
    """What ECS says, and the last that the task said itself."""
    last = f" The last words of a task: {watch.events.last_words}" if watch.events.last_words else ""
    return f"{(reason or 'ECS gives no reason').rstrip('.')}.{last}"


def _reason(found: Mapping[str, Any]) -> str:
    return str(found.get("statusReason") or found.get("rollback", {}).get("reason") or "")


# --- the task -------------------------------------------------------------------------------------------------------


def _await_task(site: Site, watch: Watch, definition: str) -> str:
    """A running task of the wanted definition, or nothing if none is wanted any more.

    A desk that was only scaled up has no deployment and so no circuit breaker: we count.
    """
    deadline = site.clock.now().timestamp() + ROLL_SECONDS_MAX
    while True:
        watch.look()
        running = _running(site, watch.cluster, watch.service)
        answer = (
            site.cloud.call("ecs", "DescribeTasks", cluster=watch.cluster, tasks=running) if running else {}
        )
        for task in answer.get("tasks", ()):
            if task["taskDefinitionArn"] == definition and task["lastStatus"] == "RUNNING":
                return str(task["taskArn"])
        if _is_stopped(site, watch):
            return ""
        failures = watch.events.stopped_of(definition)
        if failures >= FAILURES_MAX or site.clock.now().timestamp() > deadline:
            reason = _explained(f"{failures} task(s) of {definition} stopped, and none runs", watch)
            raise DeskFailed(desk=watch.desk, status="NOT_RUNNING", reason=reason)
        site.wait()


def _running(site: Site, cluster: str, service: str) -> list[str]:
    return list(
        site.cloud.pages(
            "ecs", "ListTasks", "taskArns", cluster=cluster, serviceName=service, desiredStatus="RUNNING"
        )
    )
