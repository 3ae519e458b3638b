"""One POST of JSON, with one deadline for all of it, on the standard library.

It may touch the network. It promises to raise nothing for what the other side does, to follow no redirect, to read no
more than it needs, and that what it says of a failure names only its kind: the address may hold a token.
"""

import contextlib
import http.client
import json
import math
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from runtime.settings import Secret

BODY_BYTES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    retry_after_seconds: float | None
    body: bytes


@dataclass(frozen=True, slots=True)
class NoReply:
    """It may have arrived or not; `detail` is the kind of the failure."""

    detail: str


def post(url: Secret, body: Mapping[str, object], *, within_seconds: float, key: str = "") -> Reply | NoReply:
    """`key` is the same for every try of the same message, so that the other side may tell."""
    parts = urlsplit(url.reveal())
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "Connection": "close"}
    connection = kind(parts.hostname or "", parts.port, timeout=within_seconds)
    try:
        connection.connect()
        with _deadline(connection.sock, within_seconds) as has_passed:
            connection.request(
                "POST", target, json.dumps(body).encode(), headers | ({"Idempotency-Key": key} if key else {})
            )
            answer = connection.getresponse()
            wait_seconds = _retry_after_seconds(answer.getheader("Retry-After", ""))
            body_read = answer.read(BODY_BYTES_MAX)
        # Cut in the middle it looks like a reply that ended.
        return NoReply("TimeoutError") if has_passed() else Reply(answer.status, wait_seconds, body_read)
    except (OSError, http.client.HTTPException) as fault:
        return NoReply(type(fault).__name__)
    finally:
        connection.close()


@contextlib.contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[Callable[[], bool]]:
    """A socket's own time-out is for each read: who drips an answer byte by byte would hold us for ever."""
    passed = threading.Event()
    overdue = threading.Timer(seconds, _cut, [sock, passed])
    overdue.daemon = True
    overdue.start()
    try:
        yield passed.is_set
    finally:
        overdue.cancel()


def _cut(sock: socket.socket, passed: threading.Event) -> None:
    passed.set()
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _retry_after_seconds(written: str) -> float | None:
    """A number of seconds or a date, as HTTP allows both; None for what is neither."""
    try:
        seconds = float(written)
    except ValueError:
        seconds = _seconds_until(written)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(written: str) -> float:
    try:
        at = parsedate_to_datetime(written)
    except ValueError:
        return math.nan
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
