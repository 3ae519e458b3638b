"""The embedded PostgreSQL in ordinary life: start, share, stop, as whichever user, on whichever server is here."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from runtime import errors
from runtime.local import processes
from runtime.local.finder import find_binaries
from runtime.local.folder import SOCKET_PATH_BYTES_MAX
from runtime.local.postgres import Wishes, open_server, server_state, stop_server
from runtime.local.unprivileged import IS_LINUX, Mapped, before_exec
from tests.local.processes_under_test import ROOT, User, is_quiet, using, wait_quiet
from tests.postgres_server import drop_database, fresh_database, session_server


def _servers_here() -> list[Path]:
    """The one we would take, and the system's own if that is another."""
    first = find_binaries().folder
    system = shutil.which("postgres")
    return list(dict.fromkeys([first] + ([Path(system).resolve().parent] if system else [])))


@pytest.mark.parametrize("programs", _servers_here(), ids=str)
def test_open_server__a_new_folder_becomes_a_safe_private_server(programs: Path, data_dir: Path) -> None:
    with open_server(data_dir, Wishes(prefer=programs)) as server:
        with psycopg.connect(server.url()) as connection:
            wanted = {
                "fsync": "on",
                "synchronous_commit": "on",
                "full_page_writes": "on",
                "data_checksums": "on",
                "listen_addresses": "",
                "wal_level": "replica",
                "TimeZone": "UTC",
                "server_encoding": "UTF8",
                "max_connections": "200",
            }
            rows = connection.execute("SELECT name, setting FROM pg_settings").fetchall()
            assert {name: value for name, value in rows if name in wanted} == wanted
            assert connection.execute("SELECT current_user, current_database()").fetchone() == (
                "holdfast_admin",
                "holdfast",
            )
        assert server.postmaster.socket_dir.stat().st_mode & 0o777 == 0o700
        assert (data_dir / "cluster").stat().st_mode & 0o777 == 0o700
        assert server.program("psql").exists()
    wait_quiet(data_dir)
    assert not (data_dir / "cluster" / "postmaster.pid").exists()


