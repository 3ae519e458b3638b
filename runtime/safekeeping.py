"""The verbs of backups: what each is told on the command line, and what it is built of.

It stands between the switchboard and the rooms, as `building` does, because backups know neither the ledger nor the
local server. What a drill makes stands in a folder of its own, which is removed whatever happens.
"""

import argparse
import fcntl
import json
import os
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from runtime import building, errors, logs
from runtime.backups import checking, drilling, dump, manifest, programs
from runtime.backups.manifest import Manifest
from runtime.backups.progress import Progress, megabytes
from runtime.backups.restore import Target, restore
from runtime.backups.s3 import Bucket
from runtime.backups.shelf import Folder, Shelf
from runtime.domain.identity import UserId, account_id, user_id
from runtime.domain.market import MarketKind
from runtime.domain.status import ProcessStatus
from runtime.engine import enrolment, sampling, verifying
from runtime.engine.enrolment import AccountEntry, BotEntry, DeskFile
from runtime.local import finder, postgres, samples, supervisor
from runtime.settings import Secret, Settings
from runtime.store import bots, contents, roles, schema
from runtime.store.databases import Databases, beside, environment
from runtime.store.pool import Store
from runtime.store.timing import Timing
from runtime.telemetry import tasks

# Verifying reads a whole ledger: no statement of it is too slow.
_STATEMENT_SECONDS = 3600.0
_TICK_SECONDS_MAX = 120.0
_SAMPLES_MAX = 100_000_000
_DRILL_DATABASE = "drill"
_DRILLER = DeskFile(
    "holdfast-drill",
    (
        AccountEntry(
            "drill",
            "bitget",
            MarketKind.SPOT,
            True,
            (
                BotEntry(
                    "momentum",
                    "momentum",
                    ("BTC/USDT",),
                    {},
                    {
                        "position_quote_max": "5000",
                        "order_quote_max": "2000",
                        "open_orders_max": "5",
                        "daily_loss_quote_max": "500",
                        "cooldown_seconds": "2",
                        "price_collar_ratio": "0.05",
                    },
                ),
            ),
        ),
    ),
)

Role = Callable[[Settings, argparse.Namespace], int]
AddRole = Callable[[str, Role, str], argparse.ArgumentParser]


def add_roles(role: AddRole) -> None:
    _add_shelf(role("backup", backup, "dump the whole ledger, of one instant, into a folder or a bucket"))
    added = role("backups", show_backups, "list the backups, newest last")
    _add_shelf(added)
    added.add_argument("--json", action="store_true")
    added = role("verify-backup", verify_backup, "read a backup back and hold it against its manifest")
    added.add_argument("name", nargs="?", help="which one (default: the newest that was finished)")
    _add_shelf(added)
    added = role("restore", restore_backup, "put a backup into a new database, never over one that is there")
    chosen = added.add_mutually_exclusive_group()
    chosen.add_argument(
        "--at", type=_instant, help="the newest that was taken by this instant, with its zone"
    )
    chosen.add_argument("--from", dest="name", help="this one")
    added.add_argument("--into", required=True, metavar="DATABASE", help="the new database's name")
    _add_shelf(added)
    added = role("drill", drill, "prove a backup: restore, verify and trade on it in a server of its own")
    added.add_argument("--from", dest="name", help="this one (default: the newest that was finished)")
    _add_shelf(added)
    added = role(
        "sample-data",
        make_samples,
        "fill an empty ledger with made-up orders and all that bots see beside them",
    )
    added.add_argument("--orders", type=_count, required=True, help=f"how many, 1 to {_SAMPLES_MAX}")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:12]) <= _SAMPLES_MAX:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number from 1 to {_SAMPLES_MAX}")
    return int(text)


def _add_shelf(added: argparse.ArgumentParser) -> None:
    where = added.add_mutually_exclusive_group()
    where.add_argument("--bucket", help="a bucket of S3")
    where.add_argument("--folder", type=Path, help="a folder (default: `backups` in the data folder)")


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r:.40} is not an instant such as 2026-03-01T12:00Z"
        ) from None
    if instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r:.40} does not say in which zone; add Z for UTC")
    return instant


# --- verbs -----------------------------------------------------------------------------------------------------------


def backup(settings: Settings, args: argparse.Namespace) -> int:
    shelf = _shelf(settings, args)
    with building.databases(settings) as database:
        address = database("admin")
        with contents.snapshot(address) as snapshot:
            program = programs.find("pg_dump", _program_folders(settings), server_major=snapshot.origin.major)
            source = dump.Source(snapshot, environment(address), program)
            made = dump.take(source, shelf, Progress())
    print(made.name)
    _tell_backup(settings, made)
    return 0


def show_backups(settings: Settings, args: argparse.Namespace) -> int:
    listed = checking.load_all(_shelf(settings, args))
    if args.json:
        print(json.dumps([_told(each) for each in listed], default=str))
        return 0
    for each in listed:
        print(_line(each))
    if not listed:
        print("There is no backup yet.")
    return 0


