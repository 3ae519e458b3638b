"""A backup and a restore as on a managed database: verified TLS for our own session and for PostgreSQL's programs."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runtime.__main__ import main
from tests.access.authorities import Authority
from tests.access.tls_postgres import PASSWORD, Cluster

FROM, INTO = "kept_over_tls", "restored_over_tls"


@pytest.fixture
def told(cluster: Cluster, authority: Authority, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of a task, with the password in a file of its own."""
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    with cluster.serve(authority.sign()) as url:
        # Other tests look at the server's first database and want it empty.
        _say(url, f"create database {FROM}")
        yield {
            "DATABASE_URL": url.replace("/postgres?", f"/{FROM}?"),
            "HOLDFAST_DATABASE_CA": str(authority.bundle),
            "HOLDFAST_DATABASE_PASSWORD_FILE": str(file),
            "HOLDFAST_DATA_DIR": str(tmp_path / "data"),
            "HOLDFAST_STAGE": "dev",
        }
        for name in (INTO, FROM):
            _say(url, f"drop database if exists {name} with (force)")


def _say(url: str, statement: str) -> None:
    with psycopg.connect(url, password=PASSWORD, autocommit=True) as connection:
        connection.execute(statement)


def test_backup__and_restore_go_over_verified_tls(
    told: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for argv in (["migrate"], ["backup"], ["restore", "--into", INTO]):
        assert main(argv, told) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    line = next(json.loads(each) for each in said.out.splitlines() if "BackupAgeHours" in each)
    assert 0 <= line["BackupAgeHours"] < 1
    assert 0 < line["CaDaysLeft"] < 36500
    assert PASSWORD not in said.out + said.err


def test_backup__sends_nothing_to_a_stranger(
    told: dict[str, str], stranger: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup"], {**told, "HOLDFAST_DATABASE_CA": str(stranger.bundle)}) == 13
    assert capsys.readouterr().err.startswith("StoreUntrusted: ")
    assert not list(tmp_path.glob("data/backups/*"))
