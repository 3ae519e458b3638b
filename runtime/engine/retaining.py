"""The retention job: summarise what is over, then take away what is too old, one batch and one transaction at a time.

Last come the versions of models beyond the newest ones, and bytes that no model names any more.

It may be killed between any two lines: the next run begins at the oldest row that is still there. It ends when its time
is over and says what is left. No row goes of a bot's day that has no settled summary.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from runtime.artefacts.places import Folder
from runtime.domain.identity import UserId
from runtime.domain.retention import Rule, midnight
from runtime.store import retention
from runtime.store.models import DATABASE
from runtime.store.pool import Store
from runtime.store.retention import Known, Series

_NOBODY = UUID(int=0)
DAYS_AT_ONCE = 7
ROWS_AT_ONCE = 5000
# Rows of models are few, but their bytes are many.
MODELS_AT_ONCE = 100
MODELS_KEPT = 20
# The bytes of a model are there before a model names them.
UNNAMED_AFTER = timedelta(days=1)


@dataclass(slots=True)
class Job:
    """`open_store` gives the store of a tenant, `open_folder` its folder of artefacts if any; `is_over` says that the
    time is up; `tell` is told how far it came."""

    open_store: Callable[[UserId], AbstractContextManager[Store]]
    rule: Rule
    today: date
    is_over: Callable[[], bool]
    tell: Callable[[str], None]
    rows_at_once: int = ROWS_AT_ONCE
    models_kept: int = MODELS_KEPT
    open_folder: Callable[[UserId], Folder | None] = lambda _: None
    days_written: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)


def summarise(job: Job, tenants: list[tuple[UserId, str]]) -> None:
    """Every day of every bot that is over; what an earlier run settled is not touched."""
    for tenant, name in tenants:
        with job.open_store(tenant) as store:
            for bot in _bots(store):
                _summarise_bot(job, store, bot, name)


def retain(job: Job, tenants: list[tuple[UserId, str]]) -> None:
    for tenant, name in tenants:
        with job.open_store(tenant) as store:
            for bot in _bots(store):
                _summarise_bot(job, store, bot, name)
                ends_at = midnight(_first_open_day(job, store, bot))
                for series in retention.series_of_bot(bot.bot_id):
                    _take(job, store, series, f"{bot.name} of user {name}", ends_at)
                _thin_models(job, store, bot, name)
            for series in _series_of_accounts(store):
                _take(job, store, series, f"user {name}", midnight(job.today))
            _clear_artefacts(job, store, tenant, name)


def load_tenants(job: Job) -> list[tuple[UserId, str]]:
    """Whoever is asked for: the role sees who there is as any tenant."""
    with job.open_store(UserId(_NOBODY)) as store:
        with store.single("see who we are") as tx:
            retention.require_role(tx)
        with store.single("look for the tenants") as tx:
            return retention.load_tenants(tx)


def _bots(store: Store) -> list[Known]:
    with store.single("look for the bots") as tx:
        return retention.load_bots(tx)


def _series_of_accounts(store: Store) -> list[Series]:
    with store.single("look for the accounts") as tx:
        accounts = retention.load_accounts(tx)
    found = list[Series]()
    for account in accounts:
        with store.transaction("look for the series") as tx:
            found += retention.load_series_of_account(tx, account)
    return found


def _summarise_bot(job: Job, store: Store, bot: Known, user: str) -> None:
    yesterday, written = job.today - timedelta(days=1), bot.first_day
    while not job.is_over():
        rest = Known(bot.bot_id, bot.name, written)
        with store.single("look for days without a summary") as tx:
            days = retention.load_open_days(tx, rest, yesterday, DAYS_AT_ONCE)
        if not days:
            return
        with store.single("summarise days") as tx:
            retention.write_days(tx, bot.bot_id, days)
        written, job.days_written = days[-1] + timedelta(days=1), job.days_written + len(days)
        job.tell(f"summarised {bot.name} of user {user} up to {days[-1]}")
    _leave(job, f"summaries of {bot.name} of user {user}")


def _first_open_day(job: Job, store: Store, bot: Known) -> date:
    """Before it every day has the summary that it will keep."""
    with store.single("look for days without a summary") as tx:
        days = retention.load_open_days(tx, bot, job.today, 1)
    return days[0] if days else job.today


def _take(job: Job, store: Store, series: Series, whose: str, ends_at: datetime) -> None:
    before = min(ends_at, job.rule.ends_at(series.kind, job.today))
    after: datetime | None = retention.BEGINNING
    while after is not None and not job.is_over():
        with store.single(f"take old rows out of {series.table}") as tx:
            after, gone = retention.take(tx, series, after=after, before=before, count=job.rows_at_once)
        job.taken[series.table] += gone
        if gone:
            job.tell(f"took {job.taken[series.table]:,} out of {series.table}, now of {whose}")
    if after is not None:
        _leave(job, f"{series.table} of {whose}")


def _thin_models(job: Job, store: Store, bot: Known, user: str) -> None:
    gone = None
    while gone != 0 and not job.is_over():
        with store.single("take models that nobody goes back to") as tx:
            gone = retention.take_models(tx, bot.bot_id, kept=job.models_kept, count=MODELS_AT_ONCE)
        job.taken["models"] += gone
        if gone:
            job.tell(f"took {job.taken['models']:,} versions of models, now of {bot.name} of user {user}")
    if gone != 0:
        _leave(job, f"models of {bot.name} of user {user}")


def _clear_artefacts(job: Job, store: Store, tenant: UserId, user: str) -> None:
    """Files first: a job that is killed then finds their rows again."""
    folder, before = job.open_folder(tenant), datetime.now(UTC) - UNNAMED_AFTER
    after: str | None = ""
    while after is not None and not job.is_over():
        with store.single("look for bytes that no model names") as tx:
            found = retention.load_unnamed(tx, after=after, before=before, count=MODELS_AT_ONCE)
        ready = [
            each.sha256
            for each in found
            if each.place == DATABASE or folder is not None and folder.remove(each.sha256, before=before)
        ]
        if ready:
            with store.single("take bytes that no model names") as tx:
                job.taken["artefacts"] += retention.take_artefacts(tx, ready)
            job.tell(f"took {job.taken['artefacts']:,} artefacts, now of user {user}")
        after = found[-1].sha256 if len(found) == MODELS_AT_ONCE else None
    if after is not None:
        _leave(job, f"artefacts of user {user}")


def _leave(job: Job, what: str) -> None:
    if what not in job.left:
        job.left.append(what)
