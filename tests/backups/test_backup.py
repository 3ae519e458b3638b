"""A backup is of one instant, whole or not there, and whatever happened to it later is found and named."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from runtime import errors
from runtime.backups import checking, dump, manifest, programs
from runtime.backups.progress import Progress
from runtime.backups.shelf import Folder
from runtime.engine import sampling
from runtime.local import finder, processes
from runtime.local.cluster import DATABASE
from runtime.local.postgres import Server
from runtime.store import contents, roles, schema
from runtime.store.databases import environment
from tests.backups.conftest import ORDERS, Run, only
from tests.backups.spoiling import WAYS, Spoil
from tests.database import Database, make_user
from tests.engine.desk_process import environment as clean_environment
from tests.postgres_server import session_server
from tests.venue import ROOT

SECONDS_MAX = 40
FOLDERS = [path for pattern in finder.SYSTEM_FOLDERS for path in Path("/").glob(pattern.lstrip("/"))]
PG_DUMP_WAITS = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"


def take(database: Database, folder: Path, snapshot: contents.Snapshot) -> manifest.Manifest:
    program = programs.find("pg_dump", finder.wheel_folders(), server_major=snapshot.origin.major)
    source = dump.Source(snapshot, environment(database.secret()), program)
    return dump.take(source, Folder(folder), Progress())


def test_backup__says_what_it_holds(run: Run, ledger: Database, tmp_path: Path) -> None:
    said = run("backup", on=ledger)
    assert said.code == 0, said
    folder = tmp_path / "data" / "backups"
    made = manifest.parse(said.out.strip(), "", only(folder, ".json").read_bytes())
    assert made.orders == ORDERS
    assert made.size == only(folder, ".dump").stat().st_size
    assert made.contents["rows"]["fills"] == ledger.rows("select count(*) from fills")[0][0]
    (worth, fees) = ledger.rows("select sum(quantity * price), sum(fee) from fills")[0]
    sums = [coins["USDT"] for coins in made.contents["fills"].values()]
    assert sum(Decimal(each["quote"]) for each in sums) == worth
    assert sum(Decimal(each["fee"]) for each in sums) == fees
    assert {len(end["digest"]) for end in made.contents["chains"].values()} == {64}
    assert oct(only(folder, ".dump").stat().st_mode & 0o777) == "0o600"


def test_backup__is_of_the_instant_of_its_snapshot(copy: Database, tmp_path: Path) -> None:
    with contents.snapshot(copy.secret()) as snapshot:
        copy.rows("insert into users (user_id, name) values (gen_random_uuid(), 'came later')")
        made = take(copy, tmp_path / "backups", snapshot)
    assert made.contents["rows"]["users"] == 1
    with contents.snapshot(copy.secret()) as snapshot:
        assert snapshot.measure()["rows"]["users"] == 2


@pytest.mark.parametrize("spoil", WAYS, ids=lambda each: each.__name__)
def test_verify__names_what_became_of_a_backup(run: Run, shelf: Path, spoil: Spoil) -> None:
    name = only(shelf, ".dump").stem
    assert run("verify-backup", name, "--folder", shelf).code == 0
    spoil(shelf)
    said = run("verify-backup", name, "--folder", shelf)
    error, code = WAYS[spoil]
    assert (said.code, said.err.splitlines()[-1].partition(":")[0]) == (code, error), said
    assert name in said.err


def test_verify__without_any_backup_says_so(run: Run, tmp_path: Path) -> None:
    for argv in (["verify-backup"], ["verify-backup", "nonsense"], ["restore", "--into", "x"], ["drill"]):
        said = run(*argv, "--folder", tmp_path / "nothing")
        assert (said.code, said.err.partition(":")[0]) == (30, "BackupMissing")
    assert run("backups", "--folder", tmp_path / "nothing").code == 0


def test_list__shows_what_does_not_count_and_why(run: Run, shelf: Path, ledger: Database) -> None:
    first = only(shelf, ".dump").stem
    run("backup", "--folder", shelf, on=ledger)
    (shelf / f"{first}.json").unlink()
    told = {each["name"]: each for each in json.loads(run("backups", "--json", "--folder", shelf).out)}
    spoilt, (whole,) = told.pop(first), told.values()  # of one second perhaps: which comes first says nothing
    assert (spoilt["counts"], whole["counts"]) == (False, True)
    assert "no manifest" in spoilt["fault"]
    assert whole["orders"] == ORDERS
    assert "DOES NOT COUNT" in run("backups", "--folder", shelf).out


def test_choose__takes_the_newest_that_counts_by_an_instant(ledger: Database, tmp_path: Path) -> None:
    folder, made = tmp_path / "backups", []
    for _ in range(3):
        with contents.snapshot(ledger.secret()) as snapshot:
            made.append(take(ledger, folder, snapshot))
    shelf, last = Folder(folder), made[2]
    assert checking.choose(shelf) in made
    at = made[0].taken_at
    assert checking.choose(shelf, at=at) == made[0]
    assert checking.choose(shelf, at=last.taken_at + timedelta(days=1)).taken_at <= last.taken_at
    with pytest.raises(errors.BackupMissing):
        checking.choose(shelf, at=at - timedelta(seconds=1))
    with pytest.raises(errors.BackupMissing):
        checking.choose(shelf, at=datetime(2000, 1, 1, tzinfo=UTC))


def test_backup__is_refused_to_whom_rows_are_hidden(run: Run, ledger: Database, tmp_path: Path) -> None:
    said = run("backup", environ={"DATABASE_URL": ledger.url("holdfast_readonly")})
    assert (said.code, said.err.partition(":")[0]) == (13, "NotAllowed")
    assert "orders" in said.err
    assert not list((tmp_path / "data").glob("backups/*"))


def test_backup__of_a_database_without_a_ledger_says_so(run: Run, server: Server) -> None:
    said = run("backup", environ={"DATABASE_URL": server.url(database="postgres")})
    assert (said.code, said.err.partition(":")[0]) == (10, "BadInput")


@contextmanager
def held_up(database: Database, folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A backup in a process, with its pg_dump waiting for a lock: the process, and the server's pid of that session."""
    url = database.url().replace("holdfast_admin@", "holdfast_admin:canary-b7f2@")
    command = [sys.executable, "-m", "runtime", "backup", "--folder", str(folder)]
    given = clean_environment(DATABASE_URL=url, HOLDFAST_DATA_DIR=str(folder / "data"))
    found: list[int] = []
    with psycopg.connect(database.url()) as blocker:
        blocker.execute("lock table holdfast.trades in access exclusive mode")
        process = subprocess.Popen(command, cwd=ROOT, env=given, stderr=subprocess.PIPE, text=True)
        try:

            def waits() -> bool:
                # The count waits for the same lock; the dump's own session is the other one.
                rows = database.rows(PG_DUMP_WAITS + " and query like 'LOCK TABLE%%'", (database.name,))
                found[:] = [row[0] for row in rows]
                return bool(found)

            assert processes.wait_until(waits, seconds_max=SECONDS_MAX), process.poll()
            yield process, found[0]
        finally:
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()
            blocker.rollback()