def verify_backup(settings: Settings, args: argparse.Namespace) -> int:
    shelf = _shelf(settings, args)
    made = checking.choose(shelf, name=args.name)
    checking.verify(shelf, made, Progress())
    missing = _missing_artefacts(settings, made)
    if missing:
        raise errors.BackupIncomplete(name=made.name, count=len(missing), detail=manifest.sentence(missing))
    print(
        f"{made.name} is what was written: {made.size} bytes, {made.orders} orders, revision {made.revision}."
    )
    return 0


def restore_backup(settings: Settings, args: argparse.Namespace) -> int:
    shelf = _shelf(settings, args)
    made = checking.choose(shelf, name=args.name, at=args.at)
    with building.databases(settings) as database:
        server = _Server(database("admin"))
        restore(shelf, made, _target(settings, server, args.into, made), Progress())
    print(f"{made.name}, taken at {made.taken_at.isoformat()}, is in the database {args.into}.")
    return 0


def drill(settings: Settings, args: argparse.Namespace) -> int:
    shelf, progress = _shelf(settings, args), Progress()
    made = checking.choose(shelf, name=args.name)
    with _own_folder(settings.data_dir) as folder, postgres.open_server(folder / "postgres") as own:
        try:
            server = _Server(Secret(own.url()), makes_roles=True)
            target = _target(settings, server, _DRILL_DATABASE, made)
            steps = drilling.Steps(
                restore=lambda: restore(shelf, made, target, progress),
                verify=lambda: _verify_all(own, progress),
                trade=lambda: _trade(own, folder),
            )
            report = drilling.drill(made, steps, progress)
        finally:
            postgres.stop_server(folder / "postgres")
    seconds = ", ".join(f"{step} {took:.1f} s" for step, took in report.seconds.items())
    print(f"{made.name} is proved in {report.restored_seconds:.1f} s ({seconds}), {report.orders} orders.")
    tasks.tell({tasks.DRILL_AGE_DAYS: 0.0}, stage=settings.stage)
    return 0


def make_samples(settings: Settings, args: argparse.Namespace) -> int:
    progress = Progress()
    with building.databases(settings) as database:
        schema.require_current(database("admin"))
        sampling.make(
            database("admin"),
            args.orders,
            lambda made: progress.tell(f"wrote {made:,} of {args.orders:,} orders"),
            lambda table, rows: progress.done(f"wrote {rows:,} rows of {table}"),
        )
    print(f"Wrote {args.orders} orders of user {sampling.USER}, and what bots would have seen beside them.")
    return 0


# --- what they are made of -------------------------------------------------------------------------------------------


class _Server:
    """What a restore asks of a server; `makes_roles` in one that is ours alone."""

    def __init__(self, admin: Secret, *, makes_roles: bool = False) -> None:
        self._admin = admin
        self._databases = Databases(admin)
        self._makes_roles = makes_roles
        self.exists = self._databases.exists
        self.create = self._databases.create
        self.drop = self._databases.drop
        self.rename = self._databases.rename
        self.major = self._databases.major

    def prepare(self, name: str, role_names: Sequence[str]) -> None:
        if self._makes_roles:
            roles.make_roles(beside(self._admin, name))
        self._databases.make_roles(role_names)

    def environment(self, name: str) -> Mapping[str, str]:
        return environment(beside(self._admin, name))

    def measure(self, name: str) -> dict[str, Any]:
        with contents.snapshot(beside(self._admin, name)) as snapshot:
            return snapshot.measure()

    def migrate(self, name: str) -> None:
        schema.upgrade(beside(self._admin, name))


def _target(settings: Settings, server: _Server, database: str, made: Manifest) -> Target:
    """Its pg_restore must understand both the server and whoever wrote the dump."""
    major = max(server.major(), int(made.dumped_by.partition(".")[0]))
    program = programs.find("pg_restore", _program_folders(settings), server_major=major)
    return Target(server, database, program, [each.name for each in schema.history()])


def _program_folders(settings: Settings) -> list[Path]:
    """The system's first; those of the wheel speak no TLS, so they are none where TLS is demanded."""
    folders = sorted(
        path for pattern in finder.SYSTEM_FOLDERS for path in Path("/").glob(pattern.lstrip("/"))
    )
    on_path = shutil.which("pg_dump")
    folders += [Path(on_path).parent] if on_path else []
    return folders if settings.database_ca else [*folders, *finder.wheel_folders()]


def _shelf(settings: Settings, args: argparse.Namespace) -> Shelf:
    if args.bucket:
        return Bucket(args.bucket, region=os.environ.get("AWS_REGION"))
    return Folder(args.folder or settings.data_dir / "backups")


