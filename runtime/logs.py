"""One line of JSON for everything worth knowing, on standard output.

Facts are passed as facts, never pasted into the text. It promises that no secret it was told of leaves in a line, in
whatever shape, and that of a library's own words only the fixed part is passed on: what they put in may be an address.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import quote, unquote

_HOUSE = "holdfast"
_HIDDEN = "***"
# A shorter one would star half of every text, and protects nothing.
_LENGTH_MIN = 4
_log = logging.getLogger(_HOUSE)
_kept_out: tuple[str, ...] = ()
Hear = Callable[[str, Mapping[str, object]], None]
_hearing: Mapping[str, Hear] = {}
# What stands before the @ of an address, what a connection's parameters call a password, and what makes a token of
# AWS one. Tokens are known by their shape, since a new one for each connection would make a list of them endless.
_CREDENTIALS = re.compile(
    r"(\w+://)[^\s/?@\"']+(?:/[^\s/?@\"']*)?@"
    r"|(\bpassword\s*=\s*)(?:'[^']*'|\S+)"
    r"|(X-Amz-(?:Signature|Security-Token|Credential)(?:=|%3D))[^\s&\"']+",
    re.IGNORECASE,
)


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **(_ours(self, record) if record.name == _HOUSE else _foreign(record)),
        }
        return json.dumps(line, ensure_ascii=False)


def _ours(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, object]:
    told = {"event": record.getMessage(), **getattr(record, "facts", {})}
    if record.exc_info:
        told["traceback"] = formatter.formatException(record.exc_info)
    return {name: _clean(value) for name, value in told.items()}


def _foreign(record: logging.LogRecord) -> dict[str, object]:
    """psycopg's pool, say, puts the driver's words into its own, and these name hosts, users and parts of addresses."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    faults = [each for each in arguments if isinstance(each, BaseException)]
    if record.exc_info and record.exc_info[1] is not None:
        faults.append(record.exc_info[1])
    kinds = {"error": ", ".join(type(each).__name__ for each in faults)} if faults else {}
    return {"event": redact(str(record.msg)), "library": record.name, **kinds}


def _clean(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {redact(str(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return redact(str(value))


def keep_out(*secrets: str) -> None:
    """From now on none of these leaves in a line: as it is, or as an address or JSON would write it."""
    global _kept_out  # as process-wide as the log itself
    shapes = {
        shape
        for secret in secrets
        for shape in (
            secret,
            quote(secret, safe=""),
            quote(secret),
            unquote(secret),
            json.dumps(secret)[1:-1],
        )
        if len(shape) >= _LENGTH_MIN
    }
    # The longest first: one may be a part of another.
    _kept_out = tuple(sorted({*_kept_out, *shapes}, key=len, reverse=True))


def redact(text: str) -> str:
    for secret in _kept_out:
        text = text.replace(secret, _HIDDEN)
    return _CREDENTIALS.sub(
        lambda found: f"{found[1]}{_HIDDEN}@" if found[1] else f"{found[2] or found[3]}{_HIDDEN}", text
    )


def tell_crash(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """For an error that nobody expected: what Python would print, without the secrets."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, fault, trace))))


def start(level: str) -> None:
    """Send this process's log to standard output."""
    out = logging.StreamHandler(sys.stdout)
    out.setFormatter(_JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[out], force=True)
    _log.setLevel(level.upper())


@contextmanager
def heard(events: Iterable[str], hear: Hear) -> Iterator[None]:
    """Meanwhile `hear` is given these events too, with the facts as a line would have them, at any level of the log.

    It is called in the thread that says them: it must neither wait nor raise.
    """
    global _hearing
    before = _hearing
    _hearing = {**before, **dict.fromkeys(events, hear)}
    try:
        yield
    finally:
        _hearing = before


def _tell_listener(event: str, facts: Mapping[str, object]) -> None:
    hear = _hearing.get(event)
    if hear is not None:
        hear(event, {name: _clean(value) for name, value in facts.items()})


def debug(event: str, **facts: object) -> None:
    _log.debug(event, extra={"facts": facts})


def info(event: str, **facts: object) -> None:
    _log.info(event, extra={"facts": facts})
    _tell_listener(event, facts)


def warning(event: str, **facts: object) -> None:
    _log.warning(event, extra={"facts": facts})
    _tell_listener(event, facts)


def error(event: str, *, traceback: bool = False, **facts: object) -> None:
    _log.error(event, exc_info=traceback, extra={"facts": facts})
    _tell_listener(event, facts)
