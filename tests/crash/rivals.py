"""Several processes for one account: a zombie that wakes up too late, many that start at once, and two tenants."""

import inspect
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from runtime.domain.identity import account_id
from runtime.domain.market import MarketKind
from runtime.engine.desk import Desk
from runtime.errors import LeaseHeld
from runtime.exchanges.line import Line, LineConnection
from runtime.settings import Secret
from runtime.store import orders
from runtime.store.pool import Store
from tests.crash.children import Child, fork
from tests.crash.ground import VENUE_ACCOUNTS, Ground
from tests.crash.idling import dump
from tests.crash.judging import PLACE_ORDER, Verdict, judge
from tests.crash.points import Point, Tracer, Untraced
from tests.crash.script import Director
from tests.crash.striking import KILLED, die, end, finish, set_out, start, tail
from tests.crash.trading import Site, directed, read_sheet, trade
from tests.venue import RunningSimulator

LEASE_SECONDS = 1.2
LAPSE_SECONDS_MAX = 20.0
ZOMBIE_ROOMS = (
    "engine/sending",
    "engine/ledger",
    "engine/lease",
    "engine/proof",
    "store/pool",
    "exchanges/ccxt",
)
WAKES = ("early", "late")
STARTS = ("4:new", "4:killed", "8:new", "8:killed")


def _last_line(function: Callable[..., None]) -> str:
    source, first = inspect.getsourcelines(function)
    return f"exchanges/line.py:{first + len(source) - 1}#"


# Behind the last look at the deadline and before the kernel's buffer: nothing of ours can stop a request there.
UNSTOPPABLE = (_last_line(Line.depart), _last_line(LineConnection.send))


def stop_here() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


# --- zombies ---------------------------------------------------------------------------------------------------------


def short_lived(site: Site) -> Site:
    """A lease that runs out while somebody sleeps, and requests that fit into it."""
    pace = replace(
        site.pace, lease_seconds=LEASE_SECONDS, request_timeout_seconds=0.5, send_within_seconds=0.6
    )
    return replace(site, pace=pace)


def zombie_places(lines: Sequence[str]) -> Iterator[str]:
    """From the first line that writes an intent down: the lines that send and the lines that write. `line@wakes`."""
    first = next(at for at, line in enumerate(lines) if line.startswith("engine/sending.py"))
    wakes = itertools.cycle(WAKES)
    yield from (f"{line}@{next(wakes)}" for line in lines[first:] if line.startswith(ZOMBIE_ROOMS))
    # Around the last check before the socket both are tried.
    yield from (
        f"{line}@{each}" for line in lines[first:] if line.startswith("exchanges/door") for each in WAKES
    )


class _Successor(Director):
    """Stops itself after its first turn, so that the zombie may wake up in between."""

    def __init__(self, desk: Desk, venue: RunningSimulator, account: str) -> None:
        super().__init__(desk, venue, account)
        self.has_waited = False

    def wait(self, timeout: float | None = None) -> bool:
        if not self.has_waited:
            self.has_waited = True
            stop_here()
        return super().wait(timeout)


def strike_zombie(ground: Ground, point: Point) -> Verdict:
    """Stopped past its lease while another takes over, then woken: `early` in the other's first turn, or `late`."""
    place, _, wakes = point.place.partition("@")
    site, verdict = short_lived(set_out(ground, point.kind)), Verdict()
    zombie = start(site, directed(ground.venue, site), Tracer(place=place, strike=stop_here))
    verdict.processes += 1
    if not zombie.wait_stopped():
        verdict.reached = False
        finish(ground, site, verdict)
        return verdict
    try:
        await_lapse(ground, site)
        calm = replace(site, pace=replace(site.pace, lease_seconds=30, request_timeout_seconds=5))
        wake = _wake_early if wakes == "early" else _wake_late
        wake(ground, calm, zombie, verdict)
    finally:
        zombie.kill()
    if verdict.late and not place.startswith(UNSTOPPABLE):
        verdict.faults.append("it sent an order although its deadline had passed")
    return verdict


def _wake_late(ground: Ground, site: Site, zombie: Child, verdict: Verdict) -> None:
    end(ground, site, start(site, directed(ground.venue, site)), verdict)
    _wake(ground, site, zombie, verdict)
    awake = Verdict()
    judge(ground, site, awake)
    verdict.lost, verdict.duplicated = awake.lost, awake.duplicated
    verdict.faults += awake.faults


