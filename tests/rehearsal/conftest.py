"""The simulated AWS, once for the session; the stages' templates, synthesised for it; and a client for each service."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy.rehearsal.simulation import ACCOUNT_ID, INTERPRETER, REGION, ROOT, Simulation, free_port
from tests.rehearsal.stage import Stage

SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:holdfast/api-AbCdEf"
Client = Callable[[str], Any]


@pytest.fixture(scope="session")
def simulation() -> Iterator[Simulation]:
    if not INTERPRETER.exists():
        pytest.skip("LEFT OUT: no .venv-rehearsal on this machine (make setup)")
    with Simulation() as opened:
        yield opened


@pytest.fixture(scope="session")
def client(simulation: Simulation) -> Client:
    return lambda service: boto3.client(
        service,
        endpoint_url=simulation.endpoint,
        region_name=REGION,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",
    )


@pytest.fixture(scope="session")
def synthesise(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The templates of a stage whose database listens on a port that is free here."""

    def write(stage: str) -> Path:
        folder = tmp_path_factory.mktemp(f"templates-{stage}")
        context = {"stage": stage, "database_port": free_port(), "api_secret_arn": SECRET}
        environment = {
            "CDK_VALIDATION": "false",
            "CDK_OUTDIR": str(folder),
            "CDK_CONTEXT_JSON": json.dumps(context),
        }
        subprocess.run(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
        return folder

    return write


@pytest.fixture(scope="session")
def dev(simulation: Simulation, client: Client, synthesise: Callable[[str], Path]) -> Stage:
    """The stage dev, as far as its tasks: no desk runs, and the image is a folder of the tests."""
    stage = Stage(client, "dev", synthesise("dev"))
    stage.make("Network", "Data", "Platform", "Tasks", "Bot")
    return stage


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the image that does as it is told: a `runtime` of its own."""
    folder = tmp_path_factory.mktemp("obedient")
    (folder / "runtime").mkdir()
    shutil.copy2(Path(__file__).with_name("obedient.py"), folder / "runtime" / "__main__.py")
    return folder
