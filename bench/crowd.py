"""Many clients of the API in one loop: kept connections that speak just enough HTTP. A library's own work, or a thread
for each, would take the processor from the server whose answers are timed.
"""

import re
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

CONNECT_SECONDS = 60
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_CHUNK = 1 << 18


class Line:
    """A connection that is kept, and one question at a time."""

    def __init__(self, url: str, token: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = f" HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._told = bytearray()
        self._length = -1

    def ask(self, address: str) -> bytes:
        """Wait for the answer's body."""
        self.send(address)
        while (body := self.receive()) is None:
            pass
        return body

    def send(self, address: str) -> None:
        self.socket.sendall(f"GET {address}{self._rest}".encode())

    def receive(self) -> bytes | None:
        """The body, once all of it is there."""
        fresh = self.socket.recv(_CHUNK)
        if not fresh:
            raise ConnectionError("the API hung up")
        self._told += fresh
        if self._length < 0 and (end := self._told.find(b"\r\n\r\n")) >= 0:
            head, self._told = bytes(self._told[: end + 2]), self._told[end + 4 :]
            length = _LENGTH.search(head)
            assert length is not None
            assert head.startswith(b"HTTP/1.1 200 "), head + self._told
            self._length = int(length[1])
        if self._length < 0 or len(self._told) < self._length:
            return None
        body, self._told, self._length = bytes(self._told), bytearray(), -1
        return body

    def close(self) -> None:
        self.socket.close()


@dataclass(slots=True)
class _Client:
    line: Line
    left: list[str]
    due: float
    is_asking: bool = False
    taken: list[float] = field(default_factory=list)

    def ask(self, now: float, step: float) -> None:
        # Without a step it asks as soon as it is answered; otherwise it is late from when it should have asked.
        self.due = self.due if step else now
        self.is_asking = True
        self.line.send(self.left[-1])

    def hear(self, step: float) -> None:
        if self.line.receive() is None:
            return
        self.left.pop()
        self.taken.append(time.perf_counter() - self.due)
        self.due, self.is_asking = self.due + step, False


def crowd(lines: Sequence[Line], addresses: Sequence[str], a_second: int | None) -> tuple[list[float], float]:
    """Each client asks all of it in turn, each from another one on. Seconds of each answer, and of all together."""
    step = 1 / a_second if a_second else 0.0
    began = time.perf_counter()
    clients = []
    for number, line in enumerate(lines):
        turn = number % len(addresses)
        left = [*addresses[turn:], *addresses[:turn]][::-1]
        clients.append(_Client(line, left, began + step * number / len(lines)))
    with selectors.DefaultSelector() as waiting:
        for client in clients:
            waiting.register(client.line.socket, selectors.EVENT_READ, client)
        while active := [each for each in clients if each.left]:
            now = time.perf_counter()
            for each in active:
                if not each.is_asking and each.due <= now:
                    each.ask(now, step)
            idle = [each.due for each in active if not each.is_asking]
            for key, _ in waiting.select(max(0.0, min(idle) - time.perf_counter()) if idle else None):
                key.data.hear(step)
    return [seconds for each in clients for seconds in each.taken], time.perf_counter() - began
