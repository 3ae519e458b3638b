"""Brings a stage to a standstill before it is copied for the last time: alarms, desks, interfaces.

It deletes nothing. A scheduled task that runs is waited for, and never stopped.
"""

import json
from collections.abc import Mapping
from typing import Any

from deploy import changesets
from deploy.bundle import StackTemplate
from deploy.dismantle import Stop
from deploy.errors import AwsRefused, ChangeSetFailed, DeployError, StackFailed
from deploy.heartbeat import CONTAINER
from deploy.observe import LiveStack
from deploy.plan import CHANGEABLE
from deploy.site import Site
from deploy.standing import Standing

STOP_SECONDS_MAX, INTERFACE_SECONDS_MAX = 600, 900


class DesksDoNotStop(DeployError):
    """{services} still had task(s) {seconds} seconds after the stop. Nothing was deleted; look at their log with
    `python -m deploy logs`, and run the same command again."""


def stop(site: Site, step: Stop, found: Standing) -> None:
    for stack in found.stacks.values():
        _silence(site, stack)
    for name, count in step.services.items():
        if count:
            site.cloud.call("ecs", "UpdateService", cluster=step.cluster, service=name, desiredCount=0)
    _await_tasks(step, site)
    await_interfaces(site, found)


def _silence(site: Site, stack: LiveStack) -> None:
    """The alarms of a desk know its count: one that is stopped on purpose wakes nobody. A deploy tells them again.

    Switching their actions off would outlive a destroy that stopped half-way, and nobody would notice.
    """
    counts = [name for name in stack.parameters if name.startswith("DesiredCount")]
    wanted = {name: "0" for name in counts if stack.parameters[name] != "0"}
    if "-alarms-" not in stack.name or not wanted or stack.status not in CHANGEABLE:
        return
    standing_still = StackTemplate(
        id=stack.name,
        name=stack.name,
        body=json.dumps(stack.template, separators=(",", ":")),
        template=stack.template,
        needs=(),
        protected=stack.protected,
    )
    try:
        changesets.change(site, standing_still, parameters=wanted)
    except (ChangeSetFailed, StackFailed) as fault:
        site.timeline.tell("destroy", f"the alarms of {stack.name} could not be told, and may ring: {fault}")


def _await_tasks(step: Stop, site: Site) -> None:
    """Not only of the desks: a scheduled backup that still runs is waited for, and never stopped."""
    known: set[str] = set()
    deadline = site.clock.now().timestamp() + STOP_SECONDS_MAX
    while True:
        alive = {
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in site.cloud.pages(
                "ecs", "ListTasks", "taskArns", cluster=step.cluster, desiredStatus=status
            )
        }
        tasks = _describe(site, step.cluster, sorted(alive))
        moving = [each for each in tasks if each["lastStatus"] != "STOPPED"]
        for each in tasks:
            if each["lastStatus"] == "STOPPED" and each["taskArn"] in known:
                _tell_stopped(site, each)
        known = {each["taskArn"] for each in moving}
        if not moving:
            return
        if site.clock.now().timestamp() > deadline:
            services = ", ".join(sorted({each.get("group", "a task") for each in moving}))
            raise DesksDoNotStop(services=services, seconds=STOP_SECONDS_MAX)
        site.wait()


def _describe(site: Site, cluster: str, arns: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for start in range(0, len(arns), 100):
        found += site.cloud.call("ecs", "DescribeTasks", cluster=cluster, tasks=arns[start : start + 100])[
            "tasks"
        ]
    return found


def _tell_stopped(site: Site, task: Mapping[str, Any]) -> None:
    """Its own last word is the lease; a task that was killed does not say it, and its lease ends by itself."""
    group = task.get("group", "")
    if not group.startswith("service:"):
        site.timeline.tell("ecs", f"{group} has ended")
    elif not any(each["name"] == CONTAINER for each in task.get("containers", ())):
        site.timeline.tell("ecs", f"{group} has stopped")
    elif _released_lease(site, task):
        site.timeline.tell("ecs", f"{group} has stopped and given its lease back")
    else:
        reason = task.get("stoppedReason", "no reason given")
        said = f"{group} has stopped without giving its lease back ({reason}); it ends by itself"
        site.timeline.tell("ecs", said)


def _released_lease(site: Site, task: Mapping[str, Any]) -> bool:
    definition = site.cloud.call("ecs", "DescribeTaskDefinition", taskDefinition=task["taskDefinitionArn"])[
        "taskDefinition"
    ]
    for container in definition["containerDefinitions"]:
        options = container.get("logConfiguration", {}).get("options", {})
        if "awslogs-group" not in options:
            continue
        stream = (
            f"{options['awslogs-stream-prefix']}/{container['name']}/{task['taskArn'].rpartition('/')[2]}"
        )
        try:
            events = site.cloud.pages(
                "logs",
                "FilterLogEvents",
                "events",
                logGroupName=options["awslogs-group"],
                logStreamNames=[stream],
                filterPattern='"lease released"',
            )
            if any(_says_released(each["message"]) for each in events):
                return True
        except AwsRefused as fault:
            if fault.code != "ResourceNotFoundException":
                raise
    return False


def _says_released(line: str) -> bool:
    return line.startswith("{") and json.loads(line).get("event") == "lease released"


def await_interfaces(site: Site, found: Standing) -> None:
    """A group with an interface in it cannot be deleted. If one stays, the deletion of its stack will say so."""
    group = found.output("network", "TaskSecurityGroup")
    deadline = site.clock.now().timestamp() + INTERFACE_SECONDS_MAX
    while group:
        holding = list(
            site.cloud.pages(
                "ec2",
                "DescribeNetworkInterfaces",
                "NetworkInterfaces",
                Filters=[{"Name": "group-id", "Values": [group]}],
            )
        )
        if not holding:
            return
        if site.clock.now().timestamp() > deadline:
            names = ", ".join(each["NetworkInterfaceId"] for each in holding)
            site.timeline.tell("ec2", f"{names} still hold(s) {group} after {INTERFACE_SECONDS_MAX} seconds")
            return
        site.wait()
