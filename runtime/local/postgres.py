"""The embedded PostgreSQL as the rest of the program sees it: open it, ask for a URL, close it. Any number of processes
may open the same folder; the first one starts the server, the kernel tells its keeper when the last one is gone, and
no process has to say goodbye for the data to be safe."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import runtime
from runtime import errors
from runtime.local import cluster, processes
from runtime.local.binaries import Binaries
from runtime.local.finder import find_binaries
from runtime.local.folder import (
    PORT,
    SOCKET_NAME,
    Folder,
    Postmaster,
    claim_folder,
    find_folder,
    find_keeper,
    keeper_note,
    take_share,
    translated_errors,
)
from runtime.local.keeper import Order, render_order

# Crash recovery of a large log may take minutes; giving up would leave the folder unusable.
START_SECONDS_MAX = 300.0
STOP_SECONDS_MAX = 120.0
ORPHAN_STOP_SECONDS_MAX = 30.0

Condition = Literal["absent", "stopped", "starting", "ready", "stopping"]


@dataclass(frozen=True, slots=True)
class ServerState:
    """What `status` and `doctor` show."""

    data_dir: Path
    condition: Condition
    keeper_pid: int | None
    server_pid: int | None
    socket_dir: Path | None
    major: int | None


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a server is to be started, should it not run yet."""

    prefer: Path | None = None
    linger_seconds: float = 0.0
    throw_away: bool = False
    watchdog: Literal["kernel", "pipe"] = "kernel" if sys.platform == "linux" else "pipe"


class Server:
    """A share in the running server: it runs at least until this is closed or this process ends."""

    def __init__(self, folder: Folder, share: int, wishes: Wishes) -> None:
        self._folder = folder
        self._share = share
        self._wishes = wishes
        self.postmaster = _ensure_running(folder, wishes)

    @property
    def data_dir(self) -> Path:
        return self._folder.root

    def url(self, role: str = cluster.SUPERUSER, database: str = cluster.DATABASE) -> str:
        host = quote(str(self.postmaster.socket_dir), safe="")
        return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def program(self, name: str) -> Path:
        """A program of the same PostgreSQL, such as psql or pg_dump."""
        return _find_fitting(self._folder, self._wishes.prefer).program(name)

    def revive(self) -> bool:
        """Start the server again if it is gone (its keeper was killed); True if that was needed. Cheap when it runs."""
        before = self.postmaster
        self.postmaster = _ensure_running(self._folder, self._wishes)
        return self.postmaster.pid != before.pid

    def close(self) -> None:
        """This process no longer needs it. A forked child that inherited the share keeps it."""
        if self._share >= 0:
            os.close(self._share)
            self._share = -1

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_server(data_dir: Path, wishes: Wishes | None = None) -> Server:
    """Start the server on this folder, or join the one that runs."""
    folder = claim_folder(data_dir)
    with translated_errors(folder.root):
        share = take_share(folder, seconds_max=STOP_SECONDS_MAX)
        try:
            return Server(folder, share, wishes or Wishes())
        except BaseException:
            os.close(share)
            raise


def stop_server(data_dir: Path) -> bool:
    """Stop it for everybody; False if nothing ran."""
    with translated_errors(data_dir):
        folder = find_folder(data_dir)
        if folder is None:
            return False
        return _stop_orphan(folder) if find_keeper(folder) is None else _stop_keeper(folder)


def server_state(data_dir: Path) -> ServerState:
    """Look, and change nothing."""
    with translated_errors(data_dir):
        folder = find_folder(data_dir)
        if folder is None:
            return ServerState(Path(data_dir), "absent", None, None, None, None)
        keeper, found, major = find_keeper(folder), folder.find_postmaster(), cluster.written_by(folder)
    if found is None:
        condition: Condition = "stopped" if keeper is None else "starting"
        return ServerState(folder.root, condition, keeper, None, None, major)
    condition = "stopping" if found.condition == "stopping" or keeper is None else "starting"
    condition = "ready" if found.is_ready and keeper is not None else condition
    return ServerState(folder.root, condition, keeper, found.pid, found.socket_dir, major)


def _stop_keeper(folder: Folder) -> bool:
    # One that is only just starting has not written its pid yet.
    processes.wait_until(lambda: find_keeper(folder) != 0, seconds_max=1.0)
    pid = find_keeper(folder)
    if pid:
        processes.send_signal(pid, signal.SIGTERM)
    if processes.wait_until(lambda: find_keeper(folder) is None, seconds_max=STOP_SECONDS_MAX):
        return True
    detail = f"its keeper (pid {pid}) did not stop within {STOP_SECONDS_MAX:g} seconds"
    raise errors.LocalServerBroken(folder=folder.root, detail=detail, remedy=f"End it with: kill -9 {pid}")


