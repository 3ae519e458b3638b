"""A desk as the product starts it, `python -m runtime desk`, watched by its log, its lease and the venue."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.domain.market import MarketKind
from runtime.engine import enrolment
from runtime.engine.enrolment import AccountEntry, BotEntry, DeskFile
from runtime.local import processes
from tests.database import Database
from tests.engine.rig import ACCOUNT, BITCOIN, EXCHANGE_KEYS, LIMITS, USER, Rig
from tests.venue import ROOT, RunningSimulator

SECONDS_MAX = 40
# Short enough for a test, and still what the settings call sound.
USUAL = {
    "HOLDFAST_TICK_SECONDS": "0.05",
    "HOLDFAST_LEASE_SECONDS": "4",
    "HOLDFAST_REQUEST_TIMEOUT_SECONDS": "2",
    "HOLDFAST_SEND_WITHIN_SECONDS": "2",
    "HOLDFAST_STORE_LOST_SECONDS": "2",
}
# Three buys below the price in its first tick; no price moves, so it wants no more.
LADDER = BotEntry("ladder", "grid", (BITCOIN,), {"levels": "3", "order_quote": "500"}, LIMITS)


def environment(**changes: str) -> dict[str, str]:
    """The tests' own, without any setting of the product's."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    usual.pop("DATABASE_URL", None)
    return {**usual, **changes}


def enrol_ladder(database: Database) -> None:
    account = AccountEntry(ACCOUNT, "bitget", MarketKind.SPOT, True, (LADDER,))
    enrolment.enrol(database.secret(), DeskFile(USER, (account,)))


def settings_for(database_url: str, venue: RunningSimulator) -> dict[str, str]:
    key, secret, passphrase = EXCHANGE_KEYS
    return {
        "DATABASE_URL": database_url,
        "HOLDFAST_USER": USER,
        "HOLDFAST_ACCOUNT": ACCOUNT,
        "HOLDFAST_VENUE_URL": venue.url,
        "HOLDFAST_VENUE_KEY": key,
        "HOLDFAST_VENUE_SECRET": secret,
        "HOLDFAST_VENUE_PASSPHRASE": passphrase,
    }


@dataclass
class DeskProcess:
    folder: Path
    settings: Mapping[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> "DeskProcess":
        self.folder.mkdir(exist_ok=True)
        with self._log.open("wb") as log, self._complaints.open("wb") as complaints:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runtime", "desk"],
                cwd=ROOT,
                env=environment(
                    **{**USUAL, "HOLDFAST_SPOOL_DIR": str(self.folder / "spool"), **self.settings}
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=complaints,
            )
        return self

    def events(self, name: str = "") -> list[dict[str, Any]]:
        lines = self._log.read_text(encoding="utf-8").splitlines(keepends=True)
        said = [json.loads(line) for line in lines if line.endswith("\n")]
        return [each for each in said if name in ("", each["event"])]

    def await_event(self, name: str) -> dict[str, Any]:
        heard = processes.wait_until(lambda: bool(self.events(name)), seconds_max=SECONDS_MAX)
        assert heard, (name, self.events(), self.complaint)
        return self.events(name)[0]

    @property
    def complaint(self) -> str:
        return self._complaints.read_text(encoding="utf-8")

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.await_end()

    def await_end(self) -> int:
        return self.process.wait(timeout=SECONDS_MAX)

    def end(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.kill()

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    @property
    def _complaints(self) -> Path:
        return self.folder / "complaints"


@contextmanager
def running(folder: Path, rig: Rig, **settings: str) -> Iterator[DeskProcess]:
    """One that was started and is ended whatever happens; the ladder bot must be enrolled."""
    given = {**settings_for(rig.database.url("holdfast_bot"), rig.venue), **settings}
    desk = DeskProcess(folder, given).start()
    try:
        yield desk
    finally:
        desk.end()
