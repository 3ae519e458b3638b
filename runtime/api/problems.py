"""What is said when a request fails: one shape, and which status each error has."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from runtime import errors, logs

_STATUSES: Mapping[type[errors.BotError], int] = {
    errors.InvalidRequest: 422,
    errors.NotSignedIn: 401,
    errors.NotPermitted: 403,
    errors.NotFound: 404,
    errors.KeyUsedBefore: 409,
    errors.UserDisabled: 409,
    errors.Conflict: 409,
    errors.AlreadyRecorded: 409,
    errors.RequestTooLarge: 413,
    errors.TooManyRequests: 429,
    errors.StoreUnavailable: 503,
}


@dataclass(frozen=True, slots=True)
class Error:
    """`code` is the error's name, `sentence` is for people, `request_id` is in the log too."""

    code: str
    sentence: str
    facts: dict[str, str]
    request_id: str


@dataclass(frozen=True, slots=True)
class Problem:
    error: Error


def status_of(fault: errors.BotError) -> int:
    return _STATUSES.get(type(fault), 500)


def told_of(fault: errors.BotError) -> dict[str, Any]:
    facts = {name: logs.redact(str(value)) for name, value in fault.facts.items()}
    return {"code": type(fault).__name__, "sentence": logs.redact(str(fault)), "facts": facts}


def sentence(faults: Sequence[Mapping[str, Any]]) -> str:
    """What does not fit, and where; never what was sent."""
    places = (
        (".".join(str(each) for each in fault["loc"]) or "the body", fault["msg"]) for fault in faults[:5]
    )
    return "; ".join(f"{place[:60]}: {what[:120]}" for place, what in places)


def require_plain(value: object) -> None:
    """What JSON can say and PostgreSQL cannot hold: a NUL in a text, a number without an end."""
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            require_plain(getattr(value, each.name))
    elif isinstance(value, str) and "\0" in value:
        raise errors.InvalidRequest(detail="a text holds a NUL")
    elif isinstance(value, float) and not math.isfinite(value):
        raise errors.InvalidRequest(detail="a number is not finite")
    elif isinstance(value, dict):
        require_plain([*value, *value.values()])
    elif isinstance(value, list):
        for each in value:
            require_plain(each)
