"""What a role is made of: databases, stores, venues and desks, built from the settings.

Beside the switchboard the only module that names concrete classes of more than one room. It reads no environment and
starts nothing; what it opens is closed when its context is left.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from runtime import errors, logs
from runtime.artefacts import places
from runtime.domain.identity import UserId, user_id
from runtime.domain.market import MarketKind
from runtime.domain.status import DeskStatus
from runtime.engine import lease, pulse
from runtime.engine.clock import elapsed_seconds
from runtime.engine.desk import Desk, Pace
from runtime.engine.flushing import Flusher
from runtime.engine.keeping import Observer
from runtime.engine.ledger import Ledger
from runtime.exchanges import registry
from runtime.exchanges.ccxt_adapter import Credentials
from runtime.exchanges.port import Exchange
from runtime.local import postgres
from runtime.settings import Secret, Settings
from runtime.spool import exits
from runtime.spool.exits import Exits
from runtime.spool.folder import aside_bytes, waiting_bytes
from runtime.spool.spool import Spool
from runtime.store import access, bots, roles, schema, status
from runtime.store.bots import Account
from runtime.store.pool import Store
from runtime.store.timing import Timing
from runtime.strategies import catalogue
from runtime.telemetry import emf, prometheus, table
from runtime.telemetry.meters import Meters


@contextmanager
def databases(settings: Settings) -> Iterator[Callable[[str], Secret]]:
    """Where the database is, for a role of it: DATABASE_URL if given, else the embedded server while we live."""
    given = settings.database_url
    if given is not None:
        admission = _access(settings, given)
        yield lambda _: admission
        return
    with postgres.open_server(settings.data_dir / "postgres") as server:
        yield lambda role: Secret(server.url() if role == "admin" else server.url(f"holdfast_{role}"))


def make_roles(settings: Settings) -> None:
    """Where a master user has to: on RDS, before the first migration. Nothing is done without its secret."""
    url, secret_arn = settings.database_url, settings.database_master_secret
    if url is not None and secret_arn is not None:
        roles.make_roles(access.master(url, ca=settings.database_ca, secret_arn=secret_arn))


def _access(settings: Settings, url: Secret) -> access.Access:
    password = None
    if settings.database_auth == "iam":
        password = access.tokens(url)
    elif settings.database_password_file is not None:
        password = access.password_file(settings.database_password_file)
    return access.Access(url, ca=settings.database_ca, password=password)


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    with databases(settings) as database:
        schema.require_current(database("bot"))
        with Store(
            database("bot"), user_id(settings.user), statement_seconds=settings.statement_seconds
        ) as store:
            yield store


def build_desk(
    settings: Settings, store: Store, account: Account, held: lease.Lease, stopping: Callable[[], bool]
) -> Desk:
    pace = Pace(
        tick_seconds=settings.tick_seconds,
        request_timeout_seconds=settings.request_timeout_seconds,
        send_within_seconds=settings.send_within_seconds,
        lease_seconds=settings.lease_seconds,
        reconcile_seconds=settings.reconcile_seconds,
        shutdown_seconds=settings.shutdown_seconds,
        store_lost_seconds=settings.store_lost_seconds,
        quote_age_seconds=settings.quote_age_seconds,
        remember_seconds=settings.remember_seconds,
        remember_versions=settings.remember_versions,
        artefact_inline_bytes_max=settings.artefact_inline_bytes_max,
    )
    return Desk(
        account=account,
        lease=held,
        store=store,
        exchange=open_exchange(settings, account),
        ledger=Ledger(store, held.fence),
        pace=pace,
        build_strategy=catalogue.build,
        stopping=stopping,
        exits=Exits(
            Path(f"{spool_path(settings, account)}{exits.SUFFIX}"),
            held.fence.epoch,
            may_leave=settings.on_store_loss == "reduce_only",
        ),
        artefacts=artefacts(settings, store.tenant),
    )


def spool_path(settings: Settings, account: Account) -> Path:
    return settings.spools_dir / quote(f"{settings.user}-{account.name}", safe="")


def artefacts(settings: Settings, tenant: UserId) -> places.Place:
    """Where a tenant's models lie that are too large for a row."""
    if settings.artefact_bucket is not None:
        return places.Bucket(settings.artefact_bucket, str(tenant))
    return places.Folder(settings.artefacts_dir, str(tenant))


@dataclass(slots=True)
class Leaving:
    """Since when we are leaving, on the clock of elapsed_seconds."""

    asked_at_monotonic: float | None = None


def stop_on_signals(stop: threading.Event, budget_seconds: float) -> Leaving:
    """The first SIGTERM or SIGINT asks the loop to end, and starts the clock that ends it anyway."""
    leaving = Leaving()

    def on_stop(*_: object) -> None:
        leaving.asked_at_monotonic = leaving.asked_at_monotonic or elapsed_seconds()
        stop.set()
        signal.setitimer(signal.ITIMER_REAL, budget_seconds)

    def on_alarm(*_: object) -> None:
        raise errors.ShutdownOverrun(seconds=f"{budget_seconds:g}")

    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGINT, on_stop)
    signal.signal(signal.SIGALRM, on_alarm)
    return leaving


