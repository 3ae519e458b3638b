"""What the runs stand on: a throw-away PostgreSQL, shared by all workers, and a simulator for each of them."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from runtime.domain.market import MarketKind
from runtime.engine import enrolment
from runtime.engine.enrolment import AccountEntry, BotEntry, DeskFile
from runtime.local.folder import SOCKET_NAME
from runtime.local.postgres import Server
from runtime.settings import Secret
from runtime.store import schema
from tests.crash.script import LIMITS, PRICE, SYMBOLS
from tests.crash.trading import PACE, Site
from tests.database import Connection, Database
from tests.postgres_server import fresh_database, session_server
from tests.venue import RunningSimulator, start_simulator

VENUE_ACCOUNTS = ("first", "second")
FUNDS = {"USDT": "1000000"}


@dataclass(frozen=True, slots=True)
class Base:
    """The server and the one database on it in which every run is a tenant's account of its own."""

    server: Server
    database: Database

    @property
    def socket(self) -> Path:
        return Path(self.server.postmaster.socket_dir) / SOCKET_NAME


@dataclass(slots=True)
class Ground:
    """A worker's: nothing of it is shared but the database."""

    base: Base
    worker: int
    folder: Path
    venue: RunningSimulator
    ledger: Connection  # the administrator's: what a judge reads passes no row-level security
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh_site(
        self, kind: MarketKind, venue_account: str = VENUE_ACCOUNTS[0], script: str | None = None
    ) -> Site:
        """A newly enrolled account; the venue must be empty, see `reset`."""
        number = f"{self.worker}-{next(self._numbers)}"
        folder = self.folder / number
        folder.mkdir()
        site = Site(
            folder=folder,
            database_url=self.base.database.url("holdfast_bot"),
            venue_url=self.venue.url,
            user=f"tenant-{number}",
            account="desk",
            venue_account=venue_account,
            kind=kind,
            pace=PACE,
        )
        enrolment.enrol(self.base.database.secret(), _desk_file(site, script or kind.value))
        return site

    def reset(self) -> None:
        """Empty books, no fault, the real time, a price that stands still."""
        self.venue.reset()
        self.venue.control("server-time", {"offset_seconds": 0})
        self.venue.control("price", {"symbol": "BTC/USDT", "price": str(PRICE)})

    def forget(self, site: Site) -> None:
        shutil.rmtree(site.folder)


@contextmanager
def open_base() -> Iterator[Base]:
    with session_server() as server:
        url = fresh_database(server)
        schema.upgrade(Secret(url))
        yield Base(server, Database(server, str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])))


@contextmanager
def open_ground(base: Base, worker: int) -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="holdfast-crash-") as name, base.database.connect() as ledger:
        folder = Path(name)
        venue = start_simulator(folder, clock="manual")
        try:
            for account in VENUE_ACCOUNTS:
                keys = {part: f"{account}-{part}" for part in ("key", "secret", "passphrase")}
                venue.control("accounts", {"name": account, **keys, "spot": FUNDS, "mix": FUNDS})
            yield Ground(base, worker, folder, venue, ledger)
        finally:
            venue.close()


def _desk_file(site: Site, script: str) -> DeskFile:
    bot = BotEntry("bot", "scripted", (SYMBOLS[site.kind],), {"script": script}, LIMITS)
    return DeskFile(site.user, (AccountEntry(site.account, "bitget", site.kind, True, (bot,)),))
