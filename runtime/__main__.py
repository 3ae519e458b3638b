"""The switchboard: reads the settings and the command line, builds what one role needs, and starts it.

The only module that names concrete classes of more than one room. Every error leaves as one sentence and an exit code.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from rich.console import Console

from runtime import (
    building,
    errors,
    following,
    learned,
    logs,
    notifying,
    reporting,
    safekeeping,
    signing,
    upkeep,
)
from runtime.domain.identity import bot_id, user_id
from runtime.domain.status import DeskStatus, Overview, ProcessStatus
from runtime.engine import enrolment, lease, loop, recovery, scoring, verifying
from runtime.local import postgres, samples, supervisor, terminal
from runtime.settings import Secret, Settings
from runtime.simulator import cli as simulator_cli
from runtime.simulator.config import SPEED_MAX
from runtime.store import bots, operations, schema
from runtime.store.pool import Store
from runtime.store.timing import Timing
from runtime.strategies import catalogue
from runtime.telemetry import tasks
from runtime.telemetry.meters import Meters

SCHEMA_FILE = Path(__file__).parent / "store" / "schema.sql"

# How often the sample bots are ranked.
SCORE_SECONDS = 60.0

Role = Callable[[Settings, argparse.Namespace], int]


# --- roles -----------------------------------------------------------------------------------------------------------


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Embedded PostgreSQL, migrations, simulator, sample desks, and a live view of them."""
    file = enrolment.read(args.desks, catalogue.build)
    stop = threading.Event()
    with building.databases(settings) as database:
        schema.upgrade(database("admin"))
        user = enrolment.enrol(database("admin"), file)
        accounts = [account.name for account in file.accounts]
        children = samples.children(settings.data_dir, file.user, accounts, seed=args.seed, speed=args.speed)
        port = signing.port_of(settings)
        children.append(samples.api(settings.data_dir, file.user, port))
        print(f"The page, signed in once: {signing.address_of_page(settings, file.user)}", flush=True)
        with (
            Store(database("bot"), user) as store,
            terminal.Screen(Console()) as screen,
            scoring.regularly(store, SCORE_SECONDS),
        ):
            view = _View(settings, store, screen)
            return supervisor.supervise(
                settings.data_dir,
                children,
                view.show,
                stop,
                environ=os.environ,
                tick_seconds=1.0,
                before_start=lambda: samples.require_free_ports(settings.data_dir, port),
            )


@dataclass(slots=True)
class _View:
    """What the terminal shows of all desks. It outlives the server: while that is away the last picture stands."""

    settings: Settings
    store: Store
    screen: terminal.Screen
    desks: tuple[DeskStatus, ...] = ()

    def show(self, processes: tuple[ProcessStatus, ...]) -> None:
        now = datetime.now(UTC)
        try:
            self.desks = building.load_desks(self.store)
        except errors.StoreUnavailable as fault:
            away = ProcessStatus("postgresql", None, "is away", 0, str(fault))
            self.screen.show(Overview(now, self.desks, (*processes, away)), now)
            with building.databases(self.settings):  # started again here if its keeper was killed too
                return
        self.screen.show(Overview(now, self.desks, processes), now)


def run_desk(settings: Settings, args: argparse.Namespace) -> int:
    """Trade one account until told to stop."""
    stop, meters = threading.Event(), Meters()
    leaving = building.stop_on_signals(stop, settings.shutdown_seconds)
    logs.start(settings.log_level)
    threading.excepthook = building.end_with_a_thread
    with building.databases(settings) as database:
        schema.require_current(database("bot"))
        with Store(
            database("bot"),
            user_id(settings.user),
            pool_max=settings.database_pool_max,
            statement_seconds=settings.statement_seconds,
            timing=Timing(meters, settings.slow_query_seconds),
        ) as store:
            account = building.find_account(store, settings)
            held = lease.acquire(store, account.account_id, account.name, settings.lease_seconds)
            desk = building.build_desk(settings, store, account, held, stop.is_set)
            with (
                building.told(settings, desk, meters, leaving),
                building.observed(settings, desk, database("bot"), meters),
                notifying.notified(settings, account.name, meters),
            ):
                try:
                    loop.run(desk, stop)
                finally:
                    desk.exchange.close()
                held.release()
    logs.info("stopped", account=account.name)
    return 0


