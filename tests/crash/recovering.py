"""The first start after a crash is killed itself, at each line it executes."""

from collections.abc import Callable, Sequence
from typing import Any

from runtime.domain.market import Answer
from runtime.domain.order import Intent
from runtime.engine.desk import Desk
from tests.crash.ground import Ground
from tests.crash.judging import Verdict
from tests.crash.points import Point, Tracer
from tests.crash.script import PART, PATIENCE_SECONDS, Director
from tests.crash.striking import KILLED, die, finish, note, set_out, start, tail
from tests.crash.trading import Site, read_sheet


class _DiesUnanswered:
    """An exchange whose process dies with its first order at the venue, filled in part, and no answer written down."""

    def __init__(self, exchange: Any, director: Director) -> None:
        self._exchange = exchange
        self._director = director

    def submit(self, intent: Intent) -> Answer:
        self._exchange.submit(intent)
        self._director.fill(intent.client_order_id, PART)
        die()
        raise AssertionError("it is dead")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)


def _unanswered(ground: Ground, site: Site) -> Callable[[Desk], Director]:
    def make(desk: Desk) -> Director:
        director = Director(desk, ground.venue, site.venue_account)
        desk.exchange = _DiesUnanswered(desk.exchange, director)
        return director

    return make


def _one_turn(ground: Ground, site: Site) -> Callable[[Desk], Director]:
    def make(desk: Desk) -> Director:
        director = Director(desk, ground.venue, site.venue_account, PATIENCE_SECONDS[site.kind])
        director.turns_max = 1
        return director

    return make


def _leave_doubt(ground: Ground, kind: str, verdict: Verdict) -> Site:
    """A ledger with a pending order that the venue has half filled."""
    site = set_out(ground, kind)
    note(verdict, site, start(site, _unanswered(ground, site)).wait())
    assert verdict.reached, f"the first process was to die: {tail(site)}"
    ground.venue.control("server-time", {"offset_seconds": PATIENCE_SECONDS[site.kind]})
    return site


def count_recovery(ground: Ground, kind: str, depth: str) -> Sequence[str]:
    """The lines of a start after a crash, to the end of its first turn."""
    site = _leave_doubt(ground, kind, Verdict())
    start(site, _one_turn(ground, site), Tracer(depth=depth)).wait()
    return read_sheet(site).lines


def strike_recovery(ground: Ground, point: Point) -> Verdict:
    verdict = Verdict()
    site = _leave_doubt(ground, point.kind, verdict)
    child = start(site, _one_turn(ground, site), Tracer(place=point.place, strike=die))
    code = child.wait()
    verdict.processes += 1
    verdict.reached = code == KILLED
    finish(ground, site, verdict, ahead=2 * PATIENCE_SECONDS[site.kind])
    return verdict
