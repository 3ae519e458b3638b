"""From what stands to how it is taken down: `plan(standing, wishes) -> Plan`. Pure; asks nobody.

First what trades stops, then the last copies are made and proved, and only then is anything deleted: stacks against
the order in which they stand on each other, the database last of what can be lost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.errors import Refused
from deploy.inventory import Thing
from deploy.observe import LiveStack
from deploy.standing import Note, Standing

LATEST_FIRST = ("-observability", "-alarms-", "-bot", "-tasks", "-platform", "-data", "-network")


class NotConfirmed(Refused):
    """{what} Nothing was changed. If that is meant, say the same again with CONFIRM={confirm}."""


class NoBackupPossible(Refused):
    """The ledger {database} cannot be backed up: {why} Nothing was changed. Put that right, a deploy may do it, and
    destroy then; or say WITHOUT_BACKUP=yes if what is in it may be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """`confirm` is what the person typed, `leave` the logical ids that CloudFormation shall not try to delete."""

    confirm: str = ""
    without_backup: bool = False
    purge: bool = False
    leave: frozenset[str] = frozenset()


# --- steps ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Await:
    name: str
    status: str

    def __str__(self) -> str:
        return f"wait for stack {self.name}, which is {self.status}"


@dataclass(frozen=True, slots=True)
class Stop:
    """`services` and how many tasks each wants or has."""

    cluster: str
    services: Mapping[str, int]

    def __str__(self) -> str:
        running = [name for name, count in self.services.items() if count]
        what = f"stop {', '.join(running)}" if running else "see that nothing runs"
        return f"{what}: wait until every task has ended and its lease and its interface are given back"


@dataclass(frozen=True, slots=True)
class Backup:
    def __str__(self) -> str:
        return "dump the ledger by a task of its own, and find its manifest and its bytes in the bucket"


@dataclass(frozen=True, slots=True)
class Prove:
    def __str__(self) -> str:
        return "restore that dump in a drill and compare it with its manifest"


@dataclass(frozen=True, slots=True)
class Snapshot:
    database: str

    def __str__(self) -> str:
        return f"take a last snapshot of {self.database}, and wait until it is available"


@dataclass(frozen=True, slots=True)
class EmptyRegistry:
    name: str
    images: int

    def __str__(self) -> str:
        return f"delete the {self.images} image(s) of registry {self.name}"


@dataclass(frozen=True, slots=True)
class DeleteDatabase:
    name: str

    def __str__(self) -> str:
        return f"lift the protection of database {self.name}, delete it and wait until it is gone"


@dataclass(frozen=True, slots=True)
class DeleteStack:
    name: str
    protected: bool
    status: str

    def __str__(self) -> str:
        again = ", which could not be deleted before" if self.status == "DELETE_FAILED" else ""
        return f"delete stack {self.name}{again}"


