"""PostgreSQL as RDS keeps it: a server with its folder, snapshots of it, an archive of its log, and points in time.

The programs are the system's PostgreSQL or the embedded one; whoever starts the rehearsal says where they are. The
server listens on a socket file alone and trusts whoever reaches that: the door in front of it does the judging.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deploy.rehearsal.warden import Warden

READY_SECONDS_MAX = 60.0
UNPRIVILEGED = ("postgres", "nobody")
SOCKET = ".s.PGSQL.5432"
SETTINGS = ("fsync=off", "listen_addresses=", "shared_buffers=32MB", "archive_mode=on",
            "wal_level=replica", "timezone=UTC")  # fmt: skip


class ServerFailed(RuntimeError):
    """PostgreSQL did not {what}: {said}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """PostgreSQL's own programs, and what they run as: it refuses to be root."""

    folder: Path
    warden: Warden

    def user(self) -> str | None:
        if os.geteuid() != 0:
            return None
        known = {each.pw_name for each in pwd.getpwall()}
        return next((name for name in UNPRIVILEGED if name in known), None)

    def run(self, *words: str) -> str:
        command = [str(self.folder / words[0]), *words[1:]]
        done = subprocess.run(command, user=self.user(), capture_output=True, text=True, cwd="/", check=False)
        if done.returncode:
            raise ServerFailed(f"{words[0]} says {done.stderr.strip()[-400:]}")
        return done.stdout.strip()

    def own(self, folder: Path) -> None:
        """Folders that were made as root are handed to whoever the server runs as."""
        user = self.user()
        if user is not None:
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, user)


class Server:
    """One server with its folder: `data`, the archive of its log `wal`, and `base`, the copy that both began with."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        return self.folder / SOCKET

    def create(self, *, master: str, database: str) -> None:
        """An empty server as RDS delivers it: a master user who is no superuser, and roles that it may give."""
        self._prepare()
        data = str(self.data)
        self._programs.run(
            "initdb", "-D", data, "-U", "rdsadmin", "-A", "trust", "--no-sync", "--locale=C", "-EUTF8"
        )
        shutil.copytree(self.data, self.folder / "base")
        self.start()
        for statement in (
            "CREATE ROLE rds_iam",
            "CREATE ROLE rds_superuser CREATEROLE CREATEDB",
            f"CREATE ROLE {master} LOGIN CREATEROLE CREATEDB IN ROLE rds_superuser",
            f"GRANT pg_monitor, pg_signal_backend TO {master} WITH ADMIN OPTION",
            f"GRANT rds_iam TO {master} WITH ADMIN OPTION",
            f"CREATE DATABASE {database} OWNER {master}",
        ):
            self.tell("postgres", statement)

    def start(self) -> None:
        archive = f"test ! -f {self.folder}/wal/%f && cp %p {self.folder}/wal/%f"
        settings = [*SETTINGS, f"unix_socket_directories={self.folder}", f"archive_command={archive}"]
        command = [str(self._programs.folder / "postgres"), "-D", str(self.data)]
        with (self.folder / "server.log").open("ab") as log:
            self._process = self._programs.warden.start(
                [*command, *(word for each in settings for word in ("-c", each))],
                ending=signal.SIGQUIT,
                user=self._programs.user(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is a fast shutdown; SIGQUIT is a machine that fails, whose log is replayed at the next start."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()
            self._programs.warden.forget(process)

    def copy_to(self, folder: Path) -> None:
        """A snapshot of a server that runs: its own base backup, consistent as of its end."""
        self._programs.run(
            "pg_basebackup", "-h", str(self.folder), "-U", "rdsadmin", "-D", str(folder), "-X", "stream",
            "--no-sync", "-c", "fast",
        )  # fmt: skip

    def restore_from(self, snapshot: Path) -> None:
        """This server, which is none yet, as the snapshot has it."""
        self._prepare()
        shutil.copytree(snapshot, self.data)
        self._programs.own(self.data)
        self.data.chmod(0o700)
        self.start()

    def restore_at(self, source: "Server", moment: datetime) -> None:
        """This server, which is none yet, as `source` was at that moment: its first copy, and its log until then."""
        source.archive_all()
        self._prepare()
        shutil.copytree(source.folder / "base", self.data)
        (self.data / "recovery.signal").touch()
        with (self.data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write(f"restore_command = 'cp {source.folder}/wal/%f %p'\n")
            settings.write(f"recovery_target_time = '{moment.isoformat()}'\n")
            settings.write("recovery_target_action = 'promote'\n")
        self._programs.own(self.data)
        self.data.chmod(0o700)
        self.start()
        # It takes connections while it still replays, and is itself when it no longer does.
        self._wait_for(
            lambda: self.tell("postgres", "SELECT pg_is_in_recovery()") == "f", "reach that moment"
        )

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def archive_all(self) -> None:
        """Until the log's last file, as it is now, lies in the archive."""
        last = self.folder / "wal" / self.tell("postgres", "SELECT pg_walfile_name(pg_switch_wal())")
        self._wait_for(last.exists, f"archive {last.name}")

    def tell(self, database: str, statement: str) -> str:
        """A statement of RDS itself, as the superuser that nobody else is."""
        return self._programs.run(
            "psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", "rdsadmin",
            "-d", database, "-c", statement,
        )  # fmt: skip

    def _prepare(self) -> None:
        (self.folder / "wal").mkdir(parents=True)
        self._programs.own(self.folder)

    def _wait_until_ready(self) -> None:
        pid_file = self.data / "postmaster.pid"
        self._wait_for(lambda: self._says_ready(pid_file), "start")

    def _wait_for(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not is_so():
            process = self._process
            if process is None or process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "server.log").read_text("utf-8", errors="replace")[-600:]
                raise ServerFailed(f"PostgreSQL did not {what}: {said}")
            time.sleep(0.02)

    def _says_ready(self, pid_file: Path) -> bool:
        try:
            lines = pid_file.read_text().splitlines()
        except OSError:
            return False
        # A file that a killed server has left has another number in its first line.
        process = self._process
        return process is not None and lines[:1] == [str(process.pid)] and lines[-1].strip() == "ready"