def run_simulator(_: Settings, args: argparse.Namespace) -> int:
    return simulator_cli.run(args)


def migrate(settings: Settings, args: argparse.Namespace) -> int:
    if args.sql:
        print(schema.render_sql(args.revision))
        return 0
    with tasks.counted(tasks.MIGRATIONS_FAILED, stage=settings.stage):
        building.make_roles(settings)
        with building.databases(settings) as database:
            url = database("admin")
            before = schema.current(url)
            schema.upgrade(url, args.revision)
            print(f"The schema went from {before or 'nothing'} to {schema.current(url)}.")
            if args.samples:
                _enrol(url, enrolment.read(samples.DESKS, catalogue.build))
    return 0


def rollback(settings: Settings, args: argparse.Namespace) -> int:
    with building.databases(settings) as database:
        url = database("admin")
        schema.downgrade(url, args.revision, drop_data=args.drop_data)
        print(f"The schema is at {schema.current(url) or 'nothing'}.")
    return 0


def history(settings: Settings, args: argparse.Namespace) -> int:
    """Of the schema; or what is left of the bots' own."""
    if args.what == "summarise":
        return upkeep.summarise(settings, args)
    if args.what != "revisions":
        return upkeep.show_summaries(settings, args)
    with building.databases(settings) as database:
        for each in schema.history(database("admin")):
            print(f"{each.name}  {'applied' if each.applied else 'pending'}  {each.title}")
    return 0


