"""The plan of a destroy, as values: what is there goes in, and the steps in their order come out.."""

from datetime import UTC, datetime, timedelta

from deploy import dismantle
from deploy.dismantle import Backup, DeleteDatabase, DeleteStack, Prove, Snapshot, Stop, Wishes, plan
from deploy.observe import LiveStack
from deploy.releases import Release
from deploy.standing import Database, Note, Standing
from stacks.settings import read_stage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PROVED = Note(database="ledger", quiet_at=NOON, backup="holdfast-x", proved=True, snapshot="last")
TASK = {"BackupTaskArn": "arn:backup"}


def stack(name: str, *, status: str = "CREATE_COMPLETE", imports: str = "", **outputs: str) -> LiveStack:
    template = {"Resources": {"A": {"Properties": {"X": {"Fn::ImportValue": f"holdfast-prod-{imports}:Y"}}}}}
    return LiveStack(
        name=f"holdfast-prod-{name}",
        stack_id=name,
        status=status,
        outputs=outputs,
        template=template if imports else {},
        protected=True,
    )


def standing(
    *stacks: LiveStack, note: Note = PROVED, running: int = 0, at: datetime | None = None
) -> Standing:
    release = Release(id="r", at=at, outcome="deployed", digest="d", wanted="d", schema="1") if at else None
    return Standing(
        stage=read_stage("prod"),
        stacks={each.name: each for each in stacks},
        running={"desk": running},
        database=Database(name="ledger", status="available"),
        note=note,
        last_release=release,
    )


def kinds(found: Standing, **wishes: object) -> list[type]:
    planned = plan(found, Wishes(confirm="holdfast-prod", **wishes))  # type: ignore[arg-type]
    assert planned.refusals == (), planned.refusals
    return [type(each) for each in planned.steps]


WHOLE = (
    stack("network"),
    stack("data", imports="network"),
    stack("platform", imports="data", ClusterName="c"),
    stack("tasks", imports="platform", **TASK),
)


def test_plan__without_copies_makes_and_proves_them_before_anything_goes() -> None:
    assert kinds(standing(*WHOLE, note=Note()))[:4] == [Stop, Backup, Prove, Snapshot]


def test_plan__with_copies_of_this_quiet_time_makes_no_others() -> None:
    found = kinds(standing(*WHOLE))
    assert found == [Stop, DeleteStack, DeleteStack, DeleteDatabase, DeleteStack, DeleteStack]


def test_plan__copies_count_for_nothing_once_something_runs_or_was_deployed_since() -> None:
    assert Backup in kinds(standing(*WHOLE, running=1))
    assert Backup in kinds(standing(*WHOLE, at=NOON + timedelta(seconds=1)))
    assert Backup not in kinds(standing(*WHOLE, at=NOON - timedelta(seconds=1)))


def test_plan__copies_of_another_database_count_for_nothing() -> None:
    note = Note(database="other", quiet_at=NOON, backup="b", proved=True, snapshot="s")
    assert Backup in kinds(standing(*WHOLE, note=note))


def test_plan__users_go_before_what_they_use() -> None:
    names = [each.name for each in plan(standing(*WHOLE), Wishes(confirm="holdfast-prod")).steps
             if isinstance(each, DeleteStack)]  # fmt: skip
    assert names == [f"holdfast-prod-{each}" for each in ("tasks", "platform", "data", "network")]


def test_plan__a_stack_that_moves_is_all_that_is_planned() -> None:
    planned = plan(
        standing(*WHOLE, stack("bot", status="UPDATE_IN_PROGRESS")), Wishes(confirm="holdfast-prod")
    )
    assert [type(each) for each in planned.steps] == [dismantle.Await]
    assert planned.again


def test_plan__refuses_with_every_reason_at_once() -> None:
    planned = plan(standing(*WHOLE[:3], note=Note()), Wishes())
    assert [type(each).__name__ for each in planned.refusals] == ["NotConfirmed", "NoBackupPossible"]
    assert all(each.exit_code == 4 for each in planned.refusals)


def test_plan__of_a_ledger_that_may_be_lost_copies_nothing() -> None:
    assert not {Backup, Prove, Snapshot} & set(kinds(standing(*WHOLE, note=Note()), without_backup=True))
