"""The line to a venue: connections that keep one deadline for a whole request, and look once more before they write.

A client's own time-out is for each read, so that a venue which drips its answer byte by byte would hold a tick for
ever; and between the door and the socket there may be a connect, or a process that is frozen. Behind this line only
the kernel's buffer is left.
"""

import http.client
import io
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

Look = Callable[[], None]


class Line:
    """One request at a time: until when it may take, and what is looked at before its bytes leave."""

    def __init__(self, request_seconds_max: float) -> None:
        self.left = False  # whether any byte of the newest request was handed to the kernel
        self.request_seconds_max = request_seconds_max
        self._ends_at_monotonic = 0.0
        self._last_look: Look = _nothing

    def begin(self, last_look: Look | None) -> None:
        """A new request; `last_look` raises if it may not leave any more."""
        self.left = False
        self._last_look = last_look or _nothing
        self._ends_at_monotonic = time.monotonic() + self.request_seconds_max

    def seconds_left(self) -> float:
        left = self._ends_at_monotonic - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took longer than it may")
        return left

    def depart(self) -> None:
        self._last_look()
        self.left = True


class Adapter(HTTPAdapter):
    """Sends the requests of a session over the line, and none of them twice."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools: dict[str, Any] = {
            "http": partial(_open_pool, HTTPConnectionPool, partial(LineConnection, self._line)),
            "https": partial(_open_pool, HTTPSConnectionPool, partial(SafeLineConnection, self._line)),
        }
        self.poolmanager.pool_classes_by_scheme = pools


def _open_pool(kind: Any, make_connection: Any, *address: Any, **options: Any) -> Any:
    pool = kind(*address, **options)
    pool.ConnectionCls = make_connection
    return pool


class LineConnection(HTTPConnection):
    def __init__(self, line: Line, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = line
        self.response_class = partial(_open_reply, line)  # type: ignore[assignment]

    def _new_conn(self) -> socket.socket:
        self.timeout = self._line.seconds_left()
        connected = super()._new_conn()
        connected.settimeout(self._line.seconds_left())  # for the handshake as a whole
        return connected

    def send(self, data: Any) -> None:
        """Part by part, the head before the body: the venue acts on a whole request only, so each part is looked at."""
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self._line.seconds_left())
        self._line.depart()
        super().send(data)


class SafeLineConnection(LineConnection, HTTPSConnection):
    """The same through TLS."""


def _open_reply(line: Line, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
    reply = http.client.HTTPResponse(sock, *args, **kwargs)
    reply.fp = io.BufferedReader(_Reading(reply.fp.detach(), sock, line))
    return reply


class _Reading(io.RawIOBase):
    """What is read of a reply; each read may take what is left of the request's time, and no more."""

    def __init__(self, raw: Any, sock: socket.socket, line: Line) -> None:
        self._raw = raw
        self._sock = sock
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._line.seconds_left())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _nothing() -> None:
    return
