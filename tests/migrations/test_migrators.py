"""Migrators as real processes: two at once, one that is killed half-way, one that meets a locked table."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from runtime import errors
from runtime.store import schema
from tests.database import Database

ROOT = Path(__file__).resolve().parents[2]
MIGRATOR = """
import sys
from runtime import errors
from runtime.settings import Secret
from runtime.store import schema
try:
    schema.upgrade(Secret(sys.argv[1]))
except errors.BotError as exc:
    print(exc)
    sys.exit(exc.exit_code)
"""
SECONDS_MAX = 30.0


@contextmanager
def migrating(database: Database, count: int = 1) -> Iterator[list["subprocess.Popen[str]"]]:
    """Migrators at work; those that are left at the end are killed."""
    command = [sys.executable, "-c", MIGRATOR, database.url()]
    processes = [
        subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=SECONDS_MAX)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def waiting(database: Database, kind: str) -> int:
    """How many migrators of this database wait for a lock: on a `relation`, or the migrators' own (`advisory`)."""
    asked = (
        "select count(*) from pg_stat_activity where application_name = 'holdfast migrate'"
        " and datname = current_database() and wait_event_type = 'Lock' and wait_event = %s"
    )
    return int(database.rows(asked, (kind,))[0][0])


@contextmanager
def holding(database: Database, table: str) -> Iterator[None]:
    """Some other session has locked a table, as a long report does."""
    with psycopg.connect(database.url()) as connection:
        connection.execute(f"lock table holdfast.{table} in row exclusive mode")
        yield
        connection.rollback()


def test_migrators__at_the_same_time_apply_everything_once(unmigrated: Database) -> None:
    with migrating(unmigrated, 4) as processes:
        said = [process.communicate(timeout=SECONDS_MAX)[0] for process in processes]
        assert [(process.returncode, text) for process, text in zip(processes, said, strict=True)] == [
            (0, "")
        ] * 4
    assert unmigrated.rows("select version_num from public.alembic_version") == [(schema.head(),)]
    schema.require_current(unmigrated.secret("holdfast_bot"))


def test_migrator__waits_for_one_that_is_at_work(unmigrated: Database) -> None:
    schema.upgrade(unmigrated.secret(), "0001")
    with holding(unmigrated, "bots"), migrating(unmigrated) as first:
        wait_until(lambda: waiting(unmigrated, "relation") == 1)
        with migrating(unmigrated) as second:
            wait_until(lambda: waiting(unmigrated, "advisory") == 1)
            first[0].kill()
            # The server lets go of the first one's locks only when it notices, so the second may run into the table.
            assert schema.current(unmigrated.secret()) == "0001"
            second[0].kill()


def test_migrator__killed_in_the_middle_leaves_the_old_version(unmigrated: Database) -> None:
    schema.upgrade(unmigrated.secret(), "0001")
    before = schema.dump(unmigrated.secret())
    with holding(unmigrated, "bots"), migrating(unmigrated) as processes:
        wait_until(lambda: waiting(unmigrated, "relation") == 1)
        processes[0].send_signal(signal.SIGKILL)
        assert processes[0].wait(SECONDS_MAX) == -signal.SIGKILL
    assert schema.current(unmigrated.secret()) == "0001"
    assert schema.dump(unmigrated.secret()) == before

    schema.upgrade(unmigrated.secret())
    schema.require_current(unmigrated.secret())


def test_migrator__that_meets_a_locked_table_gives_up_in_one_sentence(unmigrated: Database) -> None:
    schema.upgrade(unmigrated.secret(), "0001")
    before = schema.dump(unmigrated.secret())
    with holding(unmigrated, "bots"):
        with pytest.raises(errors.MigrationStopped, match="another session kept a lock") as stopped:
            schema.upgrade(unmigrated.secret())
        assert stopped.value.exit_code == 11
        assert schema.current(unmigrated.secret()) == "0001"
        assert schema.dump(unmigrated.secret()) == before
    schema.upgrade(unmigrated.secret())


def test_migrator__that_loses_its_server_changes_nothing(unmigrated: Database) -> None:
    schema.upgrade(unmigrated.secret(), "0001")
    with holding(unmigrated, "bots"), migrating(unmigrated) as processes:
        wait_until(lambda: waiting(unmigrated, "relation") == 1)
        unmigrated.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'holdfast migrate' and datname = current_database()"
        )
        said, _ = processes[0].communicate(timeout=SECONDS_MAX)
        assert processes[0].returncode == errors.StoreUnavailable.exit_code, said
        assert "PostgreSQL did not answer" in said
    assert schema.current(unmigrated.secret()) == "0001"