def test_backup__that_was_killed_does_not_count_and_is_swept_away(
    run: Run, copy: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    with held_up(copy, folder) as (process, _):
        assert [each.suffix for each in folder.glob(".holdfast-*")] == [".part"]
        # Another one at the same time leaves it alone.
        Folder(folder)._sweep()
        assert len(list(folder.glob(".holdfast-*"))) == 1
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert Folder(folder).names() == {}
    assert run("backup", "--folder", folder, on=copy).code == 0
    assert list(folder.glob(".holdfast-*")) == []
    assert list(Folder(folder).names().values()) == [True]


def test_backup__whose_dump_breaks_off_leaves_nothing(copy: Database, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with held_up(copy, folder) as (process, session):
        copy.rows("select pg_terminate_backend(%s)", (session,))
        # Until then the count waits for the lock, too.
        copy.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename = 'holdfast_admin'"
            " and application_name = 'holdfast backup'",
            (copy.name,),
        )
        assert process.wait(timeout=SECONDS_MAX) in (13, 40)
        assert process.stderr is not None
        assert "canary" not in process.stderr.read()
    assert list(folder.glob("*holdfast-*")) == []


def test_backup__shows_no_password_to_who_lists_processes(copy: Database, tmp_path: Path) -> None:
    with held_up(copy, tmp_path / "backups") as (process, _):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        shown = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (*children, str(process.pid))]
    assert any(b"pg_dump" in each for each in shown)
    assert not any(b"canary" in each for each in shown)