def _stop_orphan(folder: Folder) -> bool:
    orphan = folder.find_postmaster()
    if orphan is None:
        return False
    processes.send_signal(orphan.pid, signal.SIGINT)
    if processes.wait_until(lambda: folder.find_postmaster() is None, seconds_max=ORPHAN_STOP_SECONDS_MAX):
        return True
    detail = f"its server (pid {orphan.pid}) did not stop within {ORPHAN_STOP_SECONDS_MAX:g} seconds"
    raise errors.LocalServerBroken(
        folder=folder.root, detail=detail, remedy=f"End it with: kill -QUIT {orphan.pid}"
    )


def _ensure_running(folder: Folder, wishes: Wishes) -> Postmaster:
    deadline = time.monotonic() + START_SECONDS_MAX
    _detached[:] = [keeper for keeper in _detached if keeper.poll() is None]
    while time.monotonic() < deadline:
        keeper, found = find_keeper(folder), folder.find_postmaster()
        is_kept = found is not None and found.is_ready and _is_kept(folder, keeper, found)
        if keeper is None:
            _start_keeper(folder, wishes, deadline)
        elif found is not None and is_kept and (found.socket_dir / SOCKET_NAME).exists():
            _refuse_throw_away(folder, wishes)
            return found
        elif keeper and is_kept:
            # Somebody swept /tmp: nobody can connect any more, so a new server must make a new socket.
            processes.send_signal(keeper, signal.SIGTERM)
            processes.wait_until(lambda: find_keeper(folder) is None, seconds_max=STOP_SECONDS_MAX)
        else:
            time.sleep(processes.POLL_SECONDS)
    detail = f"it is not ready after {START_SECONDS_MAX:g} seconds"
    remedy = f"See {folder.root / 'server.log'}; `make stop` ends it."
    raise errors.LocalServerBroken(folder=folder.root, detail=detail, remedy=remedy)


def _is_kept(folder: Folder, keeper: int | None, found: Postmaster) -> bool:
    """A server whose keeper was killed says ready for an instant more. A keeper dies thread by thread, and its last one
    holds the lock when the server has been told already."""
    if keeper is None or not processes.is_alive(keeper):
        return False
    return keeper_note(folder).get("server") == found.pid


def _start_keeper(folder: Folder, wishes: Wishes, deadline: float) -> None:
    """Start one and take its answer. That another was faster is fine: we find its server."""
    binaries = _find_fitting(folder, wishes.prefer)
    order = Order(
        root=str(folder.root),
        programs=str(binaries.folder),
        version=binaries.version,
        linger_seconds=wishes.linger_seconds,
        throw_away=wishes.throw_away,
        watchdog=wishes.watchdog,
    )
    # -S: the keeper needs the standard library alone and starts in half the time. Its own session keeps a terminal's
    # Ctrl-C from it: it must outlive the last user, if only by an instant.
    with open(folder.root / "keeper.log", "wb") as complaints:
        keeper = _Detached(
            [sys.executable, "-S", "-m", "runtime.local.keeper", render_order(order)],
            cwd=Path(runtime.__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
    assert keeper.stdout is not None
    with keeper.stdout as told:
        ready, _, _ = select.select([told], [], [], max(0.0, deadline - time.monotonic()))
        line = told.readline() if ready else b""
    _detached.append(keeper)
    if line:
        _judge(folder, json.loads(line))
        return
    # It was killed before it could answer; if it failed on its own, its last words say why.
    if (
        processes.wait_until(lambda: keeper.poll() is not None, seconds_max=1.0)
        and (keeper.returncode or 0) > 0
    ):
        words = (folder.root / "keeper.log").read_text(errors="replace").splitlines()
        raise cluster.broken_by(folder, words)


def _judge(folder: Folder, told: dict[str, object]) -> None:
    if told["state"] != "failed":
        return
    facts = told["facts"]
    assert isinstance(facts, dict)
    kinds = {kind.__name__: kind for kind in (errors.DiskFull, errors.NoPermission, errors.LocalServerBroken)}
    raise kinds.get(str(told["error"]), errors.LocalServerBroken)(**{"folder": folder.root, **facts})


def _refuse_throw_away(folder: Folder, wishes: Wishes) -> None:
    if keeper_note(folder).get("throw_away") and not wishes.throw_away:
        detail = "the server that runs on it was started without durability, for a test"
        raise errors.LocalServerBroken(
            folder=folder.root, detail=detail, remedy="Stop it with `make stop` first."
        )


def _find_fitting(folder: Folder, prefer: Path | None) -> Binaries:
    return find_binaries(prefer, major=cluster.written_by(folder))


class _Detached(subprocess.Popen[bytes]):
    """A child that may outlive us on purpose; a plain Popen warns about that when the interpreter ends."""

    def __del__(self) -> None:
        return


# The keepers we started, so that one that has ended is reaped.
_detached: list[_Detached] = []
