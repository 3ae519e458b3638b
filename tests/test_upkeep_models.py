"""What `retention` takes of models, on a real database and a real folder: which versions stay, whose bytes go."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runtime.__main__ import main
from runtime.artefacts.places import Folder
from runtime.domain.identity import user_id
from runtime.engine.retaining import MODELS_AT_ONCE, UNNAMED_AFTER
from tests.database import Database
from tests.migrations.rows import Tenant, insert, populate, rows_of

ROLE = "holdfast_retention"
LONG_AGO = datetime.now(UTC) - 2 * UNNAMED_AFTER


class Named(Tenant):
    @property
    def user_id(self) -> Any:
        return user_id(self.name)


A, B = Named("a"), Named("b")


class Shelf:
    """The models of two tenants, and the folder in which the large ones lie."""

    def __init__(self, database: Database, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.database, self.folder, self._capsys = database, folder, capsys
        with database.connect() as connection:
            for tenant in (A, B):
                populate(connection, tenant, only=set(rows_of(tenant)) - {"models", "artefacts"})

    def keep(
        self, tenant: Tenant, version: int, body: bytes, *, place: str = "database", **facts: Any
    ) -> str:
        """A version with bytes of its own, put long ago."""
        sha256 = self.put(tenant, body, place=place)
        row = {**rows_of(tenant)["models"], "name": "ml:one", "promoted": False, "promoted_at": None}
        row |= {"version": version, "digest": bytes.fromhex(sha256), **facts}
        with self.database.connect() as connection:
            insert(connection, "models", row)
        return sha256

    def put(self, tenant: Tenant, body: bytes, *, place: str = "database", at: datetime = LONG_AGO) -> str:
        folder = Folder(self.folder, str(tenant.user_id))
        sha256 = folder.put(body)
        os.utime(self.file(tenant, sha256), (at.timestamp(), at.timestamp()))
        if place != "folder":
            self.file(tenant, sha256).unlink()
        row = {"user_id": tenant.user_id, "digest": bytes.fromhex(sha256), "size": len(body), "place": place}
        row |= {"body": body if place == "database" else None, "created_at": at}
        with self.database.connect() as connection:
            insert(connection, "artefacts", row)
        return sha256

    def file(self, tenant: Tenant, sha256: str) -> Path:
        return self.folder / str(tenant.user_id) / sha256

    def retain(self, *argv: str, kept: int = 5, code: int = 0) -> Any:
        environ = {
            "DATABASE_URL": self.database.url(ROLE),
            "HOLDFAST_ARTEFACT_DIR": str(self.folder),
            "HOLDFAST_KEEP_MODELS": str(kept),
        }
        self._capsys.readouterr()
        assert main(["retention", *argv], environ) == code
        said = self._capsys.readouterr()
        return said.err if code else said.out

    def versions(self, tenant: Tenant) -> list[int]:
        asked = "select version from models where user_id = %s order by 1"
        return [version for (version,) in self.database.rows(asked, (tenant.user_id,))]

    def artefacts(self) -> set[str]:
        return {sha256 for (sha256,) in self.database.rows("select encode(digest, 'hex') from artefacts")}


@pytest.fixture
def shelf(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shelf:
    return Shelf(database, tmp_path / "artefacts", capsys)


def test_retention__keeps_the_newest_models_the_one_in_use_and_the_one_before_it(shelf: Shelf) -> None:
    for tenant in (A, B):
        for version in range(1, 31):
            used: dict[str, Any] = (
                {"promoted": True, "promoted_at": LONG_AGO, "previous": 3} if version == 7 else {}
            )
            shelf.keep(tenant, version, b"%s %d" % (tenant.name.encode(), version), **used)
    told = json.loads(shelf.retain("--json"))
    assert shelf.versions(A) == shelf.versions(B) == [3, 7, *range(26, 31)]
    assert told["taken"] == {"models": 46, "artefacts": 46}
    assert told["left"] == []
    assert json.loads(shelf.retain("--json"))["taken"] == {}


def test_retention__takes_more_models_than_a_batch_holds(shelf: Shelf) -> None:
    digest = shelf.keep(A, 1, b"all the same")
    shelf.database.rows(
        "insert into models (user_id, bot_id, name, version, digest, shape, codec, metrics, training_size,"
        " examples_seen, promoted, epoch)"
        " select user_id, bot_id, name, n, digest, shape, codec, metrics, 1, 1, false, 1"
        " from models, generate_series(2, %s) as n",
        (3 * MODELS_AT_ONCE,),
    )
    shelf.retain(kept=2)
    assert shelf.versions(A) == [3 * MODELS_AT_ONCE - 1, 3 * MODELS_AT_ONCE]
    assert shelf.artefacts() == {digest}, "what is kept still names it"


def test_retention__takes_bytes_that_no_model_names_with_their_file(shelf: Shelf) -> None:
    used = {shelf.keep(A, 1, b"used", place="folder"), shelf.keep(A, 2, b"used too")}
    for place in ("folder", "database"):
        shelf.put(A, b"unnamed in a " + place.encode(), place=place)
    in_bucket = shelf.put(A, b"a dump may name it", place="bucket")
    fresh = shelf.put(A, b"its model is being written", place="folder", at=datetime.now(UTC))
    gone = shelf.database.rows(
        "select encode(digest, 'hex') from artefacts where body is null and place = 'folder'"
    )
    files = {shelf.file(A, sha256) for (sha256,) in gone if sha256 not in {*used, fresh}}
    assert all(each.exists() for each in files)
    assert len(files) == 1
    assert json.loads(shelf.retain("--json"))["taken"] == {"artefacts": 2}
    assert shelf.artefacts() == used | {in_bucket, fresh}
    assert not any(each.exists() for each in files)
    assert {each.name for each in shelf.folder.rglob("*") if each.is_file()} <= used | {fresh}


def test_retention__leaves_a_file_that_was_put_again_and_one_of_another_machine(shelf: Shelf) -> None:
    again = shelf.put(A, b"learned once more", place="folder")
    Folder(shelf.folder, str(A.user_id)).put(b"learned once more")
    elsewhere = shelf.put(B, b"on a desk's own disk", place="folder")
    shelf.file(B, elsewhere).unlink()
    shelf.file(B, elsewhere).parent.rmdir()
    assert json.loads(shelf.retain("--json"))["taken"] == {}
    assert shelf.artefacts() == {again, elsewhere}
    assert shelf.file(A, again).exists()


def test_retention__killed_between_a_file_and_its_row_finds_the_row_again(shelf: Shelf) -> None:
    sha256 = shelf.put(A, b"unnamed", place="folder")
    shelf.file(A, sha256).unlink()
    shelf.retain()
    assert shelf.artefacts() == set()


def test_retention__without_time_says_that_models_are_left(shelf: Shelf) -> None:
    for version in range(1, 4):
        shelf.keep(A, version, b"%d" % version)
    assert "models of bot 1 of user a 1" in shelf.retain("--seconds", "0", kept=1, code=5)
    assert shelf.versions(A) == [1, 2, 3]
