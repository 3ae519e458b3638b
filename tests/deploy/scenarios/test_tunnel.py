"""The API's service as the deployer rolls it, and the way to its page: a session with its task, and no other."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deploy import status, tunnel
from deploy.errors import Refused
from tests.deploy.scenarios.stage import SECRET, Scene, stand

PLUGIN = """#!{python}
import json, os, pathlib, sys
told = {{"arguments": sys.argv[1:], "answer": os.environ.get(sys.argv[1])}}
pathlib.Path({path!r}).write_text(json.dumps(told))
sys.exit(7)
"""


@pytest.fixture
def scene() -> Scene:
    return stand("prod", variant="shown", secrets=[SECRET])


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a plugin of ours says what it was started with."""
    program, path = tmp_path / tunnel.PLUGIN, tmp_path / "told.json"
    program.write_text(PLUGIN.format(python=sys.executable, path=str(path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return path


def open_tunnel(scene: Scene) -> int:
    parser = argparse.ArgumentParser()
    tunnel.add_arguments(parser)
    return tunnel.run(scene.site(), parser.parse_args(["--port", "9090"]))


def test_api__is_rolled_like_a_desk_and_takes_no_lease(scene: Scene) -> None:
    last = scene.receipts()[-1]
    assert (last["outcome"], last["desks"]) == ("deployed", {"first": 1, "api": 1})
    assert "answers" in last["evidence"]["api"]  # type: ignore[index]


def test_status__calls_the_api_by_its_name_and_asks_no_lease_of_it(scene: Scene) -> None:
    site = scene.site()
    now = status.see(site, site.read_templates())
    shown = dict(status.show(now))
    assert "heartbeat" in shown["the API"]
    assert "lease" not in shown["the API"]
    assert "lease epoch" in shown["desk first"]
    asleep = replace(now, desks=tuple(replace(each, beat_at=None) for each in now.desks))
    faults = list(status.judge(asleep, site.read_templates()))
    assert "the API gave no heartbeat in 5 minutes" in faults


def test_tunnel__carries_one_port_of_the_api_to_this_machine(scene: Scene, told: Path) -> None:
    assert open_tunnel(scene) == 7
    (asked,) = scene.aws.others.sessions
    assert asked["Target"].startswith("ecs:holdfast-prod")
    assert asked["Target"].endswith("-api-runtime")
    assert (asked["DocumentName"], asked["Parameters"]) == (
        "AWS-StartPortForwardingSession",
        {"portNumber": ["8080"], "localPortNumber": ["9090"]},
    )
    said = json.loads(told.read_text())
    assert json.loads(said["answer"])["TokenValue"] == "canary-token"
    assert "canary-token" not in json.dumps(said["arguments"])


def test_tunnel__without_the_agent_says_when_it_comes(scene: Scene, told: Path) -> None:
    scene.aws.ecs.tasks.agent_status = "PENDING"
    with pytest.raises(Refused, match="agent in the API's task is PENDING"):
        open_tunnel(scene)
    assert not told.exists()


def test_tunnel__of_a_stage_without_an_api_says_how_to_have_one(told: Path) -> None:
    with pytest.raises(Refused, match="api_secret_arn or api_jwks_url"):
        open_tunnel(stand())


def test_tunnel__without_aws_plugin_asks_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="session-manager-plugin is not on this machine"):
        open_tunnel(stand())