def _missing_artefacts(settings: Settings, made: Manifest) -> list[str]:
    """Models that lie outside the database are no part of a dump; each is read where these settings say it lies."""
    missing = []
    for path, told in made.contents.get("artefacts", {}).items():
        tenant, _, sha256 = path.partition("/")
        place = building.artefacts(settings, UserId(UUID(tenant)))
        try:
            if place.kind != told["place"]:
                detail = f"it lies in a {told['place']}, and the settings name none"
                raise errors.ArtefactUnusable(sha256=sha256, place=told["place"], detail=detail)
            place.get(sha256)
        except (errors.ArtefactUnusable, errors.ArtefactsUnavailable) as fault:
            missing.append(f"{sha256} of {tenant}: {fault.facts['detail']}")
    return missing


def _tell_backup(settings: Settings, made: Manifest) -> None:
    now = datetime.now(UTC)
    told = {tasks.BACKUP_AGE_HOURS: (now - made.taken_at).total_seconds() / 3600}
    if settings.database_ca is not None:
        told[tasks.CA_DAYS_LEFT] = _ca_days_left(settings.database_ca, now)
    tasks.tell(told, stage=settings.stage)


def _ca_days_left(bundle: Path, now: datetime) -> float:
    ends = [
        ssl.cert_time_to_seconds(str(each["notAfter"]))
        for each in ssl.create_default_context(cafile=str(bundle)).get_ca_certs()
    ]
    return (min(ends) - now.timestamp()) / 86400


def _told(listed: checking.Listed) -> dict[str, object]:
    made = listed.made
    facts = {} if made is None else {
        "taken_at": made.taken_at.isoformat(),
        "size": made.size,
        "orders": made.orders,
        "revision": made.revision,
        "sha256": made.sha256,
    }  # fmt: skip
    return {"name": listed.name, "counts": made is not None, "fault": listed.fault, **facts}


def _line(listed: checking.Listed) -> str:
    made = listed.made
    if made is None:
        return f"{listed.name}  DOES NOT COUNT: {listed.fault}"
    size = megabytes(made.size)
    return f"{made.name}  {made.taken_at:%Y-%m-%d %H:%M:%S}Z  {size:>12}  {made.orders:>12,} orders  {made.revision}"


# --- the drill's own ground ------------------------------------------------------------------------------------------


@contextmanager
def _own_folder(data_dir: Path) -> Iterator[Path]:
    """Empty at first, gone at the end; one drill at a time. What a killed one left is cleared away."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = data_dir / "drill"
    with (data_dir / "drill.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.InvalidCommand(
                verb="drill", detail=f"another drill is under way in {folder}"
            ) from None
        _clear(folder)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            _clear(folder)


def _clear(folder: Path) -> None:
    if folder.exists():
        postgres.stop_server(folder / "postgres")
        shutil.rmtree(folder)


def _verify_all(own: postgres.Server, progress: Progress) -> list[str]:
    """Every account of every tenant, read as a desk reads it."""
    found: list[str] = []
    url = Secret(own.url("holdfast_bot", _DRILL_DATABASE))
    for user, account, name in contents.load_all_accounts(Secret(own.url(database=_DRILL_DATABASE))):
        progress.tell(f"verifying account {name}")
        # Each statement reads a whole account: none is slow, and none is told as slow.
        timing = Timing(slow_seconds=_STATEMENT_SECONDS)
        with Store(url, user, statement_seconds=_STATEMENT_SECONDS, timing=timing) as store:
            found += [f"account {name}: {each}" for each in verifying.verify(store, account)]
    return found


def _trade(own: postgres.Server, folder: Path) -> str | None:
    """A simulated venue and a desk, as processes, until the desk's bot has ticked; why it did not."""
    user = enrolment.enrol(Secret(own.url(database=_DRILL_DATABASE)), _DRILLER)
    account = account_id(user_id(_DRILLER.user), _DRILLER.accounts[0].name)
    url = own.url("holdfast_bot", _DRILL_DATABASE)
    children = samples.children(folder, _DRILLER.user, [_DRILLER.accounts[0].name], seed=7, speed="20")
    stop, ticked, deadline = threading.Event(), threading.Event(), time.monotonic() + _TICK_SECONDS_MAX
    last: list[str] = []
    with Store(Secret(url), user) as store:

        def look(processes: tuple[ProcessStatus, ...]) -> None:
            last[:] = [f"{each.name} {each.state}: {each.last_line}" for each in processes]
            with store.single("look for a tick") as tx:
                if any(bot.ticks for bot in bots.load_bots(tx, account)):
                    ticked.set()
            if ticked.is_set() or time.monotonic() > deadline:
                stop.set()

        supervisor.supervise(folder, children, look, stop, environ=_environment(url), tick_seconds=0.1)
    if ticked.is_set():
        return None
    return logs.redact(f"no tick within {_TICK_SECONDS_MAX:g} s ({'; '.join(last)})")


def _environment(database_url: str) -> dict[str, str]:
    """Ours without what it says of our own database and venue: a drill's desk must not find them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return {**kept, "DATABASE_URL": database_url}
