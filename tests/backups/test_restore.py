"""A restore makes a new database that equals the old one, or none; a drill proves it and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from runtime.local import processes
from runtime.local.postgres import Server
from runtime.store import contents, schema
from tests.backups.conftest import ORDERS, Run, only, rewrite
from tests.backups.spoiling import WAYS, Spoil, flipped, told
from tests.database import Database
from tests.engine.desk_process import environment as clean_environment
from tests.postgres_server import drop_database, fresh_database
from tests.venue import ROOT

SECONDS_MAX = 40
INTO = "restored_for_a_test"
UNDER_WAY = INTO + "__restoring"
TAMPERED = "update holdfast.order_events set detail = '{}' where sequence = 5"


@pytest.fixture
def restored(server: Server) -> Iterator[Database]:
    """What a test restores into; it is not there yet."""
    yield Database(server, INTO)
    for name in (INTO, UNDER_WAY):
        drop_database(server, server.url(database=name))


def names(server: Server) -> set[str]:
    with psycopg.connect(server.url(database="postgres")) as connection:
        rows = connection.execute("select datname from pg_database where datname like 'restored\\_for%'")
        return {str(row[0]) for row in rows}


def measured(database: Database) -> dict[str, Any]:
    with contents.snapshot(database.secret()) as snapshot:
        return snapshot.measure()


def test_restore__gives_back_every_row_and_the_whole_schema(
    run: Run, shelf: Path, ledger: Database, restored: Database
) -> None:
    said = run("restore", "--into", INTO, "--folder", shelf, on=ledger)
    assert said.code == 0, said
    assert measured(restored) == measured(ledger)
    assert schema.dump(restored.secret()) == schema.dump(ledger.secret())
    tables = [row[0] for row in ledger.rows("select relname from pg_class where relnamespace = 'holdfast'::regnamespace"
                                            " and relkind = 'r' order by 1")]  # fmt: skip
    for table in tables:
        every = sql.SQL("select t::text from {} as t order by 1").format(sql.Identifier(table)).as_string()
        assert restored.rows(every) == ledger.rows(every), table
    assert names(ledger.server) == {INTO}
    verified = run(
        "verify", environ={"DATABASE_URL": restored.url("holdfast_bot"), "HOLDFAST_USER": "sample"}
    )
    assert verified.code == 0, verified
    assert verified.out.count("0 difference(s)") == 2


def test_restore__never_writes_over_a_database(
    run: Run, shelf: Path, copy: Database, restored: Database
) -> None:
    copy.rows("insert into users (user_id, name) values (gen_random_uuid(), 'here already')")
    before = measured(copy)
    said = run("restore", "--into", copy.name, "--folder", shelf, on=copy)
    assert (said.code, said.err.splitlines()[-1].partition(":")[0]) == (39, "DatabaseExists")
    assert measured(copy) == before
    assert names(copy.server) == set()


@pytest.mark.parametrize("spoil", WAYS, ids=lambda each: each.__name__)
def test_restore__of_a_spoiled_backup_leaves_no_database(
    run: Run, shelf: Path, ledger: Database, restored: Database, spoil: Spoil
) -> None:
    name = only(shelf, ".dump").stem
    spoil(shelf)
    said = run("restore", "--from", name, "--into", INTO, "--folder", shelf, on=ledger)
    error, code = WAYS[spoil]
    assert (said.code, said.err.splitlines()[-1].partition(":")[0]) == (code, error), said
    assert names(ledger.server) == set()


@pytest.mark.parametrize("changed", ["rows", "orders", "fills", "chains"])
def test_restore__holds_every_figure_against_the_manifest(
    run: Run, shelf: Path, ledger: Database, restored: Database, changed: str
) -> None:
    said_to_hold = json.loads(only(shelf, ".json").read_bytes())["contents"]
    if changed == "rows":
        said_to_hold["rows"]["fills"] += 1
    elif changed == "orders":
        next(iter(said_to_hold["orders"].values()))["filled"] -= 1
    elif changed == "fills":
        next(iter(said_to_hold["fills"].values()))["USDT"]["fee"] += "1"
    else:
        next(iter(said_to_hold["chains"].values()))["digest"] = "0" * 64
    told(shelf, contents=said_to_hold)
    said = run("restore", "--into", INTO, "--folder", shelf, on=ledger)
    assert (said.code, said.err.splitlines()[-1].partition(":")[0]) == (38, "BackupDiffers")
    assert f"{changed} " in said.err
    assert names(ledger.server) == set()


def test_restore__brings_an_older_schema_up(
    run: Run, unmigrated_ledger: Database, restored: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "older"
    assert run("backup", "--folder", folder, on=unmigrated_ledger).code == 0
    assert json.loads(only(folder, ".json").read_bytes())["contents"]["revision"] == "0002"
    said = run("restore", "--into", INTO, "--folder", folder, on=unmigrated_ledger)
    assert said.code == 0, said
    assert schema.current(restored.secret()) == schema.head()
    assert restored.rows("select name from users") == [("an old one",)]


@pytest.fixture
def unmigrated_ledger(server: Server) -> Iterator[Database]:
    url = fresh_database(server)
    database = Database(server, str(psycopg.conninfo.conninfo_to_dict(url)["dbname"]))
    schema.upgrade(database.secret(), "0002")
    database.rows("insert into users (user_id, name) values (gen_random_uuid(), 'an old one')")
    yield database
    drop_database(server, url)


def test_restore__refuses_what_a_newer_program_wrote(
    run: Run, copy: Database, restored: Database, tmp_path: Path
) -> None:
    copy.rows("update public.alembic_version set version_num = '9999'")
    folder = tmp_path / "newer"
    assert run("backup", "--folder", folder, on=copy).code == 0
    for argv in (["restore", "--into", INTO], ["drill"]):
        said = run(*argv, "--folder", folder, on=copy)
        assert (said.code, said.err.splitlines()[-1].partition(":")[0]) == (37, "BackupTooNew")
    assert names(copy.server) == set()


def test_restore__that_was_killed_looks_like_none_and_can_be_done_again(
    run: Run, shelf: Path, ledger: Database, restored: Database
) -> None:
    dump = only(shelf, ".dump")
    content = dump.read_bytes()
    dump.unlink()
    os.mkfifo(dump)
    command = [sys.executable, "-m", "runtime", "restore", "--into", INTO, "--folder", str(shelf)]
    given = clean_environment(DATABASE_URL=ledger.url(), HOLDFAST_DATA_DIR=str(shelf / "data"))
    process = subprocess.Popen(command, cwd=ROOT, env=given)
    with dump.open("wb") as half:
        half.write(content[: len(content) // 2])
        half.flush()
        assert processes.wait_until(lambda: names(ledger.server) == {UNDER_WAY}, seconds_max=SECONDS_MAX)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert names(ledger.server) == {UNDER_WAY}
    rewrite(dump, content)
    said = run("restore", "--into", INTO, "--folder", shelf, on=ledger)
    assert said.code == 0, said
    assert names(ledger.server) == {INTO}
    assert measured(restored) == measured(ledger)


@pytest.mark.parametrize("argv", [["--at", "yesterday"], ["--at", "2026-01-01T00:00"]])
def test_restore__wants_an_instant_with_its_zone(
    run: Run, shelf: Path, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run("restore", *argv, "--into", INTO, "--folder", shelf)
    assert left.value.code == 2
    assert "--at" in capsys.readouterr().err


def test_drill__proves_a_backup_and_drops_what_it_made(run: Run, shelf: Path, tmp_path: Path) -> None:
    said = run("drill", "--folder", shelf, environ={"HOLDFAST_STAGE": "dev"})
    assert said.code == 0, said
    proved, metrics = said.out.splitlines()
    assert only(shelf, ".dump").stem in proved
    assert f"{ORDERS} orders" in proved
    assert all(f"{step} " in proved for step in ("restore", "verify", "trade"))
    line = json.loads(metrics)
    assert (line["Env"], line["Bot"], line["DrillAgeDays"]) == ("dev", "drill", 0)
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["drill.lock"]


def test_drill__finds_a_ledger_that_was_tampered_with(run: Run, copy: Database, tmp_path: Path) -> None:
    copy.rows("alter table order_events disable trigger user")
    copy.rows(TAMPERED)
    copy.rows("alter table order_events enable trigger user")
    folder = tmp_path / "tampered"
    assert run("backup", "--folder", folder, on=copy).code == 0
    said = run("drill", "--folder", folder)
    assert (said.code, said.err.splitlines()[-1].partition(":")[0]) == (41, "DrillFailed"), said
    assert "was changed" in said.err
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["drill.lock"]


def test_drill__of_a_spoiled_backup_is_the_same_fault_as_everywhere(
    run: Run, shelf: Path, tmp_path: Path
) -> None:
    flipped(shelf)
    said = run("drill", "--folder", shelf, environ={"HOLDFAST_STAGE": "dev"})
    assert said.code == WAYS[flipped][1]
    assert "DrillAgeDays" not in said.out
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["drill.lock"]


def test_backup__tells_its_age_and_how_long_the_authorities_last(
    run: Run, ledger: Database, tmp_path: Path
) -> None:
    said = run("backup", on=ledger, environ={"HOLDFAST_STAGE": "dev"})
    line = json.loads(said.out.splitlines()[-1])
    assert (line["Env"], line["Bot"]) == ("dev", "backup")
    assert 0 <= line["BackupAgeHours"] < 1


def test_drill__that_was_killed_is_cleared_away_by_the_next_one(
    run: Run, shelf: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-m", "runtime", "drill", "--folder", str(shelf)]
    process = subprocess.Popen(command, cwd=ROOT, env=clean_environment(HOLDFAST_DATA_DIR=str(data)))
    try:
        started = processes.wait_until(
            lambda: (data / "drill" / "postgres" / "cluster").exists(), seconds_max=SECONDS_MAX
        )
        assert started
        refused = run("drill", "--folder", shelf)
        assert (refused.code, refused.err.partition(":")[0]) == (3, "InvalidCommand")
    finally:
        process.kill()
        process.wait()
    assert run("drill", "--folder", shelf).code == 0
    assert [each.name for each in data.iterdir()] == ["drill.lock"]
