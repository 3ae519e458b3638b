"""A loopback proxy that counts what a client says to a server, and can lose it, delay it, or call somebody first.

A *group* is everything a client sends until the server begins to answer; an answered group is one round trip. That
holds for PostgreSQL and for HTTP alike, so nothing here reads the bytes. It listens on a free port of 127.0.0.1.
"""

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CHUNK_BYTES = 1 << 18
# A wish to stop is seen at once; this is only the bound for a thread that hangs.
JOIN_SECONDS_MAX = 5.0
# Closing with this set sends a reset instead of a goodbye: the peer sees a connection that broke.
_RESET = struct.pack("ii", 1, 0)

Upstream = Path | tuple[str, int]
# Is given the group's number, counted from 1 over all connections. False: cut here, nothing more is passed on.
Witness = Callable[[int], bool | None]


def _silent(_group: int) -> bool:
    return True


@dataclass(slots=True)
class _Talk:
    """One connection: both its ends, and whether the client is in the middle of a group."""

    client: socket.socket
    server: socket.socket
    group: int = 0
    is_asking: bool = False
    is_cut: bool = False

    def cut(self) -> None:
        """Its own thread wakes up, and closes both ends with a reset. What arrives before it does is not passed on."""
        self.is_cut = True
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RD)


class Proxy:
    """Stands before `upstream` from `__enter__` to `__exit__`.

    `before(n)` is called when the n-th group begins, before any of it is passed on; `after(n)` when the server has
    begun to answer it, before the client learns anything. Both run in the proxy's own thread.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        delay_seconds: float = 0.0,
        drip_seconds: float = 0.0,
        before: Witness = _silent,
        after: Witness = _silent,
    ) -> None:
        self.delay_seconds = delay_seconds
        self.drip_seconds = drip_seconds  # from one byte of an answer to the next
        self.dripped = 0
        self.before = before
        self.after = after
        self.groups = 0
        self.trips = 0
        self._upstream = upstream
        self._lost_replies: set[int] = set()
        self._talks: list[_Talk] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listener = _listen(0)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept, self._listener)
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        _hang_up(self._listener)
        self.kill_connections()
        for thread in self._threads:
            thread.join(JOIN_SECONDS_MAX)

    def lose_reply(self, group: int) -> None:
        """The server gets this group and acts on it; its answer never arrives and the connection breaks."""
        self._lost_replies.add(group)

    def lose_next_reply(self) -> None:
        self.lose_reply(self.groups + 1)

    def kill_connections(self) -> None:
        with self._lock:
            talks, self._talks = self._talks, []
        for talk in talks:
            talk.cut()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody listens meanwhile, and who was connected is cut off."""
        _hang_up(self._listener)
        self.kill_connections()
        try:
            yield
        finally:
            self._listener = _listen(self.port)
            self._start(self._accept, self._listener)

    @contextmanager
    def counting(self) -> Iterator[Callable[[], int]]:
        """How many round trips were completed since the block began."""
        start = self.trips
        yield lambda: self.trips - start

    def _start(self, target: Callable[..., None], argument: object) -> None:
        thread = threading.Thread(target=target, args=(argument,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = _connect(self._upstream)
            except OSError:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talk = _Talk(client, server)
            with self._lock:
                self._talks.append(talk)
            self._start(self._carry, talk)

    def _carry(self, talk: _Talk) -> None:
        """Pass bytes both ways until one end stops or somebody says so; in one thread, so that their order is sure."""
        with selectors.DefaultSelector() as waiting, contextlib.suppress(OSError, ValueError):
            waiting.register(talk.client, selectors.EVENT_READ, self._asked)
            waiting.register(talk.server, selectors.EVENT_READ, self._answered)
            while all(key.data(talk) for key, _ in waiting.select()):
                pass
        with self._lock, contextlib.suppress(ValueError):
            self._talks.remove(talk)
        talk.client.close()
        talk.server.close()

    def _asked(self, talk: _Talk) -> bool:
        chunk = talk.client.recv(CHUNK_BYTES)
        if not chunk or talk.is_cut:
            return False
        if not talk.is_asking:
            talk.is_asking = True
            with self._lock:
                self.groups += 1
                talk.group = self.groups
            if self.before(talk.group) is False:
                talk.cut()
                return False
            if self.delay_seconds:
                self._closing.wait(self.delay_seconds)
        talk.server.sendall(chunk)
        return True

    def _answered(self, talk: _Talk) -> bool:
        chunk = talk.server.recv(CHUNK_BYTES)
        if not chunk or talk.is_cut:
            return False
        if talk.is_asking:
            talk.is_asking = False
            if self.after(talk.group) is False or talk.group in self._lost_replies:
                talk.cut()
                return False
            with self._lock:
                self.trips += 1
        if not self.drip_seconds:
            talk.client.sendall(chunk)
            return True
        for byte in chunk:
            talk.client.sendall(bytes((byte,)))
            self.dripped += 1
            if self._closing.wait(self.drip_seconds):
                return False
        return True


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _hang_up(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _connect(upstream: Upstream) -> socket.socket:
    if isinstance(upstream, Path):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.connect(str(upstream))
        return server
    server = socket.create_connection(upstream)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server
