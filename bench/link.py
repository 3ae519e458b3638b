"""The proxy as a process of its own, so that it and the client do not share one interpreter."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from psycopg.conninfo import make_conninfo

from runtime.local.folder import SOCKET_NAME
from runtime.local.postgres import Server
from runtime.settings import Secret
from tests.proxy import Proxy


@contextmanager
def slow_link(server: Server, delay_seconds: float) -> Iterator["Link"]:
    """A line to the server on which every round trip takes so much longer."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    socket = Path(server.postmaster.socket_dir) / SOCKET_NAME
    process = context.Process(target=_serve, args=(socket, delay_seconds, there))
    process.start()
    try:
        yield Link(here.recv())
    finally:
        here.send("done")
        process.join(10)


class Link:
    def __init__(self, port: int) -> None:
        self._port = port

    def through(self, url: str) -> Secret:
        return Secret(
            make_conninfo(url, host="127.0.0.1", port=self._port, sslmode="disable", gssencmode="disable")
        )


def _serve(socket: Path, delay_seconds: float, told: Connection) -> None:
    with Proxy(socket, delay_seconds=delay_seconds) as proxy:
        told.send(proxy.port)
        told.recv()
