"""From what should be and what is to what is done: `plan(desired, observed, wishes) -> Plan`. Pure; asks nobody.

A plan may be only the first part (`again`): when a stack is in motion or broken, or when there is no registry yet that
could hold the image. Then the caller executes it, observes again and plans again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deploy import compare, steps
from deploy.bundle import Desired, Desk, StackTemplate
from deploy.errors import Destructive, ImageMissing, Refused, StackStuck
from deploy.observe import LiveStack, Observed
from deploy.releases import DEPLOYED, STOPPED, living
from deploy.steps import Step

FOUNDATIONS = ("Network", "Data", "Platform")
BEFORE_DESKS = (*FOUNDATIONS, "Tasks")
BAKE_SECONDS = 300

CHANGEABLE = frozenset(
    """CREATE_COMPLETE UPDATE_COMPLETE UPDATE_ROLLBACK_COMPLETE IMPORT_COMPLETE IMPORT_ROLLBACK_COMPLETE""".split()
)
# Nothing of them was ever whole: they are made anew.
EMPTY = frozenset(("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"))
REMEDIES: Mapping[str, str] = {
    "DELETE_FAILED": "a destroy was begun and did not end; finish it with `make destroy`, then deploy.",
    "UPDATE_FAILED": "somebody changed it with rollback switched off; end that with "
    "`aws cloudformation rollback-stack --stack-name {name}`, then deploy.",
    "IMPORT_ROLLBACK_FAILED": "an import was begun and could not be undone; look at its events, and let AWS help.",
    "CREATE_FAILED": "it holds what remembers and was never whole; look at its events, then delete it by hand.",
    "ROLLBACK_FAILED": "it holds what remembers and could not be undone; look at its events, then delete it by hand.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person asked for. `image` is a digest, a tag, or nothing for the newest."""

    image: str = ""
    allow_replace: frozenset[str] = frozenset()
    bake_seconds: int = BAKE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    steps: tuple[Step, ...] = ()
    refusals: tuple[Refused | StackStuck, ...] = ()
    changes: tuple[compare.Change, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    again: bool = False
    later: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.steps and not self.refusals


def plan(desired: Desired, observed: Observed, wishes: Wishes) -> Plan:
    bucket = () if observed.bucket_exists else (steps.MakeBucket(bucket=observed.bucket),)
    stuck = tuple(_stuck(desired, observed))
    healing = tuple(_heal(desired, observed))
    if stuck or healing:
        return Plan(
            steps=bucket + healing,
            refusals=stuck,
            again=True,
            later="what differs is seen when they stand still",
        )
    if observed.image is None:
        return _found(desired, observed, wishes, bucket)
    return _deploy(desired, observed, wishes, bucket, observed.image.digest)


# --- what must stand still first ------------------------------------------------------------------------------------


def _stuck(desired: Desired, observed: Observed) -> Iterator[StackStuck]:
    for each in desired.stacks:
        live = observed.stacks.get(each.name)
        if live and live.status in REMEDIES and not _may_clear(live):
            remedy = REMEDIES[live.status].format(name=live.name)
            yield StackStuck(stack=each.id, status=live.status, remedy=remedy)


def _may_clear(live: LiveStack) -> bool:
    kinds = {each["Type"] for each in live.template.get("Resources", {}).values()}
    return live.status in ("CREATE_FAILED", "ROLLBACK_FAILED") and not kinds & compare.REMEMBERS


def _heal(desired: Desired, observed: Observed) -> Iterator[Step]:
    for each in desired.stacks:
        live = observed.stacks.get(each.name)
        if live is None or live.status in CHANGEABLE or live.status in EMPTY:
            continue
        if live.status.endswith("_IN_PROGRESS"):
            yield steps.AwaitStack(stack=each.id, name=each.name, status=live.status)
        elif live.status == "UPDATE_ROLLBACK_FAILED":
            yield steps.ContinueRollback(stack=each.id, name=each.name)
        elif live.status == "ROLLBACK_COMPLETE" or _may_clear(live):
            yield steps.ClearStack(stack=each.id, name=each.name, status=live.status)


# --- the parts of a deploy ------------------------------------------------------------------------------------------


def _found(desired: Desired, observed: Observed, wishes: Wishes, bucket: tuple[Step, ...]) -> Plan:
    """Up to the registry. When that stands and still holds no such image, a person must push one."""
    changes = tuple(each for stack in FOUNDATIONS for each in differences(desired.stack(stack), observed, {}))
    refusals: tuple[Refused, ...] = tuple(_destructive(changes, wishes))
    made = tuple(_change_stacks(desired, observed, FOUNDATIONS, changes, {}))
    if not made and not refusals:
        refusals = (_image_missing(desired, observed, wishes),)
    return Plan(
        steps=bucket + made,
        refusals=refusals,
        changes=changes,
        again=True,
        later="tasks, migration, desks and alarms follow, when the registry holds an image",
    )


def _image_missing(desired: Desired, observed: Observed, wishes: Wishes) -> ImageMissing:
    uri = observed.output(desired.stack("Platform").name, "RepositoryUri")
    host = uri.partition("/")[0]
    tag = wishes.image if wishes.image and not wishes.image.startswith("sha256:") else "v1"
    commands = (
        f"aws ecr get-login-password --region {observed.region} | docker login --username AWS --password-stdin {host}",
        f"make image TAG={uri}:{tag} ARCH={desired.architecture}",
        f"docker push {uri}:{tag}",
    )
    return ImageMissing(image=wishes.image or "at all", commands=" && ".join(commands))


def _deploy(
    desired: Desired, observed: Observed, wishes: Wishes, bucket: tuple[Step, ...], digest: str
) -> Plan:
    counts = {each.name: wanted_count(each, observed) for each in desired.desks}
    values = parameters(desired, observed, digest, counts)
    changes = tuple(each for stack in desired.stacks for each in differences(stack, observed, values))
    refusals = tuple(_destructive(changes, wishes))
    before = tuple(_change_stacks(desired, observed, BEFORE_DESKS, changes, values))
    after = tuple(
        _change_stacks(desired, observed, tuple(s.id for s in desired.stacks if is_after(s)), changes, values)
    )
    rolls = tuple(_roll_desks(desired, observed, changes, digest, counts))
    migration = tuple(_migrate(desired, observed, digest))
    done: tuple[Step, ...] = ()
    early, refused = _take_out(desired, observed, after)
    refusals += refused
    after = tuple(each for each in after if each not in early)
    if before or migration or early or rolls or after:
        alarms = tuple(name for each in desired.desks if counts[each.name] for name in each.alarms)
        baking = (steps.Bake(seconds=wishes.bake_seconds, alarms=alarms),) if rolls and alarms else ()
        done = (*before, steps.Verify(), *migration, *early, *rolls, *after, *baking)
        done += (steps.WriteReceipt(digest=digest, desks=counts),)
    return Plan(steps=bucket + done, refusals=refusals, changes=changes, counts=counts)


def is_after(stack: StackTemplate) -> bool:
    return stack.id not in (*BEFORE_DESKS, "Bot")


def _take_out(
    desired: Desired, observed: Observed, after: tuple[Step, ...]
) -> tuple[tuple[Step, ...], tuple[Refused, ...]]:
    """The alarms of a desk that is no longer in the stage, before the desk itself.

    They stand on the service, and what gathers alarms stands on them: so Observability goes first, then they, then the
    service with the Bot stack.
    """
    known = {each.name for each in desired.stacks}
    strays = sorted(
        n for n in observed.stacks if n.startswith(f"{desired.stage.prefix}-alarms-") and n not in known
    )
    if not strays:
        return (), ()
    if any(isinstance(each, steps.ChangeStack) and each.create for each in after):
        detail = (
            f"desks are added and taken out at once ({', '.join(strays)} would go); do it in two deploys."
        )
        return (), (Refused(detail=detail),)
    first = tuple(
        each for each in after if isinstance(each, steps.ChangeStack) and each.stack == "Observability"
    )
    return (*first, *(steps.DropStack(stack=name, name=name) for name in strays)), ()


def wanted_count(desk: Desk, observed: Observed) -> int:
    """Whoever stopped a desk finds it stopped; one that no release has started yet, or that we stopped, is started."""
    if desk.name in observed.paused:
        return 0
    live = observed.desks.get(desk.name)
    since = living(observed.releases)
    released = any(desk.name in each.desks for each in since)
    stopped_by_us = bool(since) and since[0].outcome == STOPPED
    return live.desired if live and released and not stopped_by_us else 1


def parameters(
    desired: Desired, observed: Observed, digest: str, counts: Mapping[str, int]
) -> dict[str, dict[str, str]]:
    """For each stack the values of the parameters that are ours to say."""
    said = {"ImageDigest": digest}
    for desk in desired.desks:
        said |= {desk.image_parameter: digest, desk.count_parameter: str(counts[desk.name])}
    return {
        each.id: {name: said[name] for name in each.parameters if name in said} for each in desired.stacks
    }


def differences(
    stack: StackTemplate, observed: Observed, values: Mapping[str, Mapping[str, str]]
) -> tuple[compare.Change, ...]:
    live = observed.stacks.get(stack.name)
    standing = live if live and live.status not in EMPTY else None
    return compare.compare(
        stack.id,
        standing.template if standing else {},
        stack.template,
        old_parameters=standing.parameters if standing else {},
        new_parameters={**(standing.parameters if standing else {}), **values.get(stack.id, {})},
    )


def _destructive(changes: tuple[compare.Change, ...], wishes: Wishes) -> Iterator[Refused]:
    lost: dict[str, list[str]] = {}
    for each in changes:
        if each.loses and each.resource not in wishes.allow_replace:
            lost.setdefault(each.stack, []).append(f"{each.resource} ({each.type}, {each.action})")
    for stack, resources in lost.items():
        yield Destructive(stack=stack, resources=f"{', '.join(resources)}.")


def _change_stacks(
    desired: Desired,
    observed: Observed,
    wanted: tuple[str, ...],
    changes: tuple[compare.Change, ...],
    values: Mapping[str, Mapping[str, str]],
) -> Iterator[Step]:
    touched = {each.stack for each in changes}
    for stack in desired.stacks:
        if stack.id not in wanted:
            continue
        live = observed.stacks.get(stack.name)
        create = live is None or live.status in EMPTY
        if create or stack.id in touched or _tells_otherwise(stack, live):
            yield steps.ChangeStack(
                stack=stack.id, name=stack.name, create=create, parameters=values.get(stack.id, {})
            )


def _tells_otherwise(stack: StackTemplate, live: LiveStack | None) -> bool:
    """Outputs are no resources, but the next stack may stand on a new one."""
    return live is not None and live.template.get("Outputs", {}) != stack.template.get("Outputs", {})


def _migrate(desired: Desired, observed: Observed, digest: str) -> Iterator[Step]:
    """A new image may bring revisions; the task itself finds out, and does nothing where there are none."""
    release = observed.release
    if release and release.digest == digest and observed.schema == desired.head:
        return
    if desired.stage.protected and observed.stacks.get(desired.stack("Data").name):
        yield steps.Snapshot(head=desired.head)
    yield steps.Migrate(head=desired.head, digest=digest)


def _roll_desks(
    desired: Desired,
    observed: Observed,
    changes: tuple[compare.Change, ...],
    digest: str,
    counts: Mapping[str, int],
) -> Iterator[Step]:
    """One after the other; all of them, if the last deploy did not come to a receipt for this image."""
    bot = desired.stack("Bot")
    live = observed.stacks.get(bot.name)
    last = next(iter(living(observed.releases)), None)
    finished = last is not None and last.outcome == DEPLOYED and last.digest == digest
    as_found = all(
        (found := observed.desks.get(each.name)) and found.desired == counts[each.name]
        for each in desired.desks
    )
    if finished and as_found and not any(each.stack == "Bot" for each in changes):
        return
    create = live is None or live.status in EMPTY
    if create:
        zero = parameters(desired, observed, digest, dict.fromkeys(counts, 0))["Bot"]
        yield steps.ChangeStack(stack="Bot", name=bot.name, create=True, parameters=zero)
    for desk in desired.desks:
        yield steps.RollDesk(
            desk=desk.name,
            count=counts[desk.name],
            parameters={desk.image_parameter: digest},
        )
