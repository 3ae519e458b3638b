"""Models that lie outside the database: a backup names them, and says which of them cannot be had any more."""

import json
from pathlib import Path
from uuid import UUID

from runtime.artefacts.places import Folder
from tests.backups.conftest import Run, only
from tests.database import Database

BODY = b"what was learned"


def learn(database: Database, place: str, sha256: str) -> UUID:
    """A model of one of the sample's bots; whose it is."""
    ((user, bot),) = database.rows("select user_id, bot_id from bots order by bot_id limit 1")
    database.rows(
        "insert into artefacts (user_id, digest, size, place, body)"
        " values (%s, decode(%s, 'hex'), %s, %s, case when %s = 'database' then '\\x'::bytea end)",
        (user, sha256, len(BODY), place, place),
    )
    database.rows(
        "insert into models (user_id, bot_id, name, version, digest, shape, codec, metrics, training_size,"
        " examples_seen, promoted, epoch)"
        " values (%s, %s, 'ml:' || %s, 1, decode(%s, 'hex'), 1, 'npz', '{}', 1, 1, false, 1)",
        (user, bot, sha256, sha256),
    )
    return UUID(str(user))


def test_backup__names_the_models_outside_and_says_which_are_gone(
    run: Run, copy: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    ((user,),) = copy.rows("select user_id from bots order by bot_id limit 1")
    sha256 = Folder(tmp_path / "data" / "artefacts", str(user)).put(BODY)
    learn(copy, "folder", sha256)
    learn(copy, "database", "ab" * 32)
    assert run("backup", "--folder", folder, on=copy).code == 0
    told = json.loads(only(folder, ".json").read_bytes())["contents"]["artefacts"]
    assert told == {f"{user}/{sha256}": {"size": len(BODY), "place": "folder"}}
    assert run("verify-backup", "--folder", folder).code == 0
    # They come back with the rows that name them; the file is where it was.
    assert run("restore", "--folder", folder, "--into", "again_with_models", on=copy).code == 0
    elsewhere = run("verify-backup", "--folder", folder, environ={"HOLDFAST_ARTEFACT_BUCKET": "learned"})
    assert (elsewhere.code, "it lies in a folder" in elsewhere.err) == (43, True)
    path = tmp_path / "data" / "artefacts" / str(user) / sha256
    for damage in (lambda: path.write_bytes(b"something else"), path.unlink):
        damage()
        said = run("verify-backup", "--folder", folder)
        assert (said.code, "BackupIncomplete: " in said.err) == (43, True)
        assert f"{sha256} of {user}" in said.err


def test_backup__without_models_outside_says_nothing_of_them(
    run: Run, copy: Database, tmp_path: Path
) -> None:
    learn(copy, "database", "cd" * 32)
    assert run("backup", "--folder", tmp_path, on=copy).code == 0
    assert "artefacts" not in json.loads(only(tmp_path, ".json").read_bytes())["contents"]
