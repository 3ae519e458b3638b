"""Whoever is told, as a local HTTP server that behaves as a test wants: well, slowly, badly, or not at all.

It is a webhook at any path, and Telegram's Bot API under `/bot...`: it holds messages until an offset confirms them.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from runtime.local import processes

SECONDS_MAX = 40
CHAT = 4711
TOKEN = "123456:canary-Sings_loud"
CANARY = "canary"
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Manner:
    """How one request is met. `status` None: not with a reply."""

    status: int | None = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"{}"
    drips: bool = False  # byte by byte, and never to the end
    silent: bool = False  # listens and says nothing until the end


CLOSES = Manner(status=None)
SILENT = Manner(status=None, silent=True)
DRIPS = Manner(drips=True)


def answers(status: int, body: object = None, **headers: str) -> Manner:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Manner(status, named, json.dumps(body or {}).encode())


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at_monotonic: float


@dataclass
class People:
    """`manners` are used up one by one, then `usual` is how everybody is met; neither holds for getUpdates."""

    usual: Manner = field(default_factory=Manner)
    manners: list[Manner] = field(default_factory=list)
    polls: list[Manner] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    def hears(self, text: str, *, chat: int = CHAT, who: object = None) -> None:
        """Somebody writes to the bot."""
        with self.changed:
            number = 1000 + len(self.requests) + len(self.updates)
            number = max([number, *(each["update_id"] + 1 for each in self.updates)])
            sender = {"id": 7, "username": "ann"} if who is None else who
            message = {"message_id": number - 900, "chat": {"id": chat}, "from": sender, "text": text}
            self.updates.append({"update_id": number, "message": message})
            self.changed.notify_all()

    def asked(self, ending: str = "") -> list[Request]:
        return [each for each in list(self.requests) if each.path.endswith(ending)]

    def told(self) -> list[dict[str, Any]]:
        """What the webhook was sent, in order."""
        return [each.body for each in list(self.requests) if not each.path.startswith("/bot")]

    def said(self) -> list[str]:
        """What was said in the chat."""
        return [each.body["text"] for each in self.asked("/sendMessage")]

    def await_count(self, count: int, ending: str = "") -> list[Request]:
        heard = processes.wait_until(lambda: len(self.asked(ending)) >= count, seconds_max=SECONDS_MAX)
        assert heard, self.requests
        return self.asked(ending)

    def waiting_updates(self, offset: int, timeout_seconds: float) -> list[dict[str, Any]]:
        """As Telegram does: what is below the offset is forgotten, and without any other it waits."""
        with self.changed:
            self.updates = [each for each in self.updates if each["update_id"] >= offset]
            self.changed.wait_for(lambda: self.updates or self.closing.is_set(), timeout_seconds)
            return list(self.updates)


class Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        people = self.server.people
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with people.changed:
            people.requests.append(Request(self.path, dict(self.headers), body, time.monotonic()))
            is_poll = self.path.endswith("/getUpdates")
            planned = people.polls if is_poll else people.manners
            manner = planned.pop(0) if planned else (None if is_poll else people.usual)
        if manner is None:
            found = people.waiting_updates(body.get("offset", 0), body["timeout"])
            manner = answers(200, {"ok": True, "result": found})
        with suppress(OSError):
            self._meet(manner)

    def _meet(self, manner: Manner) -> None:
        self.close_connection = True
        if manner.silent:
            self.server.people.closing.wait(SECONDS_MAX)
        if manner.status is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        if manner.drips:
            self._drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000)
            return
        self.send_response(manner.status)
        for name, value in (*manner.headers, ("Content-Length", str(len(manner.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(manner.body)

    def _drip(self, reply: bytes) -> None:
        for place in range(len(reply)):
            self.wfile.write(reply[place : place + 1])
            if self.server.people.closing.wait(0.02):
                return

    def log_message(self, format: str, *args: object) -> None:
        """pytest shows what matters."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    people: People


@contextmanager
def people_listening() -> Iterator[People]:
    with Server(("127.0.0.1", 0), Conversation) as server:
        server.people = People(url=f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.people
        finally:
            with server.people.changed:
                server.people.closing.set()
                server.people.changed.notify_all()
            server.shutdown()
            thread.join()
