"""Does what a plan of destroy says: stops, deletes, waits, and explains what would not go.

Each step may be killed and done again: what is gone already is passed over, and what is going is waited for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from deploy import changesets, dismantle, lastcopy, standing, standstill
from deploy.dismantle import Step, Wishes
from deploy.errors import AwsRefused, DeployError
from deploy.feeds import StackEvents
from deploy.site import Site
from deploy.standing import Note, Standing

DATABASE_SECONDS_MAX = 3600
# The interfaces of tasks that have just ended hold their group for some minutes more.
DELETE_TRIES, BETWEEN_TRIES_SECONDS = 3, 60
IMAGES_AT_ONCE = 100
GONE = frozenset(
    "DBInstanceNotFound DBInstanceNotFoundFault DBClusterNotFound DBClusterNotFoundFault".split()
)

# What CloudFormation says in its reasons, and what a person may do about it.
HINTS: Mapping[str, str] = {
    "dependent object": "something still uses it, most often a network interface: see which with "
    "`aws ec2 describe-network-interfaces`, end it, and go on.",
    "still has images": "an image was pushed meanwhile; go on, and it is emptied again.",
    "not empty": "it holds objects; they are deleted by nobody but you.",
    "protected": "its protection is on again; go on, and it is lifted again.",
}


class NotDeleted(DeployError):
    """Stack {stack} could not be deleted and is {status}: {reasons} Run the same command again to go on; what can never
    go may be left standing with LEAVE={resources}, and is then listed among the leftovers."""


class DatabaseRemains(DeployError):
    """The database {name} is {status} {seconds} seconds after its deletion began. The last copies are safe; run the
    same command again to go on."""


@dataclass(slots=True, kw_only=True)
class Work:
    site: Site
    found: Standing
    wishes: Wishes
    note: Note


def execute(steps: tuple[Step, ...], work: Work) -> None:
    for number, step in enumerate(steps, start=1):
        work.site.timeline.tell("destroy", f"{number}/{len(steps)} {step}")
        _do(step, work)


def _do(step: Step, work: Work) -> None:
    site = work.site
    match step:
        case dismantle.Await():
            changesets.await_stack(site, step.name, step.name)
        case dismantle.Stop():
            _stop(step, work)
        case dismantle.Backup():
            work.note = lastcopy.back_up(site, work.found, work.note)
        case dismantle.Prove():
            work.note = lastcopy.prove(site, work.found, work.note)
        case dismantle.Snapshot():
            work.note = lastcopy.take_snapshot(site, work.found, work.note)
        case dismantle.EmptyRegistry():
            _empty(site, step.name)
        case dismantle.DeleteDatabase():
            _delete_database(work)
        case dismantle.DeleteStack():
            _delete_stack(step, work)
        case _:
            assert_never(step)


def _stop(step: dismantle.Stop, work: Work) -> None:
    """A dump counts from the instant at which nothing writes any more, so that instant is written down."""
    standstill.stop(work.site, step, work.found)
    note = work.found.valid_note
    if note.quiet_at is None:
        database = work.found.database.name if work.found.database else ""
        note = Note(database=database, quiet_at=work.site.clock.now(), tries=note.tries)
    work.note = standing.record_note(work.site.cloud, work.site.bucket, note)


# --- what holds data ------------------------------------------------------------------------------------------------


def _empty(site: Site, name: str) -> None:
    digests = [each["imageDigest"] for each in standing.fetch_images(site.cloud, name)]
    for start in range(0, len(digests), IMAGES_AT_ONCE):
        some = [{"imageDigest": each} for each in digests[start : start + IMAGES_AT_ONCE]]
        site.cloud.call("ecr", "BatchDeleteImage", repositoryName=name, imageIds=some)


def _delete_database(work: Work) -> None:
    """Only here its protection falls. The snapshot is ours and available, so RDS need not take another one."""
    site, database = work.site, work.found.database
    assert database is not None
    if not work.wishes.without_backup and not (work.note.backup and work.note.snapshot):
        raise lastcopy.NotBackedUp(
            reason="no dump and snapshot of it stand proved in the note of this destroy."
        )
    try:
        if database.is_cluster:
            _delete_cluster(work)
        elif database.status != "deleting":
            site.cloud.call(
                "rds",
                "ModifyDBInstance",
                DBInstanceIdentifier=database.name,
                DeletionProtection=False,
                ApplyImmediately=True,
            )
            site.cloud.call(
                "rds",
                "DeleteDBInstance",
                DBInstanceIdentifier=database.name,
                SkipFinalSnapshot=True,
                DeleteAutomatedBackups=not work.found.stage.protected,
            )
    except AwsRefused as fault:
        if fault.code not in GONE:
            raise
    _await_database(work)


def _delete_cluster(work: Work) -> None:
    site, database = work.site, work.found.database
    assert database is not None
    for member in database.members:
        if (found := standing.fetch_instance(site.cloud, member)) and found.status != "deleting":
            site.cloud.call("rds", "DeleteDBInstance", DBInstanceIdentifier=member, SkipFinalSnapshot=True)
    deadline = site.clock.now().timestamp() + DATABASE_SECONDS_MAX
    while any(standing.fetch_instance(site.cloud, each) for each in database.members):
        if site.clock.now().timestamp() > deadline:
            raise DatabaseRemains(
                name=database.name, status="still with members", seconds=DATABASE_SECONDS_MAX
            )
        site.wait()
    if database.status != "deleting":
        site.cloud.call(
            "rds",
            "ModifyDBCluster",
            DBClusterIdentifier=database.name,
            DeletionProtection=False,
            ApplyImmediately=True,
        )
        site.cloud.call("rds", "DeleteDBCluster", DBClusterIdentifier=database.name, SkipFinalSnapshot=True)


def _await_database(work: Work) -> None:
    site, database = work.site, work.found.database
    assert database is not None
    fetch = standing.fetch_cluster if database.is_cluster else standing.fetch_instance
    deadline = site.clock.now().timestamp() + DATABASE_SECONDS_MAX
    told = ""
    while found := fetch(site.cloud, database.name):
        if found.status != told:
            site.timeline.tell("rds", f"database {database.name} is {found.status}")
            told = found.status
        if site.clock.now().timestamp() > deadline:
            raise DatabaseRemains(name=database.name, status=found.status, seconds=DATABASE_SECONDS_MAX)
        site.wait()


# --- stacks ---------------------------------------------------------------------------------------------------------


def _delete_stack(step: dismantle.DeleteStack, work: Work) -> None:
    site, stack = work.site, work.found.stacks[step.name]
    if step.protected:
        site.cloud.call(
            "cloudformation",
            "UpdateTerminationProtection",
            StackName=stack.name,
            EnableTerminationProtection=False,
        )
    if step.name == f"{work.found.stage.prefix}-network":
        # The backup's own task has come and gone since the desks stopped.
        standstill.await_interfaces(site, work.found)
    failed = step.status == "DELETE_FAILED"
    for left in reversed(range(DELETE_TRIES)):
        events = StackEvents(site, stack.stack_id, stack.name)
        events.skip()
        leave = sorted(work.wishes.leave & _failed_resources(work, stack.stack_id)) if failed else []
        options = {"RetainResources": leave} if leave else {}
        site.cloud.call("cloudformation", "DeleteStack", StackName=stack.stack_id, **options)
        ended = changesets.await_stack(site, stack.stack_id, stack.name, events=events)
        if ended is None:
            return
        if left == 0:
            raise NotDeleted(
                stack=stack.name,
                status=ended.status,
                reasons=" ".join(_explained(each) for each in events.failures) or ended.reason,
                resources=",".join(sorted(_failed_resources(work, stack.stack_id))) or "LOGICALID",
            )
        failed = ended.status == "DELETE_FAILED"
        site.timeline.tell("destroy", f"stack {stack.name} is {ended.status}; once more in a minute")
        site.wait(BETWEEN_TRIES_SECONDS)


def _failed_resources(work: Work, stack_id: str) -> frozenset[str]:
    rows = work.site.cloud.pages(
        "cloudformation", "ListStackResources", "StackResourceSummaries", StackName=stack_id
    )
    return frozenset(each["LogicalResourceId"] for each in rows if each["ResourceStatus"] == "DELETE_FAILED")


def _explained(reason: str) -> str:
    hint = next((text for word, text in HINTS.items() if word in reason), "")
    return f"{reason.rstrip('.')}. {hint}".strip()
