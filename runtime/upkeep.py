"""The verbs that keep a database small and well: `db`, `retention`, `maintenance`, and what is left of old days.

It stands between the switchboard and the rooms, as `safekeeping` does. A job goes on where it was killed, ends when its
time is over, and then leaves with an exit code of its own.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from runtime import building, errors, printing
from runtime.artefacts.places import Folder
from runtime.backups.progress import Progress, megabytes
from runtime.domain.identity import UserId
from runtime.domain.retention import Kind, Rule
from runtime.engine import retaining
from runtime.engine.retaining import Job
from runtime.settings import Settings
from runtime.store import schema, summaries, upkeep
from runtime.store.pool import Store
from runtime.store.timing import Timing
from runtime.store.upkeep import Picture
from runtime.telemetry import tasks

# Longer than any batch may take; a statement that needs more is cut off and its batch undone.
_STATEMENT_SECONDS = 300.0
_JOB_SECONDS = 600.0
_JOB_SECONDS_MAX = 86400.0
_SHOWN_MAX = 1000

Role = Callable[[Settings, argparse.Namespace], int]
AddRole = Callable[[str, Role, str], argparse.ArgumentParser]


def add_roles(role: AddRole) -> None:
    added = role("db", show_database, "how large the database is and how well: tables, rows, connections")
    added.add_argument("--json", action="store_true")
    _add_seconds(role("retention", retain, "summarise what is over, and take away what is too old"))
    _add_seconds(
        role("maintenance", maintain, "vacuum and analyze the tables that need it; nothing is reindexed")
    )


def add_history(added: argparse.ArgumentParser) -> None:
    """What `history` can do besides naming revisions."""
    added.add_argument(
        "what", nargs="?", choices=("revisions", "summarise", "days", "lives"), default="revisions"
    )
    added.add_argument("--bot", help="of this bot alone, for days and lives")
    _add_seconds(added)


def _add_seconds(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--seconds", type=_seconds, default=_JOB_SECONDS, help=f"its time (default: {_JOB_SECONDS:g})"
    )
    added.add_argument("--json", action="store_true")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= _JOB_SECONDS_MAX:
        raise argparse.ArgumentTypeError(
            f"{text!r:.40} is not a number of seconds from 0 to {_JOB_SECONDS_MAX:g}"
        )
    return seconds


# --- jobs ------------------------------------------------------------------------------------------------------------


def retain(settings: Settings, args: argparse.Namespace) -> int:
    with _job(settings, args) as job:
        retaining.retain(job, retaining.load_tenants(job))
    tasks.tell({tasks.RETENTION_LEFT: len(job.left)}, stage=settings.stage)
    return _report(job, args)


def summarise(settings: Settings, args: argparse.Namespace) -> int:
    with _job(settings, args) as job:
        retaining.summarise(job, retaining.load_tenants(job))
    return _report(job, args)


def maintain(settings: Settings, args: argparse.Namespace) -> int:
    """As whoever owns the tables. A table that is done is not due any more, so a second run goes on."""
    progress, over, tended = Progress(), _deadline(args.seconds), list[str]()
    with building.databases(settings) as database:
        address = database("admin")
        schema.require_current(address)
        due = [each.name for each in upkeep.load_due(address)]
        while due and not over():
            progress.tell(f"tending {due[0]}")
            upkeep.tend(address, due[0])
            tended.append(due.pop(0))
    if args.json:
        printing.print_json({"tended": tended, "left": due})
    else:
        print(f"Vacuumed and analyzed {', '.join(tended) or 'nothing: no table needs it'}.")
    if due:
        raise errors.MoreIsLeft(left=", ".join(due))
    return 0


@contextmanager
def _job(settings: Settings, args: argparse.Namespace) -> Iterator[Job]:
    with building.databases(settings) as database:
        address = database("retention")
        schema.require_current(address)

        def open_store(tenant: UserId) -> Store:
            timing = Timing(slow_seconds=_STATEMENT_SECONDS)
            return Store(address, tenant, pool_max=1, statement_seconds=_STATEMENT_SECONDS, timing=timing)

        def open_folder(tenant: UserId) -> Folder | None:
            place = building.artefacts(settings, tenant)
            return place if isinstance(place, Folder) else None

        yield Job(
            open_store,
            _rule(settings),
            datetime.now(UTC).date(),
            _deadline(args.seconds),
            Progress().tell,
            models_kept=settings.keep_models,
            open_folder=open_folder,
        )


def _rule(settings: Settings) -> Rule:
    return Rule(
        {
            Kind.CANDLES: settings.keep_candles_days,
            Kind.SNAPSHOTS: settings.keep_snapshots_days,
            Kind.MARKS: settings.keep_marks_days,
            Kind.BLOCKED: settings.keep_blocked_days,
            Kind.PREDICTIONS: settings.keep_predictions_days,
            Kind.PROMPTS: settings.keep_prompts_days,
        }
    )


def _deadline(seconds: float) -> Callable[[], bool]:
    ends_at = time.monotonic() + seconds
    return lambda: time.monotonic() >= ends_at


def _report(job: Job, args: argparse.Namespace) -> int:
    taken = {table: count for table, count in job.taken.items() if count}
    if args.json:
        printing.print_json({"summarised": job.days_written, "taken": taken, "left": job.left})
    else:
        print(f"Summarised {job.days_written} day(s) of bots.")
        for table, count in taken.items():
            print(f"Took {count:,} out of {table}.")
    if job.left:
        raise errors.MoreIsLeft(left=", ".join(job.left))
    return 0


# --- what is there ---------------------------------------------------------------------------------------------------


def show_database(settings: Settings, args: argparse.Namespace) -> int:
    with building.databases(settings) as database:
        address = database("admin")
        schema.require_current(address)
        picture = upkeep.look(address, settings.slow_query_seconds)
    if args.json:
        printing.print_json(picture.told())
        return 0
    for line in database_lines(picture):
        print(line)
    print()
    _print_tables(picture)
    printing.print_table(
        ("connections", "of", "state", "count"),
        [(role, program, state, str(count)) for role, program, state, count, _ in picture.connections],
    )
    printing.print_table(
        ("running", "of", "seconds", "waits for"),
        [(f"pid {pid}", role, f"{seconds:.1f}", waits) for pid, role, _, seconds, waits in picture.running],
    )
    _print_slow(picture)
    return 0


def database_lines(picture: Picture) -> Sequence[str]:
    """The whole in a few lines: for the terminal, and for a chat."""
    used = sum(row[3] for row in picture.connections)
    dead = sum(each.dead_rows for each in picture.tables)
    due = [each.name for each in picture.tables if each.is_due]
    return (
        f"{picture.database}: {megabytes(picture.bytes)}, schema {picture.revision}, PostgreSQL {picture.server}",
        f"connections: {used} of {picture.connections_max}",
        f"dead rows: {dead:,}; maintenance is due for {', '.join(due) or 'no table'}",
    )


def _print_tables(picture: Picture) -> None:
    def day(instant: datetime | None) -> str:
        return "-" if instant is None else f"{instant:%Y-%m-%d %H:%M}"

    rows = [
        (
            each.name,
            megabytes(each.bytes),
            megabytes(each.index_bytes),
            f"{each.rows:,}",
            f"{each.dead_rows:,}",
            day(each.vacuumed_at),
            (picture.oldest.get(each.name) or "-")[:10],
        )
        for each in picture.tables
    ]
    printing.print_table(("table", "size", "of it indexes", "rows", "dead", "vacuumed", "oldest row"), rows)


def _print_slow(picture: Picture) -> None:
    if picture.slow is None:
        print(
            "This server does not count statements (pg_stat_statements); desks name slow ones in their log."
        )
        return
    printing.print_table(
        ("slowest statements", "calls", "mean ms", "max ms"),
        [
            (
                " ".join(each["query"].split())[:60],
                str(each["calls"]),
                f"{1000 * each['mean_seconds']:.1f}",
                f"{1000 * each['max_seconds']:.1f}",
            )
            for each in picture.slow
        ],
    )


def show_summaries(settings: Settings, args: argparse.Namespace) -> int:
    """`history days` and `history lives`: what is left of them, newest first."""
    kind = {"days": "day", "lives": "life"}[args.what]
    with building.opened_store(settings) as store, store.snapshot("read summaries") as tx:
        found = summaries.load(tx, kind, args.bot, _SHOWN_MAX)
    if args.json:
        printing.print_json([each.told() for each in found])
        return 0
    rows = [
        (each.bot, each.name if kind == "day" else f"{each.to_at:%Y-%m-%d %H:%M}", *_cells(each.facts))
        for each in found
    ]
    printing.print_table((kind, "", "decisions", "signals", "trades", "result", "equity"), rows)
    return 0


def _cells(facts: Mapping[str, Any]) -> Iterator[str]:
    for name in ("decisions", "signals", "trades"):
        yield str(facts.get(name, {}).get("count", "-"))
    yield str(facts.get("trades", {}).get("result", "-"))
    yield str(facts.get("equity_last") or "-")