def write_schema(_: Settings, __: argparse.Namespace) -> int:
    """From an empty database of its own: an older one may have been migrated before a revision was edited."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "postgres"
        with postgres.open_server(data_dir, postgres.Wishes(throw_away=True)) as server:
            schema.upgrade(Secret(server.url()))
            SCHEMA_FILE.write_text(schema.dump(Secret(server.url())), encoding="utf-8")
            postgres.stop_server(data_dir)
    print(f"Wrote {SCHEMA_FILE.name}.")
    return 0


def enrol(settings: Settings, args: argparse.Namespace) -> int:
    # Read first: a file that is wrong leaves nothing behind, not even an empty database.
    file = enrolment.read(args.desks, catalogue.build)
    with building.databases(settings) as database:
        _enrol(database("admin"), file)
    return 0


def _enrol(url: Secret, file: enrolment.DeskFile) -> None:
    enrolment.enrol(url, file)
    print(f"Enrolled {', '.join(account.name for account in file.accounts)} of user {file.user}.")


def verify(settings: Settings, _: argparse.Namespace) -> int:
    """Recompute positions and trades from fills, and walk the chain of events."""
    wrong = 0
    with building.opened_store(settings) as store:
        for account in building.load_accounts(store):
            differences = verifying.verify(store, account.account_id)
            wrong += len(differences)
            print(f"{account.name}: {len(differences)} difference(s)")
            for sentence in differences:
                print(f"  {sentence}")
    return _all_well(wrong)


def show_status(settings: Settings, args: argparse.Namespace) -> int:
    with building.opened_store(settings) as store:
        now = datetime.now(UTC)
        overview = Overview(now, building.load_desks(store), ())
    faults = terminal.find_faults(overview, now, tick_age_seconds_max=args.tick_age_seconds_max)
    if args.json:
        print(json.dumps({"healthy": not faults, "faults": faults}, default=str))
    else:
        Console().print(terminal.render(overview, now))
    return _all_well(len(faults) or not overview.desks)


def check_account(settings: Settings, _: argparse.Namespace) -> int:
    """Compare an account with the ledger and change nothing."""
    with building.opened_store(settings) as store:
        account = building.find_account(store, settings)
        desk = building.build_desk(
            settings, store, account, lease.unheld(store, account.account_id), lambda: True
        )
        findings = recovery.look(desk)
        for finding in findings:
            print(f"{finding.reaction}: {finding.sentence}")
    print(f"{account.name}: {len(findings)} finding(s)")
    return _all_well(len(findings))


def repair(settings: Settings, _: argparse.Namespace) -> int:
    """Take the lease, recover once, say what was proved, and leave."""
    with building.opened_store(settings) as store:
        account = building.find_account(store, settings)
        held = lease.acquire(store, account.account_id, account.name, settings.lease_seconds)
        try:
            report = recovery.recover(building.build_desk(settings, store, account, held, lambda: True))
        finally:
            held.release()
    print(f"{account.name}: {report.reconciliation.summary}")
    for sentence in (*report.reconciliation.findings, *report.remembered):
        print(f"  {sentence}")
    return _all_well(0 if report.reconciliation.clean else max(1, len(report.reconciliation.findings)))


def command(settings: Settings, args: argparse.Namespace) -> int:
    """Ask a desk for something; it obeys at its next tick."""
    arguments = {
        name: value for name in ("client_order_id", "venue_id") if (value := getattr(args, name)) is not None
    }
    with building.opened_store(settings) as store:
        account = building.find_account(store, settings)
        bot = bot_id(account.account_id, args.bot) if args.bot else None
        with store.single("look for the bot") as tx:
            known = {row.bot_id for row in bots.load_bots(tx, account.account_id)}
        if bot is not None and bot not in known:
            raise errors.InvalidCommand(verb=args.verb, detail=f"{account.name} has no bot {args.bot!r:.60}")
        with store.single("record the command") as tx:
            recorded = operations.record_command(
                tx,
                account.account_id,
                bot,
                args.verb,
                arguments=arguments,
                requested_by=settings.user,
                reason=args.reason,
                key=args.key or f"{args.verb}:{datetime.now(UTC).isoformat()}",
            )
    print(
        f"Recorded {args.verb} as {recorded}."
        if recorded
        else f"{args.key!r} was recorded before; nothing is done."
    )
    return 0


def _all_well(faults: int) -> int:
    if faults:
        raise errors.NotAllWell(count=int(faults))
    return 0


def stop_all(settings: Settings, _: argparse.Namespace) -> int:
    stopped = supervisor.stop_supervisor(settings.data_dir)
    server = postgres.stop_server(settings.data_dir / "postgres")
    print("Stopped." if stopped or server else "Nothing was running.")
    return 0


def psql(settings: Settings, args: argparse.Namespace) -> int:
    """A console on the embedded PostgreSQL, as its superuser."""
    with postgres.open_server(settings.data_dir / "postgres") as server:
        argv = [str(server.program("psql")), server.url(), *args.arguments]
        return os.spawnv(os.P_WAIT, argv[0], argv)


def doctor(settings: Settings, _: argparse.Namespace) -> int:
    """Says what this machine and this data folder look like."""
    state = postgres.server_state(settings.data_dir / "postgres")
    print(f"python {sys.version.split()[0]}, data folder {settings.data_dir.resolve()}")
    print(f"embedded PostgreSQL: {state}")
    print(f"supervisor: {supervisor.find_supervisor(settings.data_dir) or 'not running'}")
    for spool in building.spool_folders(settings):
        print(spool)
    print(f"DATABASE_URL: {'set' if settings.database_url else 'not set, the embedded server is used'}")
    with building.databases(settings) as database:
        url = database("bot")
        print(f"schema: {schema.current(url) or 'empty'}, this program needs {schema.head()}")
    return 0


# --- the command line ------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m runtime", description="Holdfast: a bot that can be killed at any instant."
    )
    roles = top.add_subparsers(dest="role", required=True, metavar="ROLE")

    def role(name: str, act: Role, text: str) -> argparse.ArgumentParser:
        added = roles.add_parser(name, help=text, description=text)
        added.set_defaults(act=act)
        return added

    _add_run(role("run", run, "PostgreSQL, simulator and sample desks on this machine, with a live view"))
    role("desk", run_desk, "trade the account that HOLDFAST_ACCOUNT names")
    simulator_cli.add_arguments(
        role("simulator", run_simulator, "a venue with paper money that speaks Bitget's REST")
    )
    added = role("migrate", migrate, "bring the schema up to a revision (default: the newest)")
    added.add_argument("revision", nargs="?", default="head")
    added.add_argument("--sql", action="store_true", help="print the script instead of running it")
    added.add_argument(
        "--samples", action="store_true", help="enrol the sample desks, which trade on paper, too"
    )
    added = role("rollback", rollback, "take the schema back to a revision; `base` is the empty one")
    added.add_argument("revision")
    added.add_argument("--drop-data", action="store_true", help="yes, lose the rows that this revision added")
    added = role(
        "history", history, "the schema's revisions; or summarise the bots' days, and show days or lives"
    )
    upkeep.add_history(added)
    role("schema", write_schema, "write runtime/store/schema.sql from the migrated schema")
    added = role("enrol", enrol, "enrol the accounts and bots of a desk file")
    added.add_argument("desks", type=Path)
    role("verify", verify, "recompute positions and trades from fills, and walk the chain of events")
    role("check-account", check_account, "compare the account with the ledger and change nothing")
    role("repair", repair, "recover the account once without trading, and say what was proved")
    _add_command(role("command", command, "ask a desk for something; it obeys at its next tick"))
    _add_reset(
        role("reset", command, "let a bot begin anew at its desk's next tick; what it was is archived")
    )
    added = role(
        "status",
        show_status,
        "what every desk and bot is doing; exit code 0 only if all tick",
    )
    added.add_argument("--json", action="store_true")
    added.add_argument("--tick-age-seconds-max", type=float, default=terminal.TICK_AGE_SECONDS_MAX)
    safekeeping.add_roles(role)
    notifying.add_roles(role)
    reporting.add_roles(role)
    following.add_roles(role)
    upkeep.add_roles(role)
    signing.add_roles(role)
    learned.add_roles(role)
    role("stop", stop_all, "stop everything that `run` started, and the embedded PostgreSQL")
    role("psql", psql, "a console on the embedded PostgreSQL").add_argument(
        "arguments", nargs=argparse.REMAINDER
    )
    role("doctor", doctor, "what this machine and this data folder look like")
    return top


def _add_run(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--desks", type=Path, default=samples.DESKS, help="desk file (default: the sample desks)"
    )
    added.add_argument("--seed", type=int, default=7, help="seed of the simulated prices")
    added.add_argument("--speed", type=_speed, default="20", help="market seconds in a second")


def _speed(written: str) -> str:
    """Refused here already: the simulator is a child, which the supervisor would start again and again."""
    try:
        number = Decimal(written)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{written!r:.40} is not a number") from None
    if not number.is_finite() or not 0 < number <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{written!r:.40} is not above 0 and at most {SPEED_MAX}")
    return written


def _add_command(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "verb", choices=("pause", "resume", "flatten", "cancel", "adopt", "ignore", "close", "reset")
    )
    added.add_argument("--bot", help="the bot's name; without it the whole account is meant")
    added.add_argument("--client-order-id", help="for cancel")
    added.add_argument(
        "--venue-id",
        help="for adopt, ignore and close: the id that the quarantine shows; with cancel: it is gone, I looked",
    )
    added.add_argument("--reason", default="", help="why; it is kept in the audit log")
    added.add_argument("--key", help="the same key is the same wish: it is done once")


def _add_reset(added: argparse.ArgumentParser) -> None:
    added.set_defaults(verb="reset", client_order_id=None, venue_id=None)
    added.add_argument("bot", help="the bot's name, on the account of HOLDFAST_ACCOUNT")
    added.add_argument("--reason", default="", help="why; it is kept in the audit log")
    added.add_argument("--key", help="the same key is the same wish: it is done once")


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    args = parser().parse_args(argv)
    try:
        settings = Settings.from_env(environ)
        logs.keep_out(*settings.secret_texts())
        result: int = args.act(settings, args)
        return result
    except errors.BotError as fault:
        print(logs.redact(f"{type(fault).__name__}: {fault}"), file=sys.stderr)
        return fault.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.excepthook = logs.tell_crash
    sys.exit(main(sys.argv[1:], os.environ))
