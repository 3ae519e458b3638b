"""An order's answer is lost, and what the venue shows when it is looked for is spoilt as well.

An empty, halved or senseless listing must never be read as "it is not there".
"""

from collections.abc import Iterator, Mapping

from runtime.domain.market import MarketKind
from runtime.engine.desk import Desk
from tests.crash.answers import Fault, impatient
from tests.crash.ground import Ground
from tests.crash.judging import PLACE_ORDER, Verdict, judge
from tests.crash.points import Point
from tests.crash.script import UNFINISHED, Director
from tests.crash.striking import end, set_out, start, tail
from tests.crash.trading import Site
from tests.venue import RunningSimulator

SPOILT_TIMES = 6
STALE_SECONDS = 60
FOR_EVER = -1
BLIND_TURNS = 10
ROUTES: Mapping[str, tuple[str, ...]] = {
    MarketKind.SPOT: ("orderInfo", "unfilled-orders", "history-orders", "fills", "assets", "time", "tickers"),
    MarketKind.LINEAR: (
        "detail",
        "orders-pending",
        "orders-history",
        "fills",
        "all-position",
        "time",
        "ticker",
    ),
}
PROVES: Mapping[str, str] = {MarketKind.SPOT: "history-orders", MarketKind.LINEAR: "detail"}
# Of a look-up these say truly, or for all we can tell, that there is nothing: the history then finds the order, or the
# fills do where the history is a stale one.
NOT_BLINDING = ("missing_ids", "not_found_code", "stale")
SPOILT: dict[str, Fault] = {
    "dropped": {"kind": "drop_after"},
    "5xx": {"kind": "http_5xx_refused"},
    "truncated": {"kind": "truncated_accepted"},
    "empty_body": {"kind": "empty_success_accepted", "shape": "empty"},
    "empty_object": {"kind": "empty_success_accepted", "shape": "object"},
    "null_data": {"kind": "empty_success_accepted", "shape": "null_data"},
    "code": {"kind": "code_refused", "code": "40725"},
    "not_found_code": {"kind": "code_refused", "code": "43001"},
    "rate_limit": {"kind": "rate_limit"},
    "missing_fields": {"kind": "missing_fields"},
    "missing_ids": {"kind": "missing_fields", "fields": ["clientOid"]},
    "wrong_types": {"kind": "wrong_types"},
    "huge_numbers": {"kind": "huge_numbers"},
    "nul": {"kind": "nul"},
    # The state before the order, told as if it were of this moment.
    "stale": {"kind": "stale_data", "seconds": STALE_SECONDS},
}


def places(kind: str) -> Iterator[str]:
    """`fault:route:fill`, the fill being what had become of the order meanwhile."""
    for fault in SPOILT:
        for route in ROUTES[kind]:
            yield from (f"{fault}:{route}:{fill}" for fill in ("none", "filled"))


def blind_places(kind: str) -> Iterator[str]:
    """The one list in which a filled order could be found is never readable again."""
    yield from (f"{fault}:{PROVES[kind]}:filled" for fault in SPOILT if fault not in NOT_BLINDING)


class Spoiling(Director):
    """Spoils the venue's answers from the moment on in which the order's own was lost."""

    def __init__(
        self, desk: Desk, venue: RunningSimulator, site: Site, place: str, times: int = SPOILT_TIMES
    ) -> None:
        super().__init__(desk, venue, site.venue_account)
        self._fault, self._route, self._fill = place.split(":")
        self._has_spoilt = False
        self._times = times

    def play(self) -> None:
        if self._has_spoilt or not self._was_lost():
            super().play()
            return
        self._has_spoilt = True
        for order in self.open_orders() if self._fill == "filled" else ():
            self._venue.control("fill", {"order_id": order["order_id"]})
        spoilt = {**SPOILT[self._fault], "route": self._route, "times": self._times}
        self._venue.control("faults", spoilt)
        self.move_on()

    def _was_lost(self) -> bool:
        return any(fault["hits"] for fault in self._venue.control("faults"))


def strike_reading(ground: Ground, point: Point) -> Verdict:
    site, verdict = impatient(set_out(ground, point.kind)), Verdict()
    ground.venue.control("faults", {"kind": "drop_after", "route": PLACE_ORDER})
    end(ground, site, start(site, lambda desk: Spoiling(desk, ground.venue, site, point.place)), verdict)
    return verdict


def strike_blind(ground: Ground, point: Point) -> Verdict:
    """What cannot be proved stands visibly UNKNOWN, and nothing new is risked beside it."""
    site, verdict = impatient(set_out(ground, point.kind)), Verdict()
    ground.venue.control("faults", {"kind": "drop_after", "route": PLACE_ORDER})

    def make(desk: Desk) -> Director:
        director = Spoiling(desk, ground.venue, site, point.place, FOR_EVER)
        director.turns_max = BLIND_TURNS
        return director

    code = start(site, make).wait()
    verdict.processes += 1
    judge(ground, site, verdict)
    if code != UNFINISHED or (verdict.orders, verdict.unresolved) != (1, 1):
        verdict.faults.append(
            f"one order was to stand UNKNOWN, alone: {verdict}, left with {code}: {tail(site)}"
        )
    return verdict
