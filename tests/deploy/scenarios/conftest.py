"""A stage that stands, made anew for each scenario; what is synthesised once is kept for all of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.scenarios.stage import SECOND, Change, Scene, open_stage, stand
from tests.stacks import rig


@pytest.fixture
def scene() -> Scene:
    """dev, deployed and trading."""
    return stand("dev")


@pytest.fixture
def pushed(scene: Scene) -> Scene:
    """dev, trading, and a new image in the registry."""
    scene.push(SECOND, "v2")
    return scene


@pytest.fixture
def fresh() -> Scene:
    """dev, and an account with nothing in it."""
    return open_stage("dev")


@pytest.fixture
def stage() -> Callable[[str], Scene]:
    """The stage of that name, or of that variant of the stacks' tests, deployed and trading."""
    return lambda name: stand(rig.VARIANTS[name]["stage"], variant=name)


@pytest.fixture
def alter(pushed: Scene, tmp_path: Path) -> Callable[[str, Change], Scene]:
    """The trading stage, whose templates differ from what stands in what a change does to one of them."""

    def alter(name: str, change: Change) -> Scene:
        for path in pushed.templates.iterdir():
            if path.is_file():
                (tmp_path / path.name).write_bytes(path.read_bytes())
        path = tmp_path / f"{name}.template.json"
        template = json.loads(path.read_text("utf-8"))
        change(template["Resources"])
        path.write_text(json.dumps(template), "utf-8")
        pushed.templates = tmp_path
        return pushed

    return alter


@pytest.fixture
def doomed(scene: Scene) -> Scene:
    """dev, trading, whose backups go well."""
    scene.backups([scene.good_backup() for _ in range(3)])
    return scene


@pytest.fixture
def prod(stage: Callable[[str], Scene]) -> Scene:
    scene = stage("prod")
    scene.backups([scene.good_backup() for _ in range(3)])
    return scene
