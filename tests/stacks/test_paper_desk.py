"""A stage trades on paper as soon as it is deployed: with the settings and commands of dev's own template."""

from pathlib import Path
from typing import Any

import pytest

from runtime.__main__ import main, parser
from runtime.simulator.config import PAPER
from stacks.settings import read_stage
from tests.database import Database
from tests.engine.desk_process import DeskProcess
from tests.stacks.rig import VARIANTS, every_resource, only, properties, text_of
from tests.stacks.test_environment import containers, told
from tests.venue import RunningSimulator

# Where this machine must differ from a task of AWS; everything else is the template's.
HERE = (
    "DATABASE_URL",
    "HOLDFAST_DATABASE_AUTH",
    "HOLDFAST_DATABASE_CA",
    "HOLDFAST_DATA_DIR",
    "HOLDFAST_HEALTH_DIR",
)


def volumes(variant: str) -> dict[str, Any]:
    """Of the one task that trades: what is behind each of its folders."""
    task = only(
        [each for each in properties(variant, "AWS::ECS::TaskDefinition") if "simulator" in str(each)]
    )
    return {each["Name"]: each.get("EFSVolumeConfiguration") for each in task["Volumes"]}


def test_dev__trades_as_its_template_says(tmp_path: Path, database: Database) -> None:
    (migrate,), (simulator,), (desk,) = (containers("dev", each) for each in ("migrate", "simulator", "desk"))
    assert main(migrate["Command"], {"DATABASE_URL": database.url()}) == 0
    given = {name: value for name, value in told(desk).items() if name not in HERE}
    listens = parser().parse_args(simulator["Command"])
    assert given["HOLDFAST_VENUE_URL"] == f"http://{listens.host}:{listens.port}"
    for _ in range(2):  # the second time as the next task, which finds the books of the first
        with RunningSimulator(tmp_path / "books", ()) as venue:
            venue.start()
            differing = {
                "DATABASE_URL": database.url("holdfast_bot"),
                "HOLDFAST_VENUE_URL": venue.url,
                "HOLDFAST_DATA_DIR": str(tmp_path),
                "HOLDFAST_METRICS_SECONDS": "0.2",
            }
            trading = DeskProcess(tmp_path / "desk", {**given, **differing}).start()
            try:
                assert trading.await_event("bot")["state"] == "running"
                trading.process.terminate()
                assert trading.await_end() == 0
            finally:
                trading.end()


def test_simulator__opens_the_account_that_the_desk_is_told_of() -> None:
    (desk,) = containers("dev", "desk")
    names = ("HOLDFAST_VENUE_KEY", "HOLDFAST_VENUE_SECRET", "HOLDFAST_VENUE_PASSPHRASE")
    assert tuple(told(desk)[name] for name in names) == (PAPER.api_key, PAPER.api_secret, PAPER.passphrase)


def test_desk__waits_for_the_venue_beside_it_and_both_are_needed() -> None:
    (desk,), (simulator,) = containers("dev", "desk"), containers("dev", "simulator")
    assert desk["DependsOn"] == [{"ContainerName": "simulator", "Condition": "HEALTHY"}]
    assert (desk["Essential"], simulator["Essential"]) == (True, True)
    assert simulator["HealthCheck"]["Command"][0] == "CMD"
    assert "PortMappings" not in simulator, "it listens inside the task and nowhere else"


def test_venue__its_books_outlive_the_task_though_the_spool_does_not() -> None:
    assert volumes("dev")["spool"] is None
    assert volumes("dev")["venue"]["TransitEncryption"] == "ENABLED"
    both = volumes("durable-spool")
    points = [both[each]["AuthorizationConfig"]["AccessPointId"] for each in ("spool", "venue")]
    assert text_of(points[0]) != text_of(points[1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_simulator__stands_beside_paper_desks_without_a_venue_only(variant: str) -> None:
    stage = read_stage(VARIANTS[variant]["stage"], VARIANTS[variant])
    assert len(containers(variant, "simulator")) == sum(desk.simulated for desk in stage.desks)
    kinds = {body["Type"] for _, _, body in every_resource(variant)}
    assert ("AWS::EFS::FileSystem" in kinds) == stage.keeps_files
    (migrate,) = containers(variant, "migrate")
    assert migrate["Command"] == (["migrate", "--samples"] if stage.simulates else ["migrate"])


def test_live_desks__have_no_simulator_near_them() -> None:
    live = read_stage("prod", VARIANTS["two-desks"]).desks[0]
    assert live.live
    assert containers("two-desks", "simulator") == []
    assert "AWS::EFS::FileSystem" not in {body["Type"] for _, _, body in every_resource("two-desks")}
