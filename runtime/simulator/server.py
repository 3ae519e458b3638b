"""The venue on a socket: HTTP/1.1 with kept connections, a thread each, and replies that can be held or dropped.

Owns the listening socket and the process's signals while it serves. Promises one line on stdout when it is ready, and a
clean stop on SIGTERM.
"""

import errno
import os
import select
import signal
import socketserver
import sys
import threading
import types
from io import BufferedIOBase
from pathlib import Path

from runtime import errors
from runtime.simulator import control
from runtime.simulator.config import SimulatorConfig
from runtime.simulator.replies import Manner, Reply, render
from runtime.simulator.signature import Request
from runtime.simulator.venue import Venue

LINE_BYTES_MAX = 16_384
HEADERS_MAX = 100
BODY_BYTES_MAX = 1_000_000
IDLE_SECONDS_MAX = 300
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


class BadRequest(errors.Refused):
    """The request is not HTTP as it is spoken here: {detail}."""


class Conversation(socketserver.StreamRequestHandler):
    """One client's connection: request after request until either side closes it."""

    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS_MAX
    server: "VenueServer"

    def handle(self) -> None:
        try:
            while self._converse():
                pass
        except OSError:
            return  # the client went away in the middle of a sentence

    def _converse(self) -> bool:
        """Read one request and answer it; says whether the connection stays open."""
        try:
            request = read_request(self.rfile)
        except BadRequest as exc:
            self._send(render(400, {"code": "40017", "msg": str(exc), "data": None}))
            return False
        if request is None:
            return False
        reply = self._reply(request)
        if reply is None or reply.manner is Manner.DROP:
            return False
        if reply.manner is Manner.HOLD:
            self.server.venue.released.wait(reply.hold_ms / 1000)
        if not reply.body and reply.manner is Manner.HOLD:
            return False
        self._send(reply)
        return request.headers.get("connection", "").lower() != "close"

    def _reply(self, request: Request) -> Reply | None:
        venue = self.server.venue
        try:
            if request.path.startswith(control.PREFIX):
                return control.answer(venue, request, str(self.client_address[0]))
            return venue.answer(request)
        except errors.Halt as exc:
            self.server.fail(exc)
            return None

    def _send(self, reply: Reply) -> None:
        reason = REASONS.get(reply.status, "Error")
        head = (
            f"HTTP/1.1 {reply.status} {reason}\r\nContent-Type: {reply.content_type}\r\n"
            f"Content-Length: {len(reply.body)}\r\nConnection: keep-alive\r\n\r\n"
        )
        self.wfile.write(head.encode() + reply.body)


class VenueServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, venue: Venue, config: SimulatorConfig) -> None:
        self.venue = venue
        # A pipe, not a threading.Event: a signal may arrive while the event's own lock is held, and set() would hang.
        self._stop_asked, self._stop_asking = os.pipe()
        self.failure: errors.Halt | None = None
        try:
            super().__init__((config.host, config.port), Conversation)
        except OSError as exc:
            if exc.errno in (errno.EADDRINUSE, errno.EACCES):
                raise errors.PortBusy(port=config.port, host=config.host, setting="--port") from exc
            detail = exc.strerror or str(exc)
            raise errors.BadInput(where=config.host, detail=detail, remedy="Choose another --host.") from exc

    @property
    def url(self) -> str:
        host, port = self.server_address[0], self.server_address[1]
        return f"http://{host!s}:{port}"

    def fail(self, failure: errors.Halt) -> None:
        """The books can no longer be written: answer nobody any more."""
        self.failure = failure
        self.ask_to_stop()

    def ask_to_stop(self) -> None:
        os.write(self._stop_asking, b".")

    def is_stopping(self, wait_ms: int) -> bool:
        return bool(select.select([self._stop_asked], [], [], wait_ms / 1000)[0])

    def handle_error(self, request: object, client_address: object) -> None:
        """A defect in one conversation ends that conversation only; the reason goes to stderr."""
        sys.stderr.write(f"simulator: a conversation broke: {sys.exception()!r}\n")


def serve(config: SimulatorConfig) -> None:
    """Run the venue until SIGTERM or SIGINT."""
    venue = Venue(config)
    with VenueServer(venue, config) as server:
        _stop_on_signals(server)
        listener = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        listener.start()
        _announce(server, config)
        while not server.is_stopping(config.tick_interval_ms):
            if config.clock == "wall":
                venue.match()
        venue.release()
        server.shutdown()
    with venue.lock:
        venue.floor.books.close()
    if server.failure is not None:
        raise server.failure


def read_request(stream: BufferedIOBase) -> Request | None:
    """The next request of a connection, or None at its end."""
    line = _line(stream)
    while line == "":
        line = _line(stream)
    if line is None:
        return None
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest(detail="the request line is malformed")
    headers = _headers(stream)
    written = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not written.isdigit() or int(written) > BODY_BYTES_MAX:
        raise BadRequest(detail=f"a body needs a Content-Length of at most {BODY_BYTES_MAX}")
    body = stream.read(int(written)) if int(written) else b""
    if len(body) < int(written):
        return None
    path, _, query = words[1].partition("?")
    return Request(words[0], path, query, headers, body)


def _headers(stream: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := _line(stream):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
        if len(headers) > HEADERS_MAX:
            raise BadRequest(detail=f"more than {HEADERS_MAX} headers")
    return headers


def _line(stream: BufferedIOBase) -> str | None:
    """One line without its end; None when the client has closed."""
    line = stream.readline(LINE_BYTES_MAX + 1)
    if len(line) > LINE_BYTES_MAX:
        raise BadRequest(detail=f"a line of more than {LINE_BYTES_MAX} bytes")
    return line.rstrip(b"\r\n").decode("latin-1") if line else None


def _stop_on_signals(server: VenueServer) -> None:
    def stop(signum: int, frame: types.FrameType | None) -> None:
        server.ask_to_stop()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)


def _announce(server: VenueServer, config: SimulatorConfig) -> None:
    if config.port_file is not None:
        _write_whole(config.port_file, f"{server.server_address[1]}\n")
    sys.stdout.write(f"simulator listening on {server.url}\n")
    sys.stdout.flush()


def _write_whole(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never half of it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as exc:
        raise errors.NoPermission(folder=path.parent, remedy="choose another with --port-file") from exc
