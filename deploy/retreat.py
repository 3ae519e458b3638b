"""Back to the release before, when a new one does not live: the stacks as they were found, with the image that ran.

Where there is no release before, or the schema does not suit its program any more, the desks are stopped: a desk that
stands still loses nothing, its protective orders rest at the venue.
"""

import json
from dataclasses import replace
from functools import partial

from deploy import changesets, services
from deploy.bundle import Desk, StackTemplate
from deploy.errors import (
    AlarmRang,
    AwsRefused,
    ChangeSetFailed,
    DeployError,
    DeploymentUnseen,
    DeskFailed,
    FirstReleaseFailed,
    HeartbeatMissing,
    RollbackFailed,
    RolledBack,
    StackFailed,
    StackStuck,
)
from deploy.observe import LiveDesk, fetch_stack, observe
from deploy.plan import CHANGEABLE
from deploy.releases import FAILED, ROLLED_BACK, STOPPED, Release
from deploy.work import Work, write_receipt

# What a new release may die of. Anything else, such as credentials that ended, leaves the roll to be gone on with.
CAUSES = (DeskFailed, DeploymentUnseen, HeartbeatMissing, AlarmRang, StackFailed, StackStuck, ChangeSetFailed)


def retreat(work: Work, cause: DeployError) -> DeployError:
    """Gives back what is to be raised; the receipt is written."""
    before = work.observed.release
    digest = work.digest
    if before is None:
        _stop(work)
        write_receipt(work, STOPPED, digest="", wanted=digest, reason=str(cause))
        return FirstReleaseFailed(cause=cause)
    suits = work.schema_oldest_program <= before.program if before.program else True
    if not suits:
        _stop(work)
        detail = (
            f"its program knows schema {before.program}, and the database needs {work.schema_oldest_program}."
        )
        write_receipt(work, STOPPED, digest="", wanted=digest, reason=f"{cause} {detail}")
        return RollbackFailed(cause=cause, digest=before.digest, detail=detail)
    work.site.timeline.tell("rollback", f"to {before.digest} of release {before.id}: {cause}")
    try:
        go_back(work, before)
    except (*CAUSES, AwsRefused) as fault:
        write_receipt(work, FAILED, digest=digest, wanted=digest, reason=f"{cause} Then: {fault}")
        return RollbackFailed(cause=cause, digest=before.digest, detail=str(fault))
    write_receipt(
        work, ROLLED_BACK, digest=before.digest, wanted=digest, reason=str(cause), program=before.program
    )
    return RolledBack(digest=before.digest, cause=cause)


def go_back(work: Work, before: Release) -> None:
    """Desk by desk, with the same proof as forward, and then the tasks of the clock."""
    site, desired = work.site, work.desired
    bot = _as_it_was(work, "Bot")
    live = fetch_stack(site.cloud, bot.name)
    if live and live.status == "UPDATE_ROLLBACK_FAILED":
        changesets.continue_rollback(site, bot.name, bot.id)
    for desk in desired.desks:
        if desk.count_parameter not in bot.parameters:
            continue
        if not before.desks.get(desk.name, 0):
            work.counts[desk.name] = 0
        work.evidence[desk.name] = str(
            services.roll(
                site,
                bot,
                desk,
                cluster=work.cluster,
                recount=partial(work.recount, desk.name),
                parameters={desk.image_parameter: before.digest},
            )
        )
    tasks = _as_it_was(work, "Tasks")
    changesets.change(site, tasks, parameters={"ImageDigest": before.digest})


def _as_it_was(work: Work, stack_id: str) -> StackTemplate:
    """The template that was found at the beginning, unless it lacks a desk whose alarms stand on it by now."""
    wanted = work.desired.stack(stack_id)
    found = work.observed.stacks.get(wanted.name)
    if found is None or not found.template or found.status not in CHANGEABLE:
        return wanted
    missing = set(wanted.parameters) - set(found.template.get("Parameters", {}))
    if missing:
        return wanted
    return replace(wanted, template=found.template, body=json.dumps(found.template, separators=(",", ":")))


def _stop(work: Work) -> None:
    """Past the stack, which may not be changeable now; the next deploy sets the count again."""
    now = observe(work.site.cloud, work.desired)
    for desk in work.desired.desks:
        live = now.desks.get(desk.name)
        if live and live.desired:
            _stop_one(work, desk, live)


def _stop_one(work: Work, desk: Desk, live: LiveDesk) -> None:
    work.site.timeline.tell(desk.name, "is stopped")
    work.site.cloud.call("ecs", "UpdateService", cluster=work.cluster, service=live.service, desiredCount=0)
