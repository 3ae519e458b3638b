"""The keeper: a small detached process that is the parent of the embedded PostgreSQL. It starts the server, starts it
again if it dies, and stops it when the last process that uses it is gone, which it learns from the kernel (an exclusive
lock that is granted) and not by asking. Whatever kills the keeper ends the server with it; no orphan stays.

Run as `python -m runtime.local.keeper ORDER`, where ORDER is JSON; it answers on stdout with one line of JSON.
"""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime import errors
from runtime.local import cluster, processes, unprivileged
from runtime.local.binaries import Binaries
from runtime.local.folder import SOCKET_NAME, Folder, make_socket_dir, translated_errors, try_lock
from runtime.local.logfile import BoundedLog

LOCK_SECONDS_MAX = 0.25
ORPHAN_SECONDS_MAX = 60.0
FAST_SECONDS_MAX = 90.0
ABRUPT_SECONDS_MAX = 5.0
RESTARTS_MAX = 12
RESTART_SECONDS_FIRST = 0.02
RESTART_SECONDS_MAX = 2.0
HEALTHY_SECONDS = 10.0
THROW_AWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Order:
    """What the opener asks for."""

    root: str
    programs: str
    version: str
    linger_seconds: float
    throw_away: bool
    watchdog: str


class Keeper:
    """One server on one folder, from its start to its clean stop."""

    def __init__(self, order: Order, lock: int) -> None:
        self.order = order
        self.lock = lock
        self.folder = Folder(Path(order.root))
        self.binaries = Binaries(Path(order.programs), order.version)
        self.log = BoundedLog(self.folder.root / "server.log")
        self.identity: unprivileged.Identity = unprivileged.Plain()
        self.server: subprocess.Popen[bytes] | None = None
        self.watchdog: subprocess.Popen[bytes] | None = None
        self.started_seconds = 0.0
        self.deaths = 0
        self.stop_asked = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    def sign(self, *, server: int | None) -> None:
        """Say in the lock who holds it, and which server is its own: another one is ending, however ready it looks."""
        note = {"pid": os.getpid(), "throw_away": self.order.throw_away, "server": server}
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, json.dumps(note).encode(), 0)

    def start(self) -> None:
        """Everything up to a server that accepts connections; raises what the opener should be told."""
        self.identity = unprivileged.choose_identity(self.folder.root)
        end_orphan(self.folder)
        if isinstance(self.identity, unprivileged.Dropped):
            self.folder.root.chmod(0o711)
            cluster.refuse_out_of_reach(self.folder, self.binaries, self.identity)
        if cluster.written_by(self.folder) is None:
            cluster.make_cluster(self.folder, self.binaries, self.identity)
        elif not self.order.throw_away:
            cluster.refuse_unfit(self.folder, self.binaries, self.identity)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._spawn()
        while not self._is_ready():
            self._pump(seconds_max=0.002)
            if self._has_died():
                self._recover()
            if self.stop_asked:
                return

    def watch(self) -> None:
        """Until somebody says stop or the last user is gone."""
        threading.Thread(target=self._wait_for_last_user, daemon=True).start()
        while not self.stop_asked:
            self._pump(seconds_max=None)
            if self._has_died():
                self._recover()

    def stop(self) -> None:
        """Fast shutdown: sessions are cut, everything acknowledged is on disk, the pid file goes away."""
        server = self.server
        if server is None:
            return
        for number, seconds_max in (
            (signal.SIGINT, FAST_SECONDS_MAX),
            (signal.SIGQUIT, ABRUPT_SECONDS_MAX),
            (signal.SIGKILL, ABRUPT_SECONDS_MAX),
        ):
            if self._has_died():
                break
            server.send_signal(number)
            deadline = time.monotonic() + seconds_max
            while not self._has_died() and time.monotonic() < deadline:
                self._pump(seconds_max=0.05)
        self._end_watchdog()
        with suppress(OSError):
            self._socket_dir().rmdir()

    def _spawn(self) -> None:
        clear_stale_locks(self.folder, socket_dir := self._socket_dir())
        unprivileged.hand_over(socket_dir, self.identity)
        settings = [
            f"unix_socket_directories={socket_dir}",
            "listen_addresses=",
            "port=5432",
            "logging_collector=off",
        ]
        settings += THROW_AWAY if self.order.throw_away else ()
        command = [str(self.binaries.program("postgres")), "-D", str(self.folder.cluster)]
        for setting in settings:
            command += ["-c", setting]
        self._end_watchdog()
        self.started_seconds = time.monotonic()
        self.server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder.root,
            env=cluster.ENVIRONMENT,
            start_new_session=True,
            preexec_fn=unprivileged.before_exec(self.identity, parent_death_signal=self._death_signal()),
        )
        self.sign(server=self.server.pid)
        assert self.server.stdout is not None
        os.set_blocking(self.server.stdout.fileno(), False)
        if self.order.watchdog == "pipe":
            self._spawn_watchdog(self.server.pid)

    def _socket_dir(self) -> Path:
        server_uid = self.identity.uid if isinstance(self.identity, unprivileged.Dropped) else None
        return make_socket_dir(self.folder, server_uid=server_uid)

    def _death_signal(self) -> int:
        return signal.SIGINT if self.order.watchdog == "kernel" else 0

    def _spawn_watchdog(self, pid: int) -> None:
        # For systems without a parent death signal: the shell's read ends when our end of the pipe does.
        self.watchdog = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill -INT "$1"', "holdfast-watchdog", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _end_watchdog(self) -> None:
        if self.watchdog is not None:
            self.watchdog.kill()
            self.watchdog.wait()
            self.watchdog = None

    def _is_ready(self) -> bool:
        found = self.folder.find_postmaster()
        return (
            found is not None and found.is_ready and self.server is not None and found.pid == self.server.pid
        )

    def _has_died(self) -> bool:
        return self.server is None or self.server.poll() is not None

    def _recover(self) -> None:
        """Start it again after a pause that doubles; a server that never comes up is given up."""
        assert self.server is not None
        if time.monotonic() - self.started_seconds > HEALTHY_SECONDS:
            self.deaths = 0
        self.deaths += 1
        self._note(f"the server (pid {self.server.pid}) ended with {self.server.returncode}")
        if self.deaths > RESTARTS_MAX or self._is_hopeless():
            raise cluster.broken_by(self.folder, self.log.last_lines())
        # A killed server's sessions need a moment to notice; until then a new one finds their shared memory in use.
        time.sleep(min(RESTART_SECONDS_FIRST * 2 ** (self.deaths - 1), RESTART_SECONDS_MAX))
        if not self.stop_asked:
            self._spawn()

    def _is_hopeless(self) -> bool:
        """It refused to start, and not because its predecessor's sessions are still ending."""
        assert self.server is not None
        recent = "\n".join(self.log.last_lines()[-8:])
        return self.server.returncode == 1 and "still in use" not in recent and "already exists" not in recent

    def _pump(self, *, seconds_max: float | None) -> None:
        """Wait for a signal, the last user's end, or the server's words, and write those down."""
        watched: list[int] = [self._wake_read]
        words = self.server.stdout if self.server is not None else None
        if words is not None and not words.closed:
            watched.append(words.fileno())
        ready, _, _ = select.select(watched, [], [], seconds_max)
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
        if words is not None and not words.closed and words.fileno() in ready:
            chunk = words.read(65536)
            if chunk:
                self.log.write(chunk)
            elif chunk == b"":
                words.close()

    def _wait_for_last_user(self) -> None:
        fd = os.open(self.folder.users_lock, os.O_RDWR)
        while True:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if self.order.linger_seconds > 0:
                fcntl.flock(fd, fcntl.LOCK_UN)
                time.sleep(self.order.linger_seconds)
                if not try_lock(fd, fcntl.LOCK_EX):
                    continue
            # The lock stays ours until we exit, so that who opens now waits until the old server is gone.
            self.stop_asked = True
            os.write(self._wake_write, b"L")
            return

    def _on_stop_signal(self, _number: int, _frame: object) -> None:
        self.stop_asked = True

    def _note(self, text: str) -> None:
        self.log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} keeper: {text}\n".encode())


