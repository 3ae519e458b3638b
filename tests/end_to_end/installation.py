"""A folder on which `python -m runtime run` runs as a user starts it, and everything that can be killed there."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from runtime.__main__ import main
from runtime.local import processes, roster
from runtime.local.cluster import DATABASE, SUPERUSER
from runtime.local.folder import PORT
from runtime.local.postgres import server_state, stop_server

ROOT = Path(__file__).resolve().parents[2]
BOTS = ("grid", "mean-reversion", "momentum")
SECONDS_MAX = 60
SETTINGS = {"HOLDFAST_TICK_SECONDS": "0.1"}


@dataclass
class Installation:
    folder: Path
    starts: int = 0
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def settings(self) -> Mapping[str, str]:
        return {**SETTINGS, "HOLDFAST_DATA_DIR": str(self.data_dir)}

    def start(self) -> None:
        """As in a terminal of its own, whose Ctrl-C means the whole group, and with the output in a file."""
        self.starts += 1
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        clean.pop("DATABASE_URL", None)
        with self._file("out").open("wb") as out, self._file("err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runtime", "run"],
                cwd=ROOT,
                env={**clean, **self.settings},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def ensure_ticking(self) -> None:
        if not self.starts or self.process.poll() is not None:
            self.start()
        there = processes.wait_until(lambda: bool(self.ticks()), seconds_max=SECONDS_MAX, poll_seconds=0.05)
        assert there, self.story()
        self.await_ticks(self.ticks())

    def await_ticks(self, before: Mapping[str, int]) -> None:
        """Until every bot has ticked once more."""

        def all_went_on() -> bool:
            now = self.ticks()
            return all(now.get(bot, 0) > before.get(bot, 0) for bot in BOTS)

        assert processes.wait_until(all_went_on, seconds_max=SECONDS_MAX, poll_seconds=0.05), self.story()

    def interrupt(self) -> int:
        """Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=SECONDS_MAX)

    def ask(self, *argv: str) -> tuple[int, str]:
        """Another role on the same folder: its exit code, and all that it printed."""
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = main([*argv], self.settings)
        return code, said.getvalue()

    def out(self) -> str:
        return self._file("out").read_text(encoding="utf-8")

    def err(self) -> str:
        return self._file("err").read_text(encoding="utf-8")

    def log(self, name: str) -> str:
        return (self.data_dir / "logs" / f"{name}.log").read_text(encoding="utf-8")

    # Who runs.

    def pids(self) -> dict[str, int]:
        """Every process of the installation that lives, by name."""
        found, server = roster.read_roster(self.data_dir), server_state(self.data_dir / "postgres")
        entries = (found.supervisor, *found.children) if found else ()
        named = {entry.name: entry.pid for entry in entries if entry.is_alive}
        others = {"keeper": server.keeper_pid, "postmaster": server.server_pid}
        return {**named, **{name: pid for name, pid in others.items() if pid}}

    def kill(self, *names: str) -> None:
        """SIGKILL, the first one first."""
        pids = self.pids()
        for name in names:
            processes.send_signal(pids[name], signal.SIGKILL)
        if "supervisor" in names:
            self.process.wait(timeout=SECONDS_MAX)

    def await_quiet(self) -> None:
        quiet = processes.wait_until(lambda: not self.pids(), seconds_max=SECONDS_MAX, poll_seconds=0.05)
        assert quiet, self.pids()

    # What the ledger says.

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Empty while there is no server, or no table yet."""
        state = server_state(self.data_dir / "postgres")
        if state.condition != "ready":
            return []
        url = f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(state.socket_dir), safe='')}&port={PORT}"
        try:
            with psycopg.connect(url, autocommit=True, options="-c search_path=holdfast") as connection:
                return connection.execute(statement.encode()).fetchall()
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
            return []

    def ticks(self) -> dict[str, int]:
        return dict(self.rows("select name, ticks from bots"))

    def epochs(self) -> dict[str, int]:
        return dict(self.rows("select name, epoch from leases join accounts using (user_id, account_id)"))

    def story(self) -> str:
        """What to look at when something did not happen."""
        logs = sorted((self.data_dir / "logs").glob("*.log"))
        tails = [f"{path.name}: {path.read_text(encoding='utf-8')[-1500:]}" for path in logs]
        return "\n".join([str(self.pids()), str(self.ticks()), self.err(), *tails])

    def end(self) -> None:
        if self.starts and self.process.poll() is None:
            self.interrupt()
        roster.end_leftovers(self.data_dir)
        stop_server(self.data_dir / "postgres")

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}-{self.starts}"


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    installation = Installation(folder)
    try:
        yield installation
    finally:
        installation.end()
