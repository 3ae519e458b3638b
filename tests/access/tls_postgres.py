"""A real PostgreSQL that speaks TLS. The embedded one is built without it, so the system's own programs are run."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.local import unprivileged
from runtime.local.cluster import ENVIRONMENT
from runtime.local.finder import SYSTEM_FOLDERS
from tests.access.authorities import HOST, ServerFiles

USER = "holdfast_bot"
PASSWORD = "the-first-password"
READY_SECONDS_MAX = 30.0


def find_programs() -> Path | None:
    """The newest PostgreSQL of the system, if it has one; `.ci/run` sees to it that the runner does."""
    found = [path for pattern in SYSTEM_FOLDERS for path in Path("/").glob(pattern.lstrip("/"))]
    return next((path for path in sorted(found, reverse=True) if (path / "initdb").is_file()), None)


class Cluster:
    """A data folder made once; it is served with this certificate or that."""

    def __init__(self, programs: Path, root: Path) -> None:
        self.programs = programs
        self.root = root
        self.identity = unprivileged.choose_identity(root)
        unprivileged.hand_over(root, self.identity)
        self.data = root / "data"
        (root / "password").write_text(PASSWORD)
        self._run(
            ["initdb", "-D", str(self.data), "-U", USER, "-A", "scram-sha-256", "--no-sync", "--locale=C"],
            "-EUTF8",
            f"--pwfile={root / 'password'}",
        )

    def log(self) -> str:
        file = self.root / "server.log"
        return file.read_text() if file.exists() else ""

    @contextmanager
    def serve(self, files: ServerFiles | None) -> Iterator[str]:
        """The address, without a password, of a server that shows `files`, or that offers no TLS at all."""
        kind = "hostssl" if files else "host"
        (self.data / "pg_hba.conf").write_text(f"{kind} all all 127.0.0.1/32 scram-sha-256\n")
        settings = ["-c", "fsync=off", "-c", "unix_socket_directories=", "-c", "shared_buffers=16MB"]
        if files:
            shutil.copy2(files.certificate, self.data / "server.crt")
            shutil.copy2(files.key, self.data / "server.key")
            unprivileged.hand_over(self.data / "server.crt", self.identity)
            unprivileged.hand_over(self.data / "server.key", self.identity)
            settings += ["-c", "ssl=on"]
        port = free_port()
        command = [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(port), *settings]
        enter = unprivileged.before_exec(self.identity, parent_death_signal=2)
        with (self.root / "server.log").open("ab") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT, preexec_fn=enter)
        try:
            self._wait_until_ready(server)
            yield f"postgresql://{USER}@{HOST}:{port}/postgres?hostaddr=127.0.0.1"
        finally:
            server.send_signal(2)
            server.wait(timeout=READY_SECONDS_MAX)

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        pid_file = self.data / "postmaster.pid"
        while not (pid_file.exists() and "ready" in pid_file.read_text()):
            assert server.poll() is None, self.log()
            assert time.monotonic() < deadline, "PostgreSQL did not get ready"
            time.sleep(0.02)

    def _run(self, command: list[str], *more: str) -> None:
        program = str(self.programs / command[0])
        enter = unprivileged.before_exec(self.identity)
        subprocess.run(
            [program, *command[1:], *more], check=True, capture_output=True, env=ENVIRONMENT, preexec_fn=enter
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
