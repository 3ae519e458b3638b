"""Starts and stops desks: the count of a service, which is 0 or 1, and the wait until it is so.

Who stops a desk on purpose leaves a note first, so that a deploy that begins in between does not start it again. The
alarms of a desk know its count, so that a desk that is stopped on purpose wakes nobody and a dead one does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from deploy import changesets, pauses
from deploy.bundle import Desired, Desk, called
from deploy.errors import BadUsage, Refused
from deploy.observe import LiveDesk, LiveStack, fetch_desk, fetch_desks, fetch_stacks
from deploy.site import Site

STOP_SECONDS_MAX, START_SECONDS_MAX = 300, 600


def choose(desired: Desired, wanted: str) -> tuple[Desk, ...]:
    """All desks of the stage, or the one that is named."""
    names = [each.name for each in desired.desks]
    if wanted and wanted not in names:
        raise BadUsage(detail=f"There is no desk {wanted!r:.40}; this stage has {', '.join(names)}.")
    return tuple(each for each in desired.desks if wanted in ("", each.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The desks of a stage as they stand on AWS, and what they stand in."""

    desired: Desired
    cluster: str
    stacks: Mapping[str, LiveStack]
    desks: Mapping[str, LiveDesk]


def look(site: Site, desired: Desired) -> Floor:
    floor = find(site, desired)
    if floor is None:
        raise Refused(detail=f"stage {site.stage.name} has no desks on AWS yet; deploy it first.")
    return floor


def find(site: Site, desired: Desired) -> Floor | None:
    stacks = {each.name: each for each in fetch_stacks(site.cloud, site.stage.prefix)}
    platform = stacks.get(desired.stack("Platform").name)
    desks = {each.name: each for each in fetch_desks(site.cloud, desired, stacks)}
    if platform is None or not desks:
        return None
    return Floor(desired=desired, cluster=platform.outputs["ClusterName"], stacks=stacks, desks=desks)


def stop(site: Site, desk: Desk, floor: Floor, *, reason: str) -> None:
    """Note, stop, silence. The dead man's alarm needs minutes of silence to ring; a stop must not wait for a stack."""
    pauses.record(site.cloud, site.bucket, desk.name, who=site.owner, reason=reason, at=site.clock.now())
    set_count(site, desk, floor, 0)
    _tell_alarms(site, desk, floor, 0)


def start(site: Site, desk: Desk, floor: Floor) -> None:
    """The alarms are told only when the desk runs: a start is no reason to wake anybody."""
    set_count(site, desk, floor, 1)
    _tell_alarms(site, desk, floor, 1)
    pauses.clear(site.cloud, site.bucket, desk.name)


def _tell_alarms(site: Site, desk: Desk, floor: Floor, count: int) -> None:
    """By the template that stands on AWS, not the one in the folder: whoever pauses a desk deploys nothing else."""
    wanted = next((each for each in floor.desired.stacks if each.id == f"Alarms-{desk.name}"), None)
    live = floor.stacks.get(wanted.name) if wanted else None
    if wanted and live and desk.count_parameter in live.parameters:
        standing = replace(wanted, body=json.dumps(live.template), template=live.template)
        changesets.change(site, standing, parameters={desk.count_parameter: str(count)})


def set_count(site: Site, desk: Desk, floor: Floor, count: int) -> None:
    live = floor.desks[desk.name]
    if live.desired != count:
        site.cloud.call(
            "ecs", "UpdateService", cluster=floor.cluster, service=live.service, desiredCount=count
        )
    deadline = site.clock.now().timestamp() + (START_SECONDS_MAX if count else STOP_SECONDS_MAX)
    while not _stands(live, count):
        if site.clock.now().timestamp() > deadline:
            detail = (
                f"{called(desk.name)} still has {live.running} running and {live.pending} pending task(s)"
            )
            raise Refused(detail=f"{detail}; `python -m deploy logs --desk {desk.name}` says why.")
        site.wait()
        found = fetch_desk(site.cloud, desk.name, cluster=floor.cluster, service=live.service)
        if found is None:
            raise Refused(detail=f"the service of {called(desk.name)} is gone.")
        live = found
    site.timeline.tell("ecs", f"{called(desk.name)} {'runs' if count else 'has stopped'}")


def _stands(live: LiveDesk, count: int) -> bool:
    return live.desired == count and live.running == count and (count > 0 or live.pending == 0)
