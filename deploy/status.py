"""status: a stage on one screen, what is wrong first; the exit code is 0 if all is well and 6 if not.

It asks with describe, list and get calls alone. `see` gathers, `judge` decides: pure, so that what is called unhealthy
can be read in one place.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from deploy import cost, logs, oneoff
from deploy.bundle import Desired, called
from deploy.cloud import Cloud
from deploy.errors import Unhealthy
from deploy.heartbeat import Signs, read_signs
from deploy.history import describe
from deploy.observe import LiveDesk, Observed, observe
from deploy.site import Site

BEAT_MINUTES_MAX = 5
BACKUP_HOURS_MAX = 26
RESTARTS_MAX = 2
MANIFEST = ".json"
DUMPS = "pg_dump/"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskNow:
    """A desk as it runs. `restarts` are the tasks of this release that ended, within the hour that ECS remembers."""

    live: LiveDesk
    paused: bool
    digest: str = ""
    started_at: datetime | None = None
    health: str = ""
    restarts: tuple[str, ...] = ()
    beat_at: datetime | None = None
    signs: Signs = field(default_factory=Signs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    at: datetime
    observed: Observed
    desks: tuple[DeskNow, ...]
    alarms: tuple[str, ...]
    backup_at: datetime | None
    usd: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has no choices of its own."""


def run(site: Site, _args: argparse.Namespace) -> int:
    desired = site.read_templates()
    now = see(site, desired)
    faults = list(judge(now, desired))
    for fault in faults:
        site.timeline.tell("WRONG", fault)
    for source, line in show(now):
        site.timeline.tell(source, line)
    if faults:
        raise Unhealthy(count=len(faults), faults=" ".join(f"{each}." for each in faults))
    return 0


# --- what is -----------------------------------------------------------------------------------------------------


def see(site: Site, desired: Desired) -> Now:
    observed = observe(site.cloud, desired)
    cluster = oneoff.place_of(desired, observed).cluster
    platform = desired.stack("Platform").name
    desks = tuple(
        _see_desk(
            site,
            observed.desks[each.name],
            observed,
            cluster=cluster,
            group=observed.output(platform, "DeskLogGroup" if each.trades else "ApiLogGroup"),
            trades=each.trades,
        )
        for each in desired.desks
        if each.name in observed.desks
    )
    estimate = cost.estimate(cost.read_templates(site.templates), cost.read_prices())
    return Now(
        at=site.clock.now(),
        observed=observed,
        desks=desks,
        alarms=tuple(ringing(site.cloud, site.stage.prefix)),
        backup_at=newest_backup(site.cloud, observed.output(desired.stack("Data").name, "DumpBucket")),
        usd=str(estimate.total),
    )


def _see_desk(
    site: Site, live: LiveDesk, observed: Observed, *, cluster: str, group: str, trades: bool
) -> DeskNow:
    definition = site.cloud.call("ecs", "DescribeTaskDefinition", taskDefinition=live.task_definition)
    image = definition["taskDefinition"]["containerDefinitions"][0]["image"]
    running = next(_tasks(site.cloud, cluster, live.service, "RUNNING"), {})
    stopped = _tasks(site.cloud, cluster, live.service, "STOPPED")
    beat_at, signs = _last_signs(site, running, group)
    return DeskNow(
        live=live,
        paused=live.name in observed.paused,
        digest=image.partition("@")[2],
        started_at=running.get("startedAt"),
        health=running.get("healthStatus", ""),
        restarts=tuple(
            each.get("stoppedReason", "no reason given")
            for each in stopped
            # What a release died of that was taken back is no fault of the one that runs.
            if each["taskDefinitionArn"] == live.task_definition and not _was_wanted(each)
        ),
        beat_at=beat_at,
        signs=replace(signs, takes_lease=trades),
    )


def _was_wanted(task: Mapping[str, Any]) -> bool:
    """Stopped by a deploy, a pause or a person: no sign of a desk that dies."""
    scaled = str(task.get("stoppedReason", "")).startswith("Scaling activity")
    return scaled or task.get("stopCode") == "UserInitiated"


def _tasks(cloud: Cloud, cluster: str, service: str, status: str) -> Iterator[Mapping[str, Any]]:
    found = list(
        cloud.pages(
            "ecs", "ListTasks", "taskArns", cluster=cluster, serviceName=service, desiredStatus=status
        )
    )
    if found:
        yield from cloud.call("ecs", "DescribeTasks", cluster=cluster, tasks=found[:100])["tasks"]