def end_orphan(folder: Folder) -> None:
    """A server whose keeper was killed is shutting down: wait for it, and ask it once more after a while."""
    for number, seconds_max in (
        (0, 2.0),
        (signal.SIGINT, ORPHAN_SECONDS_MAX),
        (signal.SIGQUIT, ABRUPT_SECONDS_MAX),
    ):
        orphan = folder.find_postmaster()
        if orphan is None:
            return
        if number:
            processes.send_signal(orphan.pid, number)
        if processes.wait_until(lambda: folder.find_postmaster() is None, seconds_max=seconds_max):
            return
    detail = "an earlier server on it does not end"
    raise errors.LocalServerBroken(
        folder=folder.root, detail=detail, remedy="Restart the machine, or end it by hand."
    )


def clear_stale_locks(folder: Folder, socket_dir: Path) -> None:
    """PostgreSQL refuses to start while its lock files name a live pid, even one that now belongs to somebody else.
    We hold the keeper's lock and no server of this folder is alive, so what lies there is stale."""
    if folder.find_postmaster() is None:
        for path in (folder.pid_file, socket_dir / SOCKET_NAME, socket_dir / f"{SOCKET_NAME}.lock"):
            path.unlink(missing_ok=True)


def answer(**facts: object) -> None:
    """Tell the opener; it may be gone, which is no reason to fail."""
    with suppress(OSError):
        os.write(1, json.dumps(facts, default=str).encode() + b"\n")
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)


def keep(order: Order) -> int:
    root = Path(order.root)
    try:
        with translated_errors(root):
            lock = os.open(root / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
            # Openers look at this lock for an instant to see whether a keeper lives: one refusal is no verdict.
            if not processes.wait_until(lambda: try_lock(lock, fcntl.LOCK_EX), seconds_max=LOCK_SECONDS_MAX):
                answer(state="busy")
                return 0
            keeper = Keeper(order, lock)
            keeper.sign(server=None)
            try:
                keeper.start()
                answer(state="ready")
                keeper.watch()
            finally:
                keeper.stop()
    except errors.BotError as exc:
        answer(state="failed", error=type(exc).__name__, facts=exc.facts)
        return exc.exit_code
    return 0


def render_order(order: Order) -> str:
    return json.dumps(asdict(order))


if __name__ == "__main__":
    sys.exit(keep(Order(**json.loads(sys.argv[1]))))
