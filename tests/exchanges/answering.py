"""A venue that always says the same: a loopback server with one recorded reply, which keeps what it was sent."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answering:
    status: int
    text: str
    location: str = ""
    url: str = ""
    bodies: list[str] = field(default_factory=list)


@contextmanager
def answering(
    status: int, text: str, location: str = "", context: ssl.SSLContext | None = None
) -> Iterator[Answering]:
    """With a context it speaks TLS, and shows its certificate anew for each request."""
    said = Answering(status, text, location)

    class Recorded(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            said.bodies.append(self.rfile.read(length).decode())
            self.do_GET()

        def do_GET(self) -> None:
            body = said.text.encode()
            self.send_response(said.status)
            if said.location:
                self.send_header("Location", said.location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if context is not None:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """The test says what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorded)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that hangs up is what some tests want
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    place = "http://127.0.0.1" if context is None else "https://localhost"
    said.url = f"{place}:{server.server_address[1]}"
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
