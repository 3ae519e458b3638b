"""Sessions: AWS's agent as ECS tells of it, who can be reached, and the stand-in for the plugin that carries a port."""

import json
import os
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.rehearsal import plugin
from deploy.rehearsal.simulation import Simulation, free_port
from tests.rehearsal.desk import Desk
from tests.rehearsal.stage import DIGEST, Stage

FORWARDING = "AWS-StartPortForwardingSession"


@pytest.fixture
def make(dev: Stage, simulation: Simulation, tree: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """The first container of the task of a new service, as DescribeTasks tells it, and its task's ARN in it."""
    simulation.images.push(DIGEST, tree)
    made: list[Desk] = []

    def make(name: str, **more: Any) -> dict[str, Any]:
        desk = Desk(dev, name, **more)
        made.append(desk)
        assert desk.ended(1)["status"] == "SUCCESSFUL"
        (arn,) = dev.ecs.list_tasks(cluster=dev.cluster, serviceName=name)["taskArns"]
        return dict(dev.task(arn)["containers"][0])

    yield make
    for desk in made:
        desk.remove()


def target_of(dev: Stage, container: dict[str, Any]) -> str:
    return f"ecs:{dev.cluster}_{container['taskArn'].rpartition('/')[2]}_{container['runtimeId']}"


def test_agent__is_in_the_containers_of_a_service_that_wants_it(
    make: Callable[..., dict[str, Any]], dev: Stage, client: Callable[[str], Any]
) -> None:
    shut, opened = make("shut"), make("opened", enableExecuteCommand=True)
    assert "managedAgents" not in shut
    assert opened["managedAgents"] == [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}]
    ssm = client("ssm")
    session = ssm.start_session(Target=target_of(dev, opened), DocumentName=FORWARDING)
    assert session["StreamUrl"].endswith(session["SessionId"])
    with pytest.raises(ClientError, match="TargetNotConnected"):
        ssm.start_session(Target=target_of(dev, shut), DocumentName=FORWARDING)
    with pytest.raises(ClientError, match="InvalidDocument"):
        ssm.start_session(Target=target_of(dev, opened), DocumentName="AWS-StartSSHSession")


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from the task")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest shows what matters."""


@pytest.fixture
def answering() -> Iterator[int]:
    """The port of something that stands for a task's server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_plugin__carries_the_port_until_it_is_interrupted(tmp_path: Path, answering: int) -> None:
    local = free_port()
    asked = {"Parameters": {"portNumber": [str(answering)], "localPortNumber": [str(local)]}}
    session = {"SessionId": "one", "TokenValue": "canary", "StreamUrl": "wss://example.org/one"}
    command = [
        str(plugin.install(tmp_path) / plugin.NAME),
        "ANSWER",
        "us-east-1",
        "StartSession",
        "",
        json.dumps(asked),
        "",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "ANSWER": json.dumps(session)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Port {local} opened for sessionId one.\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{local}/") as answer:
            assert answer.read() == b"from the task"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
        assert process.stdout.read() == ""


def test_plugin__without_an_answer_carries_nothing(tmp_path: Path) -> None:
    command = [
        str(plugin.install(tmp_path) / plugin.NAME),
        "ANSWER",
        "us-east-1",
        "StartSession",
        "",
        "{}",
        "",
    ]
    session = json.dumps({"SessionId": "one", "TokenValue": "", "StreamUrl": ""})
    done = subprocess.run(command, env={**os.environ, "ANSWER": session}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "there is no session to carry\n")