def test_open_server__a_second_process_joins_and_the_first_may_leave(warm_dir: Path) -> None:
    with using(warm_dir) as first, using(warm_dir) as second:
        told = first.told(), second.told()
        assert told[0]["pid"] == told[1]["pid"]
        first.end()
        with psycopg.connect(told[1]["url"]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    wait_quiet(warm_dir)


def test_open_server__four_at_once_on_a_new_folder_get_one_server(data_dir: Path) -> None:
    users = [User(data_dir) for _ in range(4)]
    told = [user.told() for user in users]
    for user in users:
        user.end()
    assert len({answer["pid"] for answer in told}) == 1
    wait_quiet(data_dir)


def test_open_server__opening_while_the_last_one_leaves_never_yields_a_dying_server(warm_dir: Path) -> None:
    for _ in range(8):
        with open_server(warm_dir) as server, psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    wait_quiet(warm_dir)


def test_open_server__is_quick_when_warm_and_instant_when_running(warm_dir: Path) -> None:
    # The bounds are wide for a loaded machine; `make bench` prints the real figures.
    with using(warm_dir) as first:
        assert first.told()["seconds"] < 2.0
        began = time.monotonic()
        open_server(warm_dir).close()
        assert time.monotonic() - began < 0.2


def test_linger__the_server_waits_for_a_next_user_and_then_goes(warm_dir: Path) -> None:
    wishes = Wishes(linger_seconds=0.4)
    server = open_server(warm_dir, wishes)
    server.close()
    with open_server(warm_dir, wishes) as again:
        assert again.postmaster.pid == server.postmaster.pid
    assert wait_quiet(warm_dir) >= 0.3


def test_stop_server__stops_it_for_everybody_and_says_whether_it_ran(warm_dir: Path) -> None:
    assert stop_server(warm_dir) is False
    with using(warm_dir) as user:
        user.told()
        assert stop_server(warm_dir) is True
        assert is_quiet(warm_dir)
        assert stop_server(warm_dir) is False


def test_stop_server__nothing_is_made_of_a_folder_that_is_not_there(data_dir: Path) -> None:
    assert stop_server(data_dir) is False
    assert server_state(data_dir).condition == "absent"
    assert not data_dir.exists()


def test_revive__a_server_that_was_stopped_under_us_runs_again(warm_dir: Path) -> None:
    with open_server(warm_dir) as server:
        assert server.revive() is False
        stop_server(warm_dir)
        assert server.revive() is True
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_close__a_forked_child_keeps_the_server_until_it_ends(warm_dir: Path) -> None:
    server = open_server(warm_dir)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    server.close()
    with open_server(warm_dir) as again:
        assert again.postmaster.pid == server.postmaster.pid
    assert not is_quiet(warm_dir)
    os.close(writer)
    os.waitpid(child, 0)
    wait_quiet(warm_dir)


def test_open_server__a_very_long_path_still_has_a_short_socket(data_dir: Path) -> None:
    deep = data_dir.joinpath(*["a folder with blanks and ünïcode"] * 6)
    with open_server(deep) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert len(os.fsencode(server.postmaster.socket_dir)) + 14 <= SOCKET_PATH_BYTES_MAX
    wait_quiet(deep)


@pytest.mark.skipif(not IS_LINUX, reason="the other system has no user namespaces")
@pytest.mark.parametrize("uid", [65534, 54321], ids=["a user with a name", "a user without a name"])
def test_open_server__works_for_an_ordinary_user(uid: int, data_dir: Path) -> None:
    # Inside a namespace of its own the process is that user and has no more rights than it.
    with using(data_dir, preexec=before_exec(Mapped(uid))) as user:
        told = user.told()
        assert "pid" in told, told
    assert processes.wait_until(lambda: is_quiet(data_dir), seconds_max=20)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_open_server__root_on_another_users_folder_becomes_that_user(data_dir: Path) -> None:
    data_dir.parent.chmod(0o755)
    data_dir.mkdir()
    os.chown(data_dir, 65534, 65534)
    try:
        with open_server(data_dir, Wishes(prefer=_servers_here()[-1])) as server:
            status = Path(f"/proc/{server.postmaster.pid}").stat()
            assert status.st_uid == 65534
            with psycopg.connect(server.url()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
    except errors.LocalServerBroken as exc:
        # The programs may lie where that user cannot reach them; then the error must say what else there is.
        assert "DATABASE_URL" in str(exc)  # noqa: PT017


def test_interrupt__ctrl_c_in_a_terminal_does_not_reach_the_server(warm_dir: Path) -> None:
    script = "import sys; from pathlib import Path; from runtime.local.postgres import open_server\n"
    script += "s = open_server(Path(sys.argv[1])); print(s.postmaster.pid, flush=True); sys.stdin.read()"
    with open_server(warm_dir) as server:
        other = subprocess.Popen(
            [sys.executable, "-c", script, str(warm_dir)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with other:
            assert other.stdout is not None
            other.stdout.readline()
            os.killpg(other.pid, signal.SIGINT)
        assert server.revive() is False


def test_throw_away__is_refused_to_whoever_wants_durability(warm_dir: Path) -> None:
    with open_server(warm_dir, Wishes(throw_away=True)), pytest.raises(errors.LocalServerBroken):
        open_server(warm_dir)
    wait_quiet(warm_dir)


def test_fresh_database__copies_its_template_and_is_its_own() -> None:
    with session_server() as server:
        template = fresh_database(server)
        with psycopg.connect(template) as connection:
            connection.execute("CREATE TABLE things (name text)")
            name = connection.info.dbname
        copy = fresh_database(server, name)
        with psycopg.connect(copy) as connection:
            connection.execute("INSERT INTO things VALUES ('one')")
        with psycopg.connect(template) as connection:
            assert connection.execute("SELECT count(*) FROM things").fetchone() == (0,)
        drop_database(server, copy)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(copy)