def _wake_early(ground: Ground, site: Site, zombie: Child, verdict: Verdict) -> None:
    successor = start(site, lambda desk: _Successor(desk, ground.venue, site.venue_account))
    try:
        if successor.wait_stopped():
            _wake(ground, site, zombie, verdict)
            successor.signal(signal.SIGCONT)
        end(ground, site, successor, verdict)
    finally:
        successor.kill()


def _wake(ground: Ground, site: Site, zombie: Child, verdict: Verdict) -> None:
    """Nothing that it writes now may be taken; what it still sends is counted at the venue."""
    before, sent = dump(ground, site), len(submissions(ground, site))
    zombie.signal(signal.SIGCONT)
    zombie.wait()
    after = dump(ground, site)
    verdict.stale += len(set(after.splitlines()) ^ set(before.splitlines()))
    verdict.late += len(submissions(ground, site)) - sent


def await_lapse(ground: Ground, site: Site) -> None:
    """Until the lease has run out by the database's own clock."""
    query = "select bool_and(expires_at < clock_timestamp()) from leases where user_id = %s"
    deadline = time.monotonic() + LAPSE_SECONDS_MAX
    while time.monotonic() < deadline:
        row = ground.ledger.execute(query, (site.tenant,)).fetchone()
        if row and row[0] in (True, None):
            return
        time.sleep(0.02)
    raise AssertionError("the lease does not run out")


def submissions(ground: Ground, site: Site) -> list[str]:
    log = ground.venue.control(f"requests?route={PLACE_ORDER}")["log"]
    return [each["client_oid"] for each in log if each["account"] == site.venue_account]


# --- many at once ----------------------------------------------------------------------------------------------------


def strike_starts(ground: Ground, point: Point) -> Verdict:
    """So many processes at once, on an account that is new or whose last holder was killed: one trades."""
    count, _, before = point.place.partition(":")
    site, verdict = set_out(ground, point.kind), Verdict()
    if before == "killed":
        first = start(site, lambda desk: _DiesAfterATurn(desk, ground.venue, site.venue_account))
        verdict.processes += 1
        assert first.wait() == KILLED, tail(site)
    ready, go = os.pipe()
    rivals = [replace(site, folder=_subfolder(site, number)) for number in range(int(count))]
    children = [fork(_at_the_signal(ready, go, rival, ground), rival.log) for rival in rivals]
    os.close(ready)
    os.close(go)
    codes = [child.wait() for child in children]
    verdict.processes += len(codes)
    if sorted(codes) != [0] + [LeaseHeld.exit_code] * (len(codes) - 1):
        verdict.faults.append(f"of {count} one was to trade; they left with {codes}: {tail(rivals[0])}")
    for rival, code in zip(rivals, codes, strict=True):
        verdict.faults += read_sheet(rival).differences if code == 0 else ()
    judge(ground, site, verdict)
    return verdict


def _subfolder(site: Site, number: int) -> Path:
    folder = site.folder / str(number)
    folder.mkdir()
    return folder


def _at_the_signal(ready: int, go: int, site: Site, ground: Ground) -> Callable[[], int]:
    def work() -> int:
        os.close(go)
        os.read(ready, 1)  # the end, when the parent and all who were forked have closed the other side
        return trade(site, Untraced(), directed(ground.venue, site))

    return work


class _DiesAfterATurn(Director):
    def wait(self, timeout: float | None = None) -> bool:
        die()
        return True


# --- two tenants -----------------------------------------------------------------------------------------------------


def strike_tenants(ground: Ground, point: Point) -> Verdict:
    """Two tenants trade side by side under the same names; one is killed, and neither learns of the other."""
    ground.reset()
    sites = [ground.fresh_site(MarketKind(point.kind), account) for account in VENUE_ACCOUNTS]
    verdict = Verdict()
    killed = start(sites[0], directed(ground.venue, sites[0]), Tracer(place=point.place, strike=die))
    other = start(sites[1], directed(ground.venue, sites[1]))
    verdict.reached = killed.wait() == KILLED
    verdict.processes += 1
    end(ground, sites[1], other, verdict)
    finish(ground, sites[0], verdict)
    for site, stranger in (sites, sites[::-1]):
        verdict.faults += _strangers_rows(site, stranger)
    return verdict


def _strangers_rows(site: Site, stranger: Site) -> list[str]:
    def look() -> int:
        account = account_id(stranger.tenant, stranger.account)
        with (
            Store(Secret(site.database_url), site.tenant, pool_max=1) as store,
            store.transaction("look at a stranger's events") as tx,
        ):
            return len(orders.load_events(tx, account, after=0, count=10))

    count = fork(look, site.log).wait()
    return [f"{site.user} sees {count} events of {stranger.user}"] if count else []
