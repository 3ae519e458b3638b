"""What is left after SIGKILL of anybody: nothing running that should not, and every committed row."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from runtime.local import processes
from runtime.local.folder import SOCKET_NAME, find_folder, make_socket_dir
from runtime.local.postgres import Server, Wishes, open_server, server_state
from runtime.local.unprivileged import IS_LINUX
from tests.local.processes_under_test import User, is_quiet, kill, using, wait_quiet

WATCHDOGS = ["pipe", "kernel"] if IS_LINUX else ["pipe"]


def _write_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def _rows(server: Server) -> int:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row is not None
        return int(row[0])


def test_kill_the_only_user__the_server_is_cleanly_gone_at_once(warm_dir: Path) -> None:
    with using(warm_dir) as user:
        _write_row(user.told()["url"])
        user.kill()
        # 0.02 s on an idle machine; the bound leaves room for a busy one.
        assert wait_quiet(warm_dir) < 2.0
    assert not (warm_dir / "cluster" / "postmaster.pid").exists()
    with open_server(warm_dir) as server:
        assert _rows(server) == 1


@pytest.mark.parametrize("watchdog", WATCHDOGS)
def test_kill_the_keeper__its_server_goes_with_it_and_can_be_revived(watchdog: str, warm_dir: Path) -> None:
    with open_server(warm_dir, Wishes(watchdog=watchdog)) as server:  # type: ignore[arg-type]
        _write_row(server.url())
        kill(server_state(warm_dir).keeper_pid)
        orphan = server.postmaster.pid
        assert processes.wait_until(lambda: not processes.is_alive(orphan), seconds_max=20)
        assert server.revive() is True
        assert _rows(server) == 1
    wait_quiet(warm_dir)


def test_kill_the_keeper__who_opens_at_that_instant_gets_a_live_server(warm_dir: Path) -> None:
    with open_server(warm_dir) as server:
        _write_row(server.url())
        kill(server_state(warm_dir).keeper_pid)
        with open_server(warm_dir) as second:
            assert _rows(second) == 1
            assert second.postmaster.pid != server.postmaster.pid


def test_kill_the_postmaster__the_keeper_starts_it_again_with_every_row(warm_dir: Path) -> None:
    with open_server(warm_dir) as server:
        for round_number in range(1, 3):
            _write_row(server.url())
            dead = server.postmaster.pid
            kill(dead)
            with open_server(warm_dir) as second:
                assert second.postmaster.pid != dead
                assert _rows(second) == round_number
            server.revive()
    wait_quiet(warm_dir)


def test_swept_tmp__a_server_without_its_socket_is_replaced(warm_dir: Path) -> None:
    with open_server(warm_dir) as server:
        _write_row(server.url())
        shutil.rmtree(server.postmaster.socket_dir)
        assert server.revive() is True
        assert _rows(server) == 1
    wait_quiet(warm_dir)


def test_kill_a_session__the_server_recovers_by_itself(warm_dir: Path) -> None:
    with open_server(warm_dir) as server:
        _write_row(server.url())
        with psycopg.connect(server.url()) as connection:
            kill(connection.info.backend_pid)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")

        def answers() -> bool:
            try:
                return _rows(server) == 1
            except psycopg.OperationalError:
                return False

        assert processes.wait_until(answers, seconds_max=20, poll_seconds=0.02)


def test_kill_everybody__the_next_start_finds_every_row(warm_dir: Path) -> None:
    user = User(warm_dir)
    _write_row(user.told()["url"])
    state = server_state(warm_dir)
    for pid in (state.keeper_pid, state.server_pid, user.process.pid):
        kill(pid)
    user.end()
    with open_server(warm_dir) as server:
        assert _rows(server) == 1
    wait_quiet(warm_dir)


def test_kill_during_initdb__the_next_start_makes_the_cluster_whole(data_dir: Path) -> None:
    user = User(data_dir)
    assert processes.wait_until(lambda: any(data_dir.glob("cluster.new-*/base")), seconds_max=20)
    keeper = server_state(data_dir).keeper_pid
    user.kill()
    kill(keeper)
    user.end()
    with open_server(data_dir) as server:
        _write_row(server.url())
        assert [path.name for path in data_dir.glob("cluster*")] == ["cluster"]
    wait_quiet(data_dir)


def test_kill_the_user_during_initdb__nothing_stays_running(data_dir: Path) -> None:
    user = User(data_dir)
    assert processes.wait_until(lambda: any(data_dir.glob("cluster.new-*/base")), seconds_max=20)
    user.kill()
    user.end()
    wait_quiet(data_dir)


@pytest.mark.parametrize(
    "content", ["{pid}\n{cluster}\n1\n5432\n/tmp\n\n 1 2\nready\n", "{pid}\n", "", "\0\0\0"]
)
def test_stale_pid_file__a_reused_pid_or_a_torn_file_hinders_nobody(content: str, warm_dir: Path) -> None:
    # The pid belongs to a live process of the same user that is no PostgreSQL: what a reboot leaves behind.
    folder = find_folder(warm_dir)
    assert folder is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        stale = content.format(pid=stranger.pid, cluster=folder.cluster)
        folder.pid_file.write_text(stale)
        socket_dir = make_socket_dir(folder)
        (socket_dir / SOCKET_NAME).touch()
        (socket_dir / f"{SOCKET_NAME}.lock").write_text(f"{stranger.pid}\n")
        with open_server(warm_dir) as server:
            _write_row(server.url())
        wait_quiet(warm_dir)
        assert stranger.poll() is None


def test_zombie_postmaster__is_not_taken_for_a_live_one(warm_dir: Path) -> None:
    # A stopped keeper cannot reap: its killed server stays a zombie, which kill(pid, 0) calls alive.
    with open_server(warm_dir) as server:
        _write_row(server.url())
        state = server_state(warm_dir)
        assert state.keeper_pid
        os.kill(state.keeper_pid, signal.SIGSTOP)
        kill(state.server_pid)
        assert processes.wait_until(lambda: server_state(warm_dir).server_pid is None, seconds_max=5)
        os.kill(state.keeper_pid, signal.SIGCONT)
        with open_server(warm_dir) as second:
            assert _rows(second) == 1
    wait_quiet(warm_dir)


def test_a_user_that_starts_programs__does_not_lend_them_its_share(warm_dir: Path) -> None:
    # The lock's descriptor must not be inherited, or a child that outlives its parent would keep the server for ever.
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as before:
        server = open_server(warm_dir)
        with subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        ) as after:
            server.close()
            wait_quiet(warm_dir)
            assert after.poll() is None
            assert before.poll() is None
    assert is_quiet(warm_dir)