def _last_signs(site: Site, task: Mapping[str, Any], group: str) -> tuple[datetime | None, Signs]:
    """Of this task alone: its stream ends in its id. The lease was told once, when the task took it."""
    if not task or not group:
        return None, Signs()
    task_id = str(task["taskArn"]).rpartition("/")[2]
    since = task.get("startedAt") or site.clock.now() - timedelta(minutes=BEAT_MINUTES_MAX)
    taken = logs.fetch(site.cloud, group, since=since, grep="lease acquired")
    beats = logs.fetch(
        site.cloud, group, since=site.clock.now() - timedelta(minutes=BEAT_MINUTES_MAX), grep="Heartbeat"
    )
    lines = [each for each in (*taken, *beats) if each.stream.endswith(task_id)]
    signs, beat_at = Signs(), None
    for line in lines:
        after = read_signs([line.text], signs)
        beat_at = line.at if after.heartbeats > signs.heartbeats else beat_at
        signs = after
    return beat_at, signs


def ringing(cloud: Cloud, prefix: str) -> Iterator[str]:
    for kind in ("MetricAlarm", "CompositeAlarm"):
        found = cloud.pages(
            "cloudwatch",
            "DescribeAlarms",
            f"{kind}s",
            AlarmNamePrefix=f"{prefix}-",
            StateValue="ALARM",
            AlarmTypes=[kind],
        )
        yield from (each["AlarmName"] for each in found)


def newest_backup(cloud: Cloud, bucket: str) -> datetime | None:
    """A dump counts when its manifest stands, which is put last."""
    if not bucket:
        return None
    found = cloud.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=DUMPS)
    return max((each["LastModified"] for each in found if each["Key"].endswith(MANIFEST)), default=None)


# --- what is wrong -----------------------------------------------------------------------------------------------


def judge(now: Now, desired: Desired) -> Iterator[str]:
    """A sentence for each thing that somebody should do something about."""
    for stack in desired.stacks:
        live = now.observed.stacks.get(stack.name)
        if live is None:
            yield f"stack {stack.id} is not there"
        elif not live.status.endswith("_COMPLETE") or live.status.startswith(("ROLLBACK", "DELETE")):
            yield f"stack {stack.id} is {live.status}"
    for desk in now.desks:
        yield from _judge_desk(desk, now)
    for alarm in now.alarms:
        yield f"alarm {alarm} rings; docs/runbooks says what it means"
    if now.observed.releases and now.backup_at is None:
        yield "there is no backup yet"
    elif now.backup_at and now.at - now.backup_at > timedelta(hours=BACKUP_HOURS_MAX):
        yield f"the newest backup is of {now.backup_at:%Y-%m-%d %H:%M} UTC"
    if now.observed.releases and now.observed.releases[0].outcome not in (
        "deployed",
        "rolled-back",
        "stopped",
    ):
        yield f"the last deploy ended as {now.observed.releases[0].outcome}: {now.observed.releases[0].reason}"


def _judge_desk(desk: DeskNow, now: Now) -> Iterator[str]:
    who = called(desk.live.name)
    if desk.paused:
        if desk.live.running:
            yield f"{who} is paused and still runs"
        return
    if desk.live.desired == 0:
        yield f"{who} is stopped, and nobody said that it is paused"
        return
    if not desk.live.running:
        yield f"{who} has no running task"
        return
    if desk.signs.takes_lease and desk.signs.epoch is None:
        yield f"{who} has not taken its lease"
    if desk.beat_at is None:
        yield f"{who} gave no heartbeat in {BEAT_MINUTES_MAX} minutes"
    if desk.health == "UNHEALTHY":
        yield f"{who} is unhealthy by its own check"
    if len(desk.restarts) > RESTARTS_MAX:
        yield f"{who} ended {len(desk.restarts)} times within the hour, last: {desk.restarts[-1]}"


# --- the screen --------------------------------------------------------------------------------------------------


def show(now: Now) -> Iterator[tuple[str, str]]:
    release = now.observed.release
    yield "release", describe(release) if release else "none yet"
    for desk in now.desks:
        yield called(desk.live.name), _show_desk(desk, now.at)
    lock = now.observed.lock
    held = lock is not None and not lock.is_free(now.at)
    yield "lock", f"{lock.owner} for {lock.purpose}" if lock and held else "free"
    yield "alarms", ", ".join(now.alarms) or "none rings"
    yield "backup", f"{_age(now.backup_at, now.at)} old" if now.backup_at else "none"
    yield "cost", f"{now.usd} USD a month by the templates"


def _show_desk(desk: DeskNow, at: datetime) -> str:
    if desk.paused:
        return f"paused, {desk.live.running} running"
    parts = [f"{desk.live.running}/{desk.live.desired} running {desk.digest[:19]}"]
    if desk.started_at:
        parts.append(f"for {_age(desk.started_at, at)}")
    if desk.signs.takes_lease:
        parts.append(f"lease epoch {desk.signs.epoch}" if desk.signs.epoch is not None else "no lease")
    parts.append(f"heartbeat {_age(desk.beat_at, at)} ago" if desk.beat_at else "no heartbeat")
    parts.append(f"{len(desk.restarts)} ended in the last hour")
    if desk.live.deployment_status:
        parts.append(f"deployment {desk.live.deployment_status}")
    return ", ".join(parts)


def _age(then: datetime, now: datetime) -> str:
    seconds = max(0, int((now - then).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
