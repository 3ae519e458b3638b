"""One run: a desk is struck somewhere in an order's life, started again, and what is left is judged."""

import os
import signal
import time
from collections.abc import Callable

from psycopg.conninfo import make_conninfo

from runtime import errors
from runtime.domain.market import MarketKind
from tests.crash.children import HUNG, Child, fork
from tests.crash.ground import Ground
from tests.crash.judging import Verdict, judge
from tests.crash.points import Point, Tracer, Untraced
from tests.crash.script import PATIENCE_SECONDS
from tests.crash.trading import MakeDirector, Sheet, Site, directed, read_sheet, trade
from tests.proxy import Proxy

KILLED = -signal.SIGKILL
TAIL = 12
MOMENTS = ("before", "during", "after")
LOSSES = ("message", "answer")
# With these a desk leaves for its supervisor when it cannot even start: it restarts it.
LEAVES = (errors.StoreUnavailable.exit_code, errors.VenueUnavailable.exit_code)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def start(site: Site, make_director: MakeDirector, tracer: Tracer | None = None) -> Child:
    return fork(lambda: trade(site, tracer or Untraced(), make_director), site.log)


def set_out(ground: Ground, kind: str, script: str | None = None) -> Site:
    ground.reset()
    return ground.fresh_site(MarketKind(kind), script=script)


def finish(ground: Ground, site: Site, verdict: Verdict, *, ahead: int | None = None) -> None:
    """Start again, once the last request's window has passed, and let the desk come to the end of its script."""
    ahead = PATIENCE_SECONDS[site.kind] if ahead is None else ahead
    ground.venue.control("server-time", {"offset_seconds": ahead})
    end(ground, site, start(site, directed(ground.venue, site, ahead)), verdict)


def end(ground: Ground, site: Site, child: Child, verdict: Verdict) -> None:
    """The process that must come to its end, and the judgement on what it leaves."""
    code = child.wait()
    verdict.processes += 1
    if code:
        verdict.faults.append(f"it left with {code}: {tail(site)}")
    else:
        verdict.faults += read_sheet(site).differences
    judge(ground, site, verdict)


def note(verdict: Verdict, site: Site, code: int) -> None:
    """The process that was to be struck: killed, or past its end without having come there, or broken."""
    verdict.processes += 1
    verdict.reached = code == KILLED
    if code not in (KILLED, 0):
        verdict.faults.append(f"it {'hung' if code == HUNG else f'left with {code}'}: {tail(site)}")


def tail(site: Site) -> str:
    return " | ".join(site.log.read_text(encoding="utf-8").splitlines()[-TAIL:])


def count_lines(ground: Ground, kind: str, depth: str) -> Sheet:
    """A whole life without a strike, and the lines that it passed."""
    site = set_out(ground, kind)
    child = start(site, directed(ground.venue, site), Tracer(depth=depth))
    code = child.wait()
    assert code == 0, f"the life that is to be struck does not come to its end: {code}, {tail(site)}"
    return read_sheet(site)


def strike_line(ground: Ground, point: Point) -> Verdict:
    """Killed before a line of ours is executed."""
    site, verdict = set_out(ground, point.kind), Verdict()
    child = start(site, directed(ground.venue, site), Tracer(place=point.place, strike=die))
    note(verdict, site, child.wait())
    finish(ground, site, verdict)
    return verdict


def count_messages(ground: Ground, kind: str) -> dict[str, int]:
    """How many messages a whole life sends to PostgreSQL and to the venue."""
    site = set_out(ground, kind)
    sql, http = proxies(ground)
    child = start(via(site, sql, http), directed(ground.venue, site))
    with sql, http:
        code = child.wait()
    assert code == 0, f"the life that is to be struck does not come to its end: {code}, {tail(site)}"
    return {"sql": sql.groups, "http": http.groups}


def strike_message(ground: Ground, point: Point) -> Verdict:
    """Killed before a message leaves, when it has left but is not answered, or before its answer arrives."""
    channel, number, moment = point.place.split(":")
    site, verdict = set_out(ground, point.kind), Verdict()
    sql, http = proxies(ground)
    child = start(via(site, sql, http), directed(ground.venue, site))

    def kill(group: int) -> bool:
        if group != int(number):
            return True
        child.signal(signal.SIGKILL)
        return moment == "during"

    struck = sql if channel == "sql" else http
    if moment == "after":
        struck.after = kill
    else:
        struck.before = kill
    with sql, http:
        code = child.wait()
    note(verdict, site, code)
    finish(ground, site, verdict)
    return verdict


def strike_connection(ground: Ground, point: Point) -> Verdict:
    """The connection breaks, and nobody is killed: the message did not arrive, or it did and its answer does not."""
    channel, number, loss = point.place.split(":")
    site, verdict = set_out(ground, point.kind), Verdict(reached=False)
    sql, http = proxies(ground)

    def cut(group: int) -> bool:
        if group != int(number):
            return True
        verdict.reached = True
        return False

    struck = sql if channel == "sql" else http
    if loss == "answer":
        struck.after = cut
    else:
        struck.before = cut
    child = start(via(site, sql, http), directed(ground.venue, site))
    with sql, http:
        code = child.wait()
    verdict.processes += 1
    if code not in (0, *LEAVES):
        verdict.faults.append(f"it left with {code}: {tail(site)}")
    finish(ground, site, verdict)
    return verdict


def proxies(ground: Ground) -> tuple[Proxy, Proxy]:
    return Proxy(ground.base.socket), Proxy(("127.0.0.1", ground.venue.port))


def via(site: Site, sql: Proxy, http: Proxy) -> Site:
    # Encryption would be asked for first, in a message of its own, and declined.
    plain = {"host": "127.0.0.1", "port": str(sql.port), "sslmode": "disable", "gssencmode": "disable"}
    database_url = make_conninfo(site.database_url, **plain)
    return site.via(database_url=database_url, venue_url=f"http://127.0.0.1:{http.port}")


def timed(run: Callable[[Ground, Point], Verdict], ground: Ground, point: Point) -> Verdict:
    started = time.monotonic()
    verdict = run(ground, point)
    verdict.seconds = time.monotonic() - started
    return verdict
