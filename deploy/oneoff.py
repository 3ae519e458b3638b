"""A task that runs once and whose own exit code decides: started once whatever is retried, followed to its last line.

It succeeded only if it ended by itself and every essential container left with 0. A task that never started, a failure
in an answer of status 200, and an exit code that is not there are failures.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.bundle import Desired
from deploy.errors import TaskFailed, TaskNotStarted, TaskOverrun
from deploy.feeds import log_tails, why_stopped
from deploy.observe import Observed
from deploy.site import Site

TASK_SECONDS_MAX = 3600
TAIL_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where tasks run, from the outputs of the stacks."""

    cluster: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    public: bool

    def network(self) -> dict[str, Any]:
        return {
            "awsvpcConfiguration": {
                "subnets": list(self.subnets),
                "securityGroups": list(self.groups),
                "assignPublicIp": "ENABLED" if self.public else "DISABLED",
            }
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """`lines` is all that the containers said."""

    task: str
    lines: tuple[str, ...]


def place_of(desired: Desired, observed: Observed) -> Place:
    network, platform = desired.stack("Network").name, desired.stack("Platform").name
    return Place(
        cluster=observed.output(platform, "ClusterName"),
        subnets=tuple(observed.output(network, "DeskSubnets").split(",")),
        groups=(observed.output(network, "TaskSecurityGroup"),),
        public=desired.stage.egress == "public-ip",
    )


def token(*parts: str) -> str:
    """The same for the same work: ECS then gives back the task that it started, and starts no other."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def run(
    site: Site,
    *,
    kind: str,
    place: Place,
    task_definition: str,
    client_token: str,
    command: Sequence[str] = (),
    seconds_max: int = TASK_SECONDS_MAX,
) -> Ended:
    definition = site.cloud.call("ecs", "DescribeTaskDefinition", taskDefinition=task_definition)[
        "taskDefinition"
    ]
    arn = _start(site, kind, place, definition, client_token=client_token, command=command)
    site.timeline.tell(
        kind, f"task {arn.rpartition('/')[2]} of {definition['family']}:{definition['revision']}"
    )
    return _follow(site, kind, place, definition, arn, seconds_max=seconds_max)


def _start(
    site: Site,
    kind: str,
    place: Place,
    definition: Mapping[str, Any],
    *,
    client_token: str,
    command: Sequence[str],
) -> str:
    name = definition["containerDefinitions"][0]["name"]
    options: dict[str, Any] = (
        {"overrides": {"containerOverrides": [{"name": name, "command": list(command)}]}} if command else {}
    )
    answer = site.cloud.call(
        "ecs",
        "RunTask",
        cluster=place.cluster,
        taskDefinition=definition["taskDefinitionArn"],
        launchType="FARGATE",
        count=1,
        networkConfiguration=place.network(),
        clientToken=client_token,
        startedBy=f"deploy-{client_token[:24]}",
        propagateTags="TASK_DEFINITION",
        **options,
    )
    if answer.get("failures") or not answer.get("tasks"):
        said = [
            f"{each.get('reason', '')} {each.get('detail', '')}".strip()
            for each in answer.get("failures", ())
        ]
        raise TaskNotStarted(kind=kind, reason=f"{'; '.join(said) or 'ECS started none and gave no reason'}.")
    return str(answer["tasks"][0]["taskArn"])


def _follow(
    site: Site, kind: str, place: Place, definition: Mapping[str, Any], arn: str, *, seconds_max: int
) -> Ended:
    tails = log_tails(site, definition, arn, kind)
    deadline = site.clock.now().timestamp() + seconds_max
    lines: list[str] = []
    status = ""
    while True:
        task = _describe(site, kind, place, arn)
        for tail in tails.values():
            lines += tail.look()
        if task["lastStatus"] != status:
            status = task["lastStatus"]
            site.timeline.tell(kind, f"task is {status}", kind="task")
        if status == "STOPPED":
            break
        if site.clock.now().timestamp() > deadline:
            raise TaskOverrun(kind=kind, seconds=seconds_max, task=arn)
        site.wait()
    for tail in tails.values():
        lines += tail.drain(grace_seconds=site.log_grace_seconds)
    _judge(kind, task, definition, lines)
    return Ended(task=arn, lines=tuple(lines))


def _describe(site: Site, kind: str, place: Place, arn: str) -> Mapping[str, Any]:
    answer = site.cloud.call("ecs", "DescribeTasks", cluster=place.cluster, tasks=[arn])
    if not answer["tasks"]:
        reasons = [each.get("reason", "") for each in answer.get("failures", ())]
        raise TaskNotStarted(kind=kind, reason=f"ECS does not know {arn} any more ({', '.join(reasons)}).")
    task: Mapping[str, Any] = answer["tasks"][0]
    return task


def _judge(kind: str, task: Mapping[str, Any], definition: Mapping[str, Any], lines: Sequence[str]) -> None:
    essential = {each["name"] for each in definition["containerDefinitions"] if each.get("essential", True)}
    codes = {each["name"]: each.get("exitCode") for each in task.get("containers", ())}
    reason = f"{why_stopped(task)}."
    if task.get("stopCode") == "TaskFailedToStart" or all(codes.get(name) is None for name in essential):
        raise TaskNotStarted(kind=kind, reason=reason)
    bad = [code for name in sorted(essential) if (code := codes.get(name)) != 0]
    if bad or task.get("stopCode") != "EssentialContainerExited":
        code = next((each for each in bad if each is not None), "none")
        raise TaskFailed(kind=kind, code=code, reason=reason, tail=_shown(lines))


def _shown(lines: Sequence[str]) -> str:
    return " | ".join(lines[-TAIL_SHOWN:]) or "(it said nothing)"