Step = Await | Stop | Backup | Prove | Snapshot | EmptyRegistry | DeleteDatabase | DeleteStack


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What dies and what stays are for a person; the steps are what is done."""

    steps: tuple[Step, ...] = ()
    refusals: tuple[Refused, ...] = ()
    dies: tuple[str, ...] = ()
    stays: tuple[Thing, ...] = ()
    again: bool = False


def plan(standing: Standing, wishes: Wishes) -> Plan:
    waits = tuple(_waits(standing))
    if waits:
        return Plan(steps=waits, again=True, refusals=tuple(_refusals(standing, wishes)))
    steps = tuple(_steps(standing, wishes))
    return Plan(
        steps=steps,
        refusals=tuple(_refusals(standing, wishes)),
        dies=tuple(_dies(standing)),
        stays=tuple(_stays(standing)),
    )


def _waits(standing: Standing) -> Iterator[Await]:
    for each in standing.stacks.values():
        if each.status.endswith("_IN_PROGRESS") and each.status != "REVIEW_IN_PROGRESS":
            yield Await(each.name, each.status)


def _refusals(standing: Standing, wishes: Wishes) -> Iterator[Refused]:
    stage, wanted = standing.stage, standing.stage.prefix
    if wishes.purge:
        wanted = f"purge-{wanted}"
        if wishes.confirm != wanted:
            yield NotConfirmed(what="A purge deletes the last copies of the ledger too.", confirm=wanted)
    elif stage.protected and standing.stacks and wishes.confirm != wanted:
        yield NotConfirmed(what=f"Stage {stage.name} is protected.", confirm=wanted)
    missing = _why_no_backup(standing)
    if missing and standing.database and not wishes.without_backup:
        yield NoBackupPossible(database=standing.database.name, why=missing)


def _why_no_backup(standing: Standing) -> str:
    note, database = standing.valid_note, standing.database
    if database is None or database.status == "deleting" or (note.backup and note.snapshot):
        return ""
    if not standing.output("tasks", "BackupTaskArn"):
        return "there is no backup task, because the stack Tasks does not stand."
    if database.status != "available":
        return f"it is {database.status}, and neither a dump nor a snapshot of it can be made."
    return ""


def _steps(standing: Standing, wishes: Wishes) -> Iterator[Step]:
    if cluster := standing.output("platform", "ClusterName"):
        yield Stop(cluster, standing.running)
    database = standing.database
    deleting = database is not None and database.status == "deleting"
    if database and not deleting and not wishes.without_backup:
        yield from _last_copies(standing, database.name)
    for name in _order(standing.stacks):
        stack = standing.stacks[name]
        if name == f"{standing.stage.prefix}-platform":
            yield from (EmptyRegistry(*each) for each in standing.images.items())
        if name == f"{standing.stage.prefix}-data" and database:
            yield DeleteDatabase(database.name)
        yield DeleteStack(name, stack.protected, stack.status)


def _last_copies(standing: Standing, database: str) -> Iterator[Step]:
    note: Note = standing.valid_note
    if not note.backup:
        yield Backup()
    if standing.stage.protected and not note.proved:
        yield Prove()
    if not note.snapshot:
        yield Snapshot(database)


def _order(stacks: Mapping[str, LiveStack]) -> list[str]:
    """Whoever imports what another exports goes before it. Among those that nobody needs the last made goes first, so
    that the task which makes backups stands as long as it can."""
    users: dict[str, set[str]] = {name: set() for name in stacks}
    for name, stack in stacks.items():
        for export in _imports(stack.template):
            if (source := export.partition(":")[0]) in stacks and source != name:
                users[source].add(name)
    order: list[str] = []
    while len(order) < len(stacks):
        free = [name for name in stacks if name not in order and users[name] <= set(order)]
        assert free, "CloudFormation lets no stacks import from each other in a circle"
        order.append(min(free, key=_rank))
    return order


def _rank(name: str) -> tuple[int, str]:
    places = [number for number, each in enumerate(LATEST_FIRST) if each in name]
    return (places[0] if places else 0, name)


def _imports(value: Any) -> Iterator[str]:
    match value:
        case {"Fn::ImportValue": str() as name}:
            yield name
        case dict():
            for each in value.values():
                yield from _imports(each)
        case list():
            for each in value:
                yield from _imports(each)


# --- what a person reads first --------------------------------------------------------------------------------------


def _dies(standing: Standing) -> Iterator[str]:
    yield from (f"stack {name}" for name in standing.stacks)
    if standing.database:
        yield f"database {standing.database.name}"
    yield from (f"{count} image(s) in registry {name}" for name, count in standing.images.items())
    yield from (
        str(each) for each in standing.things if each.kind == "log group" and each.name in standing.doomed
    )


def _stays(standing: Standing) -> Iterator[Thing]:
    """What no stack takes with it, by its own policy or because none owns it."""
    gone = set(standing.doomed)
    if standing.database:
        gone |= {standing.database.name, *standing.database.members}
    yield from (each for each in standing.things if each.kind != "stack" and each.name not in gone)
