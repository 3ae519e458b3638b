"""The proxy itself: it counts what passes, and loses exactly what it is told to lose."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that answers each message with itself."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            while message := connection.recv(4096):
                connection.sendall(message)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    server.join(5)


def _open(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def _ask(connection: socket.socket, message: bytes) -> bytes:
    connection.sendall(message)
    return connection.recv(4096)


def _is_cut(connection: socket.socket) -> bool:
    """An end or a reset: which of them arrives is a matter of timing."""
    try:
        return _ask(connection, b"two") == b""
    except ConnectionError:
        return True


def test_proxy__counts_a_trip_for_each_answer(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy, _open(proxy) as first, _open(proxy) as second:
        assert _ask(first, b"one") == b"one"
        assert _ask(second, b"two") == b"two"
        with proxy.counting() as trips:
            assert _ask(first, b"three") == b"three"
            assert trips() == 1
        assert (proxy.groups, proxy.trips) == (3, 3)


def test_proxy__a_lost_reply_was_acted_on_and_breaks_the_connection(echo: tuple[str, int]) -> None:
    seen = list[int]()
    with Proxy(echo, after=seen.append) as proxy:
        with _open(proxy) as connection:
            assert _ask(connection, b"one") == b"one"
            proxy.lose_next_reply()
            with pytest.raises(ConnectionError):
                _ask(connection, b"two")
        with _open(proxy) as connection:
            assert _ask(connection, b"three") == b"three"
        assert seen == [1, 2, 3]
        assert (proxy.groups, proxy.trips) == (3, 2)


def test_proxy__before_says_no_and_nothing_arrives(echo: tuple[str, int]) -> None:
    answered = list[int]()
    with (
        Proxy(echo, before=lambda group: group != 2, after=answered.append) as proxy,
        _open(proxy) as connection,
    ):
        assert _ask(connection, b"one") == b"one"
        with pytest.raises(ConnectionError):
            _ask(connection, b"two")
        assert answered == [1]


def test_proxy__refusing_cuts_off_and_comes_back_on_its_port(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy:
        with _open(proxy) as connection:
            assert _ask(connection, b"one") == b"one"
            with proxy.refusing():
                with pytest.raises(ConnectionError):
                    _open(proxy)
                assert _is_cut(connection)
        with _open(proxy) as connection:
            assert _ask(connection, b"three") == b"three"
