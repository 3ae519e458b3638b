"""A ledger with some hundreds of orders in it, a backup of it in a folder, and the program that is asked for more."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from runtime.__main__ import main
from runtime.engine import sampling
from runtime.local.postgres import Server
from tests.database import Database
from tests.postgres_server import drop_database, fresh_database

ORDERS = 300


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture(scope="session")
def ledger(server: Server, template: str) -> Iterator[Database]:
    """Full of sample orders; who wants to change it takes a copy."""
    url = fresh_database(server, template)
    database = Database(server, str(conninfo_to_dict(url)["dbname"]))
    sampling.make(database.secret(), ORDERS, lambda _: None)
    yield database
    drop_database(server, url)


@pytest.fixture
def copy(server: Server, ledger: Database) -> Iterator[Database]:
    url = fresh_database(server, ledger.name)
    yield Database(server, str(conninfo_to_dict(url)["dbname"]))
    drop_database(server, url)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The program in this process; `on` is the database that it is given."""

    def call(*argv: str | Path, on: Database | None = None, environ: Mapping[str, str] | None = None) -> Said:
        capsys.readouterr()
        given = {"HOLDFAST_DATA_DIR": str(tmp_path / "data"), **(environ or {})}
        if on is not None:
            given["DATABASE_URL"] = on.url()
        code = main([str(each) for each in argv], given)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, ledger: Database) -> Path:
    """A folder with one backup; who wants to spoil it takes a copy."""
    folder = tmp_path_factory.mktemp("original")
    environ = {"DATABASE_URL": ledger.url(), "HOLDFAST_DATA_DIR": str(folder / "data")}
    assert main(["backup", "--folder", str(folder / "backups")], environ) == 0
    return folder / "backups"


@pytest.fixture
def shelf(original: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    for each in original.iterdir():
        os.link(each, folder / each.name)
    return folder


def only(folder: Path, ending: str) -> Path:
    (found,) = folder.glob(f"holdfast-*{ending}")
    return found


def rewrite(file: Path, content: bytes) -> None:
    """In a file of its own: the folder's are links to the original's."""
    file.unlink()
    file.write_bytes(content)
