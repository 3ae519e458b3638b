"""Misbehaviour on demand: which request is to be spoiled, and how.

Holds the standing faults in memory, nothing else; a restart forgets them. What a fault does to the work is a
Circumstance, what it does to the answer is a pure function of the answer.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from runtime import errors
from runtime.simulator.calls import Circumstance
from runtime.simulator.replies import CODE_OK, Manner, Reply, refused, render

FOR_EVER = -1
HOLD_MS = 60_000
FAULTS_MAX = 1000
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


@dataclass(slots=True)
class Fault:
    """`route` is the last part of a path (place-order), the whole path, or `*`; `times` -1 is for ever."""

    kind: str
    route: str = "*"
    product: str = ""
    account: str = ""
    times: int = 1
    after: int = 0
    hold_ms: int = HOLD_MS
    seconds_ms: int = 5000
    fraction: Decimal = Decimal("0.5")
    code: str = "40725"
    message: str = "service return an error"
    status: int = 0
    shape: str = "empty"
    names: tuple[str, ...] = ()
    frozen: bool = False
    created_ns: int = field(default_factory=time.monotonic_ns)
    hits: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """What is done: the work or not, and then the answer."""

    works: bool
    answer: Callable[[Fault, Reply], Reply] | None = None
    spoil: Callable[[Any], Any] | None = None


def _held(fault: Fault, reply: Reply) -> Reply:
    return replace(reply, manner=Manner.HOLD, hold_ms=fault.hold_ms)


def _dropped(fault: Fault, reply: Reply) -> Reply:
    return replace(reply, manner=Manner.DROP)


def _server_error(fault: Fault, reply: Reply) -> Reply:
    return Reply(fault.status or 502, HTML, code=reply.code, content_type="text/html")


def _truncated(fault: Fault, reply: Reply) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _emptied(fault: Fault, reply: Reply) -> Reply:
    shapes: dict[str, object] = {"object": {}, "null_data": {"code": CODE_OK, "msg": "success", "data": None}}
    if fault.shape in shapes:
        return render(200, shapes[fault.shape], code=reply.code)
    return replace(reply, status=200, body=b"")


def _coded(fault: Fault, reply: Reply) -> Reply:
    return refused(fault.code, fault.message, time.time_ns() // 1_000_000, status=fault.status or 200)


def _limited(fault: Fault, reply: Reply) -> Reply:
    return refused("429", "Too many requests", time.time_ns() // 1_000_000, status=429)


def _duplicate(fault: Fault, reply: Reply) -> Reply:
    return refused("40786", "Duplicate clientOid", time.time_ns() // 1_000_000, status=400)


def _anonymous(fault: Fault, reply: Reply) -> Reply:
    data = {"orderId": None, "clientOid": None}
    return render(200, {"code": CODE_OK, "msg": "success", "data": data}, code=reply.code)


KINDS: dict[str, Kind] = {
    "accept_then_timeout": Kind(True, _held),
    "refuse_then_timeout": Kind(False, _held),
    "drop_before": Kind(False, _dropped),
    "drop_after": Kind(True, _dropped),
    "http_5xx_accepted": Kind(True, _server_error),
    "http_5xx_refused": Kind(False, _server_error),
    "truncated_accepted": Kind(True, _truncated),
    "empty_success_accepted": Kind(True, _emptied),
    "empty_success_refused": Kind(False, _emptied),
    "code_accepted": Kind(True, _coded),
    "code_refused": Kind(False, _coded),
    "duplicate_code": Kind(False, _duplicate),
    "missing_order_id": Kind(True, _anonymous),
    "rate_limit": Kind(False, _limited),
    "delayed_visibility": Kind(True),
    "late_request": Kind(True),
    "partial_fill": Kind(True),
    "stale_data": Kind(True),
    "missing_fields": Kind(True, spoil=lambda value: None),
    "wrong_types": Kind(True, spoil=lambda value: [{"unexpected": value}]),
    "huge_numbers": Kind(
        True, spoil=lambda value: "9" * 400 if str(value).lstrip("-")[:1].isdigit() else value
    ),
    "nul": Kind(True, spoil=lambda value: f"{value}\x00"),
}


class Faults:
    """The standing faults, in the order in which they were set; the first that fits a request takes it."""

    def __init__(self) -> None:
        self.standing: list[Fault] = []
        self.fills_mode = ""
        self.fills_delay_ms = 0

    def add(self, fault: Fault) -> None:
        if len(self.standing) >= FAULTS_MAX:
            raise errors.InvalidCommand(verb="faults", detail=f"{FAULTS_MAX} faults are set already")
        self.standing.append(fault)

    def clear(self) -> None:
        self.standing.clear()
        self.fills_mode, self.fills_delay_ms = "", 0

    def take(self, path: str, product: str, account: str) -> Fault | None:
        for fault in self.standing:
            if not fault.times or not _fits(fault, path, product, account):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times > 0:
                fault.times -= 1
            fault.hits += 1
            return fault
        return None

    def circumstance(self, fault: Fault | None) -> Circumstance:
        usual = Circumstance(fills_mode=self.fills_mode, fills_delay_ms=self.fills_delay_ms)
        if fault is None:
            return usual
        match fault.kind:
            case "delayed_visibility":
                return replace(usual, hidden_ms=fault.seconds_ms)
            case "partial_fill":
                return replace(usual, fraction=fault.fraction, held_ms=fault.seconds_ms)
            case "stale_data":
                frozen_ms = (time.monotonic_ns() - fault.created_ns) // 1_000_000
                return replace(usual, stale_ms=frozen_ms if fault.frozen else fault.seconds_ms)
            case _:
                return usual


def spoil(data: Any, names: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    """Change the named fields wherever they stand; without names every plain field. A change to None removes it."""
    if isinstance(data, list):
        return [spoil(one, names, change) for one in data]
    if not isinstance(data, dict):
        return data
    changed: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict | list) and name not in names:
            changed[name] = spoil(value, names, change)
        elif names and name not in names:
            changed[name] = value
        elif (spoilt := change(value)) is not None:
            changed[name] = spoilt
    return changed


def parse_fault(written: dict[str, Any]) -> Fault:
    """A fault as the control endpoint takes it: seconds become milliseconds, unknown fields are refused."""
    given = dict(written)
    for seconds, milliseconds in (("hold_seconds", "hold_ms"), ("seconds", "seconds_ms")):
        if seconds in given:
            given[milliseconds] = int(_decimal(given.pop(seconds)) * 1000)
    if "fields" in given:
        given["names"] = tuple(str(name) for name in given.pop("fields"))
    if "fraction" in given:
        given["fraction"] = _decimal(given["fraction"])
    known = {one.name for one in fields(Fault)} - {"created_ns", "hits"}
    unknown = sorted(set(given) - known)
    if unknown or given.get("kind") not in KINDS:
        detail = f"unknown fields {unknown}" if unknown else f"kind must be one of {sorted(KINDS)}"
        raise errors.InvalidCommand(verb="faults", detail=detail)
    wrong = [name for name in ("times", "after", "status") if not isinstance(given.get(name, 0), int)]
    if wrong:
        raise errors.InvalidCommand(verb="faults", detail=f"{wrong} must be whole numbers")
    return Fault(**given)


def _fits(fault: Fault, path: str, product: str, account: str) -> bool:
    named = fault.route in ("*", path, path.rsplit("/", 1)[-1])
    return named and fault.product in ("", product) and fault.account in ("", account)


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > 10**9:
        raise errors.InvalidCommand(verb="faults", detail=f"{value!r} is not a number")
    return number
