"""Does what a plan says, step by step, and says so. No cleverness: what a step needs stands in it.

It may be killed between any two lines. Whoever runs the command again observes again, and the plan then holds only
what is left to do.
"""

import re
from typing import Any, assert_never

from deploy import buckets, changesets, oneoff, preflight, services, snapshots, steps
from deploy.errors import AlarmRang
from deploy.observe import observe
from deploy.releases import DEPLOYED
from deploy.steps import Step
from deploy.work import Work, write_receipt

ALARMS_A_CALL = 100
MIGRATED = re.compile(r"The schema went from \S+ to (\w+)\.")


def execute(work: Work) -> None:
    for number, step in enumerate(work.plan.steps, start=1):
        work.site.timeline.tell("deploy", f"{number}/{len(work.plan.steps)} {step}", kind="step")
        if not _prepare(step, work):
            _do(step, work)


def _prepare(step: Step, work: Work) -> bool:
    """The steps that only make a stage fit to be changed. Whether it was one of them."""
    site = work.site
    match step:
        case steps.MakeBucket():
            buckets.make(site.cloud, step.bucket)
        case steps.AwaitStack():
            changesets.await_stack(site, step.name, step.stack)
        case steps.ClearStack() | steps.DropStack():
            changesets.delete(site, step.name, step.stack)
        case steps.ContinueRollback():
            changesets.continue_rollback(site, step.name, step.stack)
        case _:
            return False
    return True


def _do(step: Step, work: Work) -> None:
    match step:
        case steps.ChangeStack():
            _change_stack(work, step)
        case steps.Verify():
            # What was made a moment ago is verified too.
            now = observe(work.site.cloud, work.desired, wish=work.digest)
            preflight.verify(work.site, work.desired, now)
        case steps.Snapshot():
            _take_snapshot(work, step)
        case steps.Migrate():
            _migrate(work, step)
        case steps.RollDesk():
            _roll_desk(work, step)
        case steps.Bake():
            _bake(work, step)
        case steps.WriteReceipt():
            write_receipt(work, DEPLOYED, digest=step.digest, wanted=step.digest)
        case (
            steps.MakeBucket()
            | steps.AwaitStack()
            | steps.ClearStack()
            | steps.DropStack()
            | steps.ContinueRollback()
        ):
            raise AssertionError("done before")
        case _:
            assert_never(step)


def _change_stack(work: Work, step: steps.ChangeStack) -> None:
    """The alarms of a desk that was paused meanwhile must not ring for it."""
    counted = {
        each.count_parameter: str(work.counts[each.name])
        for each in work.desired.desks
        if each.count_parameter in step.parameters and not step.create
    }
    changesets.change(
        work.site,
        work.desired.stack(step.stack),
        parameters={**step.parameters, **counted},
        allow_replace=work.wishes.allow_replace,
    )


def _take_snapshot(work: Work, step: steps.Snapshot) -> None:
    data = work.desired.stack("Data").name
    work.evidence["snapshot"] = snapshots.take(
        work.site,
        database=work.observed.output(data, "DatabaseIdentifier"),
        snapshot=snapshots.name_of(
            work.desired.stage.prefix, f"before-{step.head}", oneoff.token(work.mark, step.head)
        ),
    )


def _migrate(work: Work, step: steps.Migrate) -> None:
    """One task for one image, head and database, however often the deployer is started for it."""
    now = observe(work.site.cloud, work.desired, wish=work.digest)
    place = oneoff.place_of(work.desired, now)
    definition = now.output(work.desired.stack("Tasks").name, "MigrateTaskArn")
    ended = oneoff.run(
        work.site,
        kind="migrate",
        place=place,
        task_definition=definition,
        # Of the definition too: ECS takes a token for the same work only if it is word for word the same.
        client_token=oneoff.token(step.digest, step.head, place.cluster, definition, work.mark),
    )
    said = [match[1] for line in ended.lines if (match := MIGRATED.search(line))]
    work.schema = said[-1] if said else step.head
    work.evidence["migration"] = ended.task


def _roll_desk(work: Work, step: steps.RollDesk) -> None:
    if not work.rolling:
        work.rolling = work.site.rolling = True
        work.rang_before = _ringing(work, tuple(n for each in work.desired.desks for n in each.alarms))
    rolled = services.roll(
        work.site,
        work.desired.stack("Bot"),
        next(each for each in work.desired.desks if each.name == step.desk),
        cluster=work.cluster,
        recount=lambda: work.recount(step.desk),
        parameters=step.parameters,
        allow_replace=work.wishes.allow_replace,
    )
    work.evidence[step.desk] = str(rolled)
    work.site.timeline.tell(step.desk, f"runs: {rolled}" if rolled.task else "stays stopped")


# --- the bake time --------------------------------------------------------------------------------------------------


def _bake(work: Work, step: steps.Bake) -> None:
    """An alarm that begins to ring fails the deploy at once; one that the roll itself set off must end in time."""
    site = work.site
    early = _ringing(work, step.alarms) - work.rang_before
    deadline = site.clock.now().timestamp() + step.seconds
    while True:
        ringing = _ringing(work, step.alarms) - work.rang_before
        over = site.clock.now().timestamp() >= deadline
        if loud := ringing if over else ringing - early:
            raise AlarmRang(
                alarms=", ".join(sorted(loud)), seconds=step.seconds, reason=_why(work, sorted(loud)[0])
            )
        if over:
            return
        early &= ringing
        site.wait()


def _ringing(work: Work, names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(each["AlarmName"] for each in _alarms(work, names) if each["StateValue"] == "ALARM")


def _why(work: Work, name: str) -> str:
    return next((str(each.get("StateReason", "")) for each in _alarms(work, (name,))), "")


def _alarms(work: Work, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        each
        for at in range(0, len(names), ALARMS_A_CALL)
        for each in work.site.cloud.pages(
            "cloudwatch", "DescribeAlarms", "MetricAlarms", AlarmNames=list(names[at : at + ALARMS_A_CALL])
        )
    ]
