"""Every answer that proves nothing, to an order that is then not filled, filled in part, or filled."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from runtime.domain.market import Answer
from runtime.domain.order import Intent
from runtime.engine.desk import Desk
from tests.crash.ground import Ground
from tests.crash.judging import PLACE_ORDER, Verdict
from tests.crash.points import Point
from tests.crash.script import PART, PATIENCE_SECONDS, Director
from tests.crash.striking import end, finish, note, set_out, start
from tests.crash.trading import MakeDirector, Site
from tests.venue import RunningSimulator

Fault = Mapping[str, object]
FILLS = {"none": Decimal(0), "part": PART, "filled": Decimal(1)}
# stay: the process lives on; die: it is killed after it wrote the answer down, and the next one starts when the last
# request's window has passed; cut: it is killed before it wrote, and the next one starts at once.
MODES = ("stay", "die", "cut")
HOLD_SECONDS = 60
TIMEOUT_SECONDS = 0.6
RELEASE_SECONDS_MAX = 5.0

# What the venue did although its answer does not say so.
ACCEPTED: dict[str, Fault] = {
    "accept_then_timeout": {"kind": "accept_then_timeout", "hold_seconds": HOLD_SECONDS},
    "drop_after": {"kind": "drop_after"},
    "http_5xx_accepted": {"kind": "http_5xx_accepted"},
    "truncated_accepted": {"kind": "truncated_accepted"},
    "empty_body": {"kind": "empty_success_accepted", "shape": "empty"},
    "empty_object": {"kind": "empty_success_accepted", "shape": "object"},
    "null_data": {"kind": "empty_success_accepted", "shape": "null_data"},
    "code_40725_accepted": {"kind": "code_accepted", "code": "40725"},
    "code_40015_accepted": {"kind": "code_accepted", "code": "40015"},
    "missing_order_id": {"kind": "missing_order_id"},
    "delayed_visibility": {"kind": "delayed_visibility", "seconds": 4},
    "late_request": {"kind": "late_request", "seconds": HOLD_SECONDS},
    "missing_fields": {"kind": "missing_fields"},
    "wrong_types": {"kind": "wrong_types"},
    "huge_numbers": {"kind": "huge_numbers"},
    "nul": {"kind": "nul"},
}
REFUSED: dict[str, Fault] = {
    "refuse_then_timeout": {"kind": "refuse_then_timeout", "hold_seconds": HOLD_SECONDS},
    "drop_before": {"kind": "drop_before"},
    "http_5xx_refused": {"kind": "http_5xx_refused"},
    "empty_success_refused": {"kind": "empty_success_refused"},
    "code_40725_refused": {"kind": "code_refused", "code": "40725"},
    "code_40015_refused": {"kind": "code_refused", "code": "40015"},
    "duplicate_code": {"kind": "duplicate_code"},
    "rate_limit": {"kind": "rate_limit"},
    "too_late_request": {"kind": "late_request", "seconds": HOLD_SECONDS},
}
CANCELS = (
    "accept_then_timeout",
    "drop_after",
    "http_5xx_accepted",
    "truncated_accepted",
    "empty_object",
    "code_40725_accepted",
    "refuse_then_timeout",
    "drop_before",
    "http_5xx_refused",
    "code_40725_refused",
    "rate_limit",
)
LISTING_DELAY_SECONDS = 1
LISTINGS = ("duplicate", "reverse", "delay")
FAULTS = {**ACCEPTED, **REFUSED}
# How many orders the script sends before the one that is meant.
ORDERS = {"rest": 0, "take": 1}


def places() -> Iterator[str]:
    """`fault:order:fill:mode`."""
    for mode in MODES:
        for fault in ACCEPTED:
            yield from (f"{fault}:rest:{fill}:{mode}" for fill in FILLS)
            yield f"{fault}:take:filled:{mode}"
        yield from (f"{fault}:{order}:none:{mode}" for fault in REFUSED for order in ORDERS)
    yield from (f"{fault}:cancel:{fill}:stay" for fault in CANCELS for fill in FILLS)
    yield from (f"fills_{mode}:rest:part:stay" for mode in LISTINGS)


class Answering(Director):
    """Fills the order whose answer was spoilt, and lets the process live on or not."""

    def __init__(self, desk: Desk, venue: RunningSimulator, site: Site, place: str) -> None:
        super().__init__(desk, venue, site.venue_account)
        self.fault, self.order, fill, self.mode = place.split(":")
        self.share = FILLS[fill]
        self.is_done = False
        if self.mode == "cut":
            desk.exchange = _Cut(desk.exchange, self.was_hit, self.kill)

    def play(self) -> None:
        if not self.is_done and self.was_hit():
            self.is_done = True
            self.answer()
            if self.mode == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            return
        super().play()
        if self.fault == "fills_delay":
            self._ahead += LISTING_DELAY_SECONDS
            self._venue.control("server-time", {"offset_seconds": self._ahead})

    def kill(self) -> None:
        self.answer()
        os.kill(os.getpid(), signal.SIGKILL)

    def answer(self) -> None:
        """The venue goes on with the order as if nothing had been wrong with its answer."""
        if self.fault == "late_request":
            release(self._venue)
        for order in self.open_orders() if self.share else ():
            if Decimal(order["filled_base"]) == 0:
                wanted = Decimal(order["size"]) * self.share
                self._venue.control("fill", {"order_id": order["order_id"], "quantity": str(wanted)})

    def was_hit(self) -> bool:
        """Whether the spoilt request has been there, although it may still be held."""
        return any(fault["hits"] for fault in self._venue.control("faults"))

    def move_on(self) -> None:
        super().move_on()
        if self.fault == "too_late_request":
            release(self._venue)


class _Cut:
    """An exchange whose process dies between the venue's answer and the ledger's word of it."""

    def __init__(self, exchange: Any, was_hit: Callable[[], bool], kill: Callable[[], None]) -> None:
        self._exchange = exchange
        self._was_hit = was_hit
        self._kill = kill

    def submit(self, intent: Intent) -> Answer:
        answer: Answer = self._exchange.submit(intent)
        if self._was_hit():
            self._kill()
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)


def release(venue: RunningSimulator) -> None:
    """Let go of a request that is held, and wait until the venue has dealt with it."""
    before = len(_late(venue))
    venue.control("release", {})
    deadline = time.monotonic() + RELEASE_SECONDS_MAX
    while len(_late(venue)) == before and time.monotonic() < deadline:
        time.sleep(0.005)


def _late(venue: RunningSimulator) -> list[object]:
    log = venue.control(f"requests?route={PLACE_ORDER}")["log"]
    return [each for each in log if each["fault"] == "late_request"]


def strike_answer(ground: Ground, point: Point) -> Verdict:
    fault, order, _, mode = point.place.split(":")
    site, verdict = impatient(set_out(ground, point.kind)), Verdict()
    if fault.startswith("fills_"):
        ground.venue.control(
            "fills", {"mode": fault.removeprefix("fills_"), "seconds": LISTING_DELAY_SECONDS}
        )
    elif order == "cancel":
        ground.venue.control("faults", {**FAULTS[fault], "route": "cancel-order"})
    else:
        ground.venue.control("faults", {**FAULTS[fault], "route": PLACE_ORDER, "after": ORDERS[order]})
    child = start(site, _answering(ground, site, point.place))
    if mode == "stay":
        end(ground, site, child, verdict)
        return verdict
    note(verdict, site, child.wait())
    if fault == "too_late_request":
        ground.venue.control("server-time", {"offset_seconds": PATIENCE_SECONDS[site.kind]})
        release(ground.venue)
    finish(ground, site, verdict, ahead=0 if mode == "cut" and fault != "too_late_request" else None)
    return verdict


def _answering(ground: Ground, site: Site, place: str) -> MakeDirector:
    return lambda desk: Answering(desk, ground.venue, site, place)


def impatient(site: Site) -> Site:
    """Waits for a reply only for a moment: here it either comes at once or never."""
    return replace(site, pace=replace(site.pace, request_timeout_seconds=TIMEOUT_SECONDS))
