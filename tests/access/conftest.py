"""Authorities, a TLS PostgreSQL of the system, and AWS's credentials as a task in ECS finds them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.access.authorities import Authority
from tests.access.credentials import CredentialsEndpoint
from tests.access.tls_postgres import Cluster, find_programs


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "another")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    programs = find_programs()
    if programs is None:
        pytest.skip(
            "LEFT OUT: no PostgreSQL with TLS on this machine (Debian and Ubuntu: apt install postgresql)"
        )
    return Cluster(programs, tmp_path_factory.mktemp("tls-postgres"))


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of whoever runs the tests: no keys, no profile, and nobody asked on the network."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def task_role(no_credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[CredentialsEndpoint]:
    """The endpoint that ECS gives to a task; its keys are replaced each time they are asked for."""
    with CredentialsEndpoint() as endpoint:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.url)
        yield endpoint
