"""Several desks: rolled one after the other, added to a stage that trades, and taken out of it."""

import json
from pathlib import Path

import app as entry
from deploy import bundle
from deploy.site import MIGRATIONS
from stacks.settings import read_stage
from tests.deploy.scenarios.stage import FIRST, SECOND, Scene, open_stage
from tests.deploy.simulated.rollouts import Rollout


def desks(*names: str) -> str:
    return json.dumps([{"name": name, "account": name} for name in names])


def templates(folder: Path, *names: str) -> Path:
    made = folder / "-".join(names)
    app = entry.open_app(outdir=str(made), context={"stage": "dev", "desks": desks(*names)})
    entry.build(app)
    app.synth()
    return made


def wear(scene: Scene, folder: Path, *names: str) -> None:
    """From now on the stage has these desks."""
    scene.templates = templates(folder, *names)
    scene.stage = read_stage("dev", {"desks": desks(*names)})


def deployed(folder: Path, *names: str) -> Scene:
    scene = open_stage("dev")
    wear(scene, folder, *names)
    assert scene.run("deploy").code == 4
    scene.push(FIRST, "v1")
    done = scene.run("deploy", "--bake-seconds", "30")
    assert done.code == 0, done.says
    return scene


def counts(scene: Scene) -> dict[str, int]:
    desired = bundle.read(scene.templates, scene.stage, migrations=MIGRATIONS)
    outputs = scene.aws.cloudformation.stacks["holdfast-dev-bot"].outputs
    services = {name.rpartition("/")[2]: each.desired for name, each in scene.aws.ecs.desks.items()}
    return {each.name: services[outputs[each.service_output]] for each in desired.desks}


def test_deploy__the_second_desk_is_touched_only_when_the_first_is_proved(tmp_path: Path) -> None:
    scene = deployed(tmp_path, "one", "two")
    scene.push(SECOND, "v2")
    done = scene.run("deploy", "--bake-seconds", "30")
    assert done.code == 0, done.says
    one, two = (each.deployments[-1] for each in scene.aws.ecs.desks.values())
    assert one.finished_at is not None
    assert one.created_at < one.finished_at <= two.created_at
    assert counts(scene) == {"one": 1, "two": 1}


def test_deploy__a_first_desk_that_fails_leaves_the_second_as_it_was(tmp_path: Path) -> None:
    scene = deployed(tmp_path, "one", "two")
    two = list(scene.aws.ecs.desks.values())[1]
    before = len(two.deployments)
    scene.push(SECOND, "v2")
    scene.aws.ecs.rollouts = [Rollout(ends="ROLLBACK_SUCCESSFUL")]
    assert scene.run("deploy", "--bake-seconds", "30").code == 3
    assert len(two.deployments) == before
    assert counts(scene) == {"one": 1, "two": 1}


def test_deploy__a_desk_is_added_beside_one_that_is_paused_and_taken_out_again(tmp_path: Path) -> None:
    scene = deployed(tmp_path, "one")
    scene.aws.s3.put(scene.bucket, "paused/one", b"{}")
    wear(scene, tmp_path, "one", "two")
    done = scene.run("deploy", "--bake-seconds", "30")
    assert done.code == 0, done.says
    assert counts(scene) == {"one": 0, "two": 1}
    wear(scene, tmp_path, "two")
    done = scene.run("deploy", "--bake-seconds", "30")
    assert done.code == 0, done.says
    assert counts(scene) == {"two": 1}
    assert len(scene.aws.ecs.desks) == 1
    assert "holdfast-dev-alarms-one" not in scene.aws.cloudformation.stacks