def end_with_a_thread(died: threading.ExceptHookArgs) -> None:
    """A thread that met a defect leaves its work undone, and nobody sees it. So the process ends, as by a crash, which
    costs nothing, and whoever watches over it starts it again."""
    logs.error("a thread met a defect; the process ends", thread=died.thread.name if died.thread else None)
    logs.tell_crash(died.exc_type, died.exc_value or died.exc_type(), died.exc_traceback)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(errors.BrokenInvariant.exit_code)


@contextmanager
def told(settings: Settings, desk: Desk, meters: Meters, leaving: Leaving) -> Iterator[None]:
    """What the desk measures is told while it lives, and once more at its end, whatever ends it."""
    writer = emf.Writer(
        meters,
        stage=settings.stage,
        desk=settings.desk or desk.account.name,
        every_seconds=settings.metrics_seconds,
    )
    desk.meters, desk.writer = meters, writer
    desk.pulse = pulse.Pulse(
        pulse.path_in(settings.pulse_dir, settings.user, desk.account.name), settings.lease_seconds
    )
    with ExitStack() as open_while_told:
        if settings.metrics_port is not None:
            served = prometheus.served(meters, settings.metrics_host, settings.metrics_port)
            logs.info("metrics are served", port=open_while_told.enter_context(served))
        try:
            yield
        finally:
            desk.pulse.end()
            if leaving.asked_at_monotonic is not None:
                meters.set(table.SHUTDOWN_SECONDS, elapsed_seconds() - leaving.asked_at_monotonic)
            writer.flush()


@contextmanager
def observed(settings: Settings, desk: Desk, address: Secret, meters: Meters) -> Iterator[None]:
    """What the desk sees and thinks is kept while it lives, and carried into PostgreSQL beside it."""
    path = spool_path(settings, desk.account)
    observer = Observer(lambda: Spool(path, bytes_max=settings.spool_megabytes_max << 20), meters)
    observer.open()
    desk.observer = observer
    # A batch is many statements' worth: neither its time nor its slowness says anything of the desk's own.
    timing = Timing(slow_seconds=settings.statement_seconds)
    tenant, seconds = user_id(settings.user), settings.statement_seconds
    with Store(address, tenant, pool_max=1, statement_seconds=seconds, timing=timing) as store:
        flusher = Flusher(observer, store, desk.account.account_id)
        flusher.start()
        try:
            yield
        finally:
            flusher.stop(settings.shutdown_seconds / 4)
            observer.close()


def spool_folders(settings: Settings) -> list[str]:
    """A sentence for each spool on this machine."""
    base = settings.spools_dir
    found = sorted(each for each in base.iterdir() if each.is_dir()) if base.is_dir() else []
    folders = [each for each in found if each.suffix != exits.SUFFIX]
    return [
        f"exits of {each.stem}: {count} left while PostgreSQL was away, and its desk has not started since"
        for each in found
        if each.suffix == exits.SUFFIX and (count := len(Exits(each, 0, may_leave=False).waiting()))
    ] + [
        f"spool {each.name}: {waiting_bytes(each):,} bytes in segments, {aside_bytes(each):,} bytes set aside"
        for each in folders
    ]


def open_exchange(settings: Settings, account: Account) -> Exchange:
    if not account.paper and not settings.live:
        raise errors.VenueUnsafe(
            venue=account.venue,
            detail=f"account {account.name} is a live one and HOLDFAST_LIVE is not yes",
            remedy="Set HOLDFAST_LIVE=yes to trade with real money.",
        )
    if account.paper and settings.venue_url is None:
        raise errors.VenueUnsafe(
            venue=account.venue,
            detail=f"account {account.name} is for paper and HOLDFAST_VENUE_URL does not name a simulator",
            remedy="Start `python -m runtime simulator` and set HOLDFAST_VENUE_URL to its address.",
        )
    missing = Secret("")
    credentials = Credentials(
        key=settings.venue_key or missing,
        secret=settings.venue_secret or missing,
        passphrase=settings.venue_passphrase or missing,
    )
    return registry.open_exchange(
        account.venue,
        MarketKind(account.kind),
        credentials,
        base_url=settings.venue_url if account.paper else None,
        live=not account.paper,
        request_timeout_seconds=settings.request_timeout_seconds,
    )


def find_account(store: Store, settings: Settings) -> Account:
    accounts = load_accounts(store)
    names = (
        ", ".join(account.name for account in accounts)
        or "none; enrol one with `python -m runtime enrol FILE`"
    )
    if settings.account is None:
        raise errors.BadSettings(count=1, faults=f"HOLDFAST_ACCOUNT must name one of the accounts: {names}.")
    for account in accounts:
        if account.name == settings.account:
            return account
    detail = f"HOLDFAST_ACCOUNT is {settings.account!r:.60}; user {settings.user} has the accounts: {names}."
    raise errors.BadSettings(count=1, faults=detail)


def load_accounts(store: Store) -> list[Account]:
    with store.transaction("look for the accounts") as tx:
        loaded = [bots.load_account(tx, name) for name in bots.load_account_names(tx)]
    return [account for account in loaded if account is not None]


def load_desks(store: Store) -> tuple[DeskStatus, ...]:
    with store.transaction("look at the desks") as tx:
        return status.load_desks(tx, lease.is_dead)
