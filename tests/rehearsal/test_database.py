"""The database as RDS keeps it: who may come in, what a fail-over leaves, what a snapshot and a moment give back."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from deploy.rehearsal import superuser
from deploy.rehearsal.simulation import ROOT, Simulation, free_port
from tests.rehearsal.conftest import Client
from tests.rehearsal.stage import DIGEST, Stage, wait_until

RESTORED = "restored"


@pytest.fixture(autouse=True)
def image(simulation: Simulation) -> None:
    """The real program, from this very tree."""
    simulation.images.push(DIGEST, ROOT)


@pytest.fixture
def restored(dev: Stage) -> Iterator[dict[str, str]]:
    """What every restore asks for; what it made is deleted again."""
    yield {"target": RESTORED, "source": dev.outputs("Data")["DatabaseIdentifier"]}
    rds = dev.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=RESTORED, SkipFinalSnapshot=True)


def ask(simulation: Simulation, number: int, statement: str) -> str:
    return superuser.ask(simulation, "-c", statement, server=number)


def newest_server(simulation: Simulation) -> int:
    return max(int(each.name.removeprefix("db")) for each in (simulation.folder / "rds").glob("db*"))


def test_migrate__comes_in_by_tls_and_a_token_of_its_role(dev: Stage, simulation: Simulation) -> None:
    arn = dev.run("migrate")
    task = dev.ended(arn)
    assert task["containers"][0]["exitCode"] == 0, dev.log(arn, "migrate")
    assert ask(simulation, 1, "select count(*) > 0 from pg_roles where rolname = 'holdfast_bot'") == "t"


def test_door__lets_no_role_in_as_another_user(dev: Stage, simulation: Simulation) -> None:
    """The migration's role with the desk's user: only the policy of the role stands between."""
    definition = dev.ecs.describe_task_definition(taskDefinition=dev.outputs("Tasks")["MigrateTaskArn"])
    container = definition["taskDefinition"]["containerDefinitions"][0]
    url = next(each["value"] for each in container["environment"] if each["name"] == "DATABASE_URL")
    stolen = {"name": "DATABASE_URL", "value": url.replace("holdfast_migrator", "holdfast_bot")}
    override = {"name": "migrate", "command": ["history"], "environment": [stolen]}
    started = dev.ecs.run_task(
        cluster=dev.cluster,
        taskDefinition=dev.outputs("Tasks")["MigrateTaskArn"],
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        overrides={"containerOverrides": [override]},
    )
    arn = started["tasks"][0]["taskArn"]
    assert dev.ended(arn)["containers"][0]["exitCode"] != 0
    assert "no policy of" in simulation.log.read_text("utf-8")


def test_fail_over__keeps_what_was_committed(dev: Stage, simulation: Simulation) -> None:
    ask(simulation, 1, "create table kept_over as select 1 as one")
    rds, name = dev.client("rds"), dev.outputs("Data")["DatabaseIdentifier"]
    started = ask(simulation, 1, "select pg_postmaster_start_time()")
    rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 0})
    assert ask(simulation, 1, "select one from kept_over") == "1"
    assert ask(simulation, 1, "select pg_postmaster_start_time()") != started


def test_snapshot__is_available_later_and_restores_what_was(
    dev: Stage, simulation: Simulation, restored: dict[str, str]
) -> None:
    rds = dev.client("rds")
    ask(simulation, 1, "create table in_snapshot as select 1 as one")
    made = rds.create_db_snapshot(DBInstanceIdentifier=restored["source"], DBSnapshotIdentifier="kept")
    assert made["DBSnapshot"]["Status"] == "creating"
    wait_until(
        lambda: (
            rds.describe_db_snapshots(DBSnapshotIdentifier="kept")["DBSnapshots"][0]["Status"] == "available"
        ),
        "the snapshot",
    )
    ask(simulation, 1, "drop table in_snapshot")
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=RESTORED, DBSnapshotIdentifier="kept", Port=free_port()
    )
    assert ask(simulation, newest_server(simulation), "select one from in_snapshot") == "1"


def test_point_in_time__gives_back_what_was_dropped_after_it(
    dev: Stage, simulation: Simulation, restored: dict[str, str]
) -> None:
    ask(simulation, 1, "create table before_the_moment as select 1 as one")
    moment = datetime.fromisoformat(ask(simulation, 1, "select clock_timestamp()"))
    ask(simulation, 1, "drop table before_the_moment")
    dev.client("rds").restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=restored["source"],
        TargetDBInstanceIdentifier=RESTORED,
        RestoreTime=moment.astimezone(UTC),
        Port=free_port(),
    )
    assert ask(simulation, newest_server(simulation), "select one from before_the_moment") == "1"


def test_delete__is_refused_while_the_database_is_protected(dev: Stage, client: Client) -> None:
    name = dev.outputs("Data")["DatabaseIdentifier"]
    with pytest.raises(ClientError, match="DeletionProtection"):
        client("rds").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
