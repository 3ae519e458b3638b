"""How the venue answers: the envelope, the error codes it really uses, and the manner in which a reply is delivered.

Pure; touches nothing. Facts the venue refuses with are errors.RejectedByVenue, rendered here.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from runtime import errors

VENUE = "simulator"
CODE_OK = "00000"


class Manner(Enum):
    SEND = "send"
    HOLD = "hold"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    manner: Manner = Manner.SEND
    hold_ms: int = 0
    code: str = ""
    content_type: str = "application/json"


def render(status: int, value: object, *, code: str = "") -> Reply:
    return Reply(status, json.dumps(value, separators=(",", ":"), default=_plain).encode(), code=code)


def accepted(data: object, now_ms: int) -> Reply:
    envelope = {"code": CODE_OK, "msg": "success", "requestTime": now_ms, "data": data}
    return render(200, envelope, code=CODE_OK)


def refused(code: str, message: str, now_ms: int, *, status: int = 400) -> Reply:
    envelope = {"code": code, "msg": message, "requestTime": now_ms, "data": None}
    return render(status, envelope, code=code)


def refusal(code: str, detail: str) -> errors.RejectedByVenue:
    return errors.RejectedByVenue(venue=VENUE, code=code, detail=detail)


def number(value: Decimal) -> str:
    """A decimal as the venue writes it: plain digits, no exponent, no trailing zeros."""
    written = format(value or Decimal(0), "f")
    return written.rstrip("0").rstrip(".") or "0" if "." in written else written


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return number(value)
    return str(value)