def test_programs__one_that_is_older_than_the_server_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.18'\n")
    old.chmod(0o755)
    with pytest.raises(errors.DumpFailed) as refused:
        programs.find("pg_dump", [tmp_path], server_major=18)
    assert "15.18" in str(refused.value)
    assert "PostgreSQL 18" in str(refused.value)
    assert programs.find("pg_dump", [tmp_path, *finder.wheel_folders()], server_major=18).major == 18
    assert programs.find("pg_dump", [*finder.wheel_folders(), tmp_path], server_major=15).major == 15
    with pytest.raises(errors.DumpFailed):
        programs.find("pg_dump", [tmp_path / "nowhere"], server_major=15)


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_backup__works_on_the_systems_own_postgresql(run: Run, folder: Path, tmp_path: Path) -> None:
    with session_server(prefer=folder) as other:
        url = other.url()
        environ = {"DATABASE_URL": url}
        for argv in (
            ["migrate"],
            ["sample-data", "--orders", "40"],
            ["backup"],
            ["restore", "--into", "again"],
        ):
            said = run(*argv, environ=environ)
            assert said.code == 0, said
        assert run("verify", environ={"DATABASE_URL": other.url(database="again")}).code == 0


def test_environment__leads_to_the_database_and_nowhere_else(ledger: Database) -> None:
    told = environment(ledger.secret())
    assert told["PGDATABASE"] == ledger.name
    assert told["PGHOST"] == str(ledger.server.postmaster.socket_dir)
    assert not set(told) & {"HOME", "PGSERVICE", "PGPASSFILE"}
    assert os.environ.get("PGDATABASE") is None


@pytest.fixture
def managed() -> Iterator[Database]:
    """With the roles that RDS's master makes, on a server of its own: roles belong to all databases of one."""
    with session_server() as own:
        database = Database(own, DATABASE)
        schema.upgrade(database.secret())
        roles.make_roles(database.secret())
        sampling.make(database.secret(), 40, lambda _: None)
        yield database


def test_backup__by_a_role_that_may_only_read_holds_all_tenants(
    run: Run, managed: Database, tmp_path: Path
) -> None:
    make_user(managed, "somebody else")
    folder = tmp_path / "backups"
    said = run("backup", "--folder", folder, environ={"DATABASE_URL": managed.url("holdfast_backup")})
    assert said.code == 0, said
    made = json.loads(only(folder, ".json").read_bytes())
    with contents.snapshot(managed.secret()) as snapshot:
        assert made["contents"] == snapshot.measure()
    assert made["contents"]["rows"]["users"] == 2
    # The drill holds what the dump brings against the manifest.
    assert run("drill", "--folder", folder).code == 0


def test_backup__is_refused_while_a_single_table_is_hidden(run: Run, managed: Database) -> None:
    managed.rows("drop policy backup on fills")
    said = run("backup", environ={"DATABASE_URL": managed.url("holdfast_backup")})
    assert (said.code, said.err.partition(":")[0]) == (13, "NotAllowed")
    assert "hides rows of fills from it" in said.err
