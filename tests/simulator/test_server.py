"""The process itself: it starts, says where it listens, refuses what it cannot use, and leaves cleanly."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import ccxt
import pytest

from tests.simulator.conftest import account, keys_of
from tests.venue import ROOT, RunningSimulator, connect, start_simulator

SECONDS_MAX = 20


def run_simulator(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runtime.simulator", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)


def exchange_of(raw: bytes, simulator: RunningSimulator) -> bytes:
    """Send these bytes as they are, and read until the venue has answered or closed."""
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=SECONDS_MAX) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_start__writes_the_port_and_says_one_line(tmp_path: Path) -> None:
    running = start_simulator(tmp_path, port_file=tmp_path / "port")
    try:
        assert (tmp_path / "port").read_text() == f"{running.port}\n"
        assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []
    finally:
        assert running.close() == 0


def test_sigterm__ends_it_while_a_reply_is_being_held(tmp_path: Path) -> None:
    running = start_simulator(tmp_path)
    running.control("faults", {"kind": "accept_then_timeout", "hold_seconds": 600})
    exchange = connect(running)
    exchange.timeout = 200
    with pytest.raises(ccxt.RequestTimeout):
        exchange.fetch_time()
    exchange.session.close()
    assert running.close() == 0


def test_busy_port__is_one_sentence_and_its_own_code(simulator: RunningSimulator, tmp_path: Path) -> None:
    ended = run_simulator("--books", str(tmp_path / "books"), "--port", str(simulator.port))
    assert ended.returncode == 17
    assert ended.stderr.startswith(f"Port {simulator.port} on 127.0.0.1 is taken")
    assert ended.stderr.count("\n") == 1


def test_books__of_a_running_venue_are_refused_to_a_second_one(simulator: RunningSimulator) -> None:
    ended = run_simulator("--books", str(simulator.folder))
    assert (ended.returncode, ended.stderr.count("\n")) == (10, 1)
    assert "locked" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--speed", "0"),
        ("--port", "70000"),
        ("--tick-interval-ms", "0"),
        ("--replay", "absent.csv"),
        ("--replay", "NOPEUSDT=absent.csv"),
        ("--accounts", "x"),
    ],
)
def test_bad_settings__start_nothing(tmp_path: Path, arguments: tuple[str, str]) -> None:
    ended = run_simulator("--books", str(tmp_path / "books"), *arguments)
    assert (ended.returncode, ended.stderr.count("\n")) == (10, 1)
    assert not (tmp_path / "books").exists()


def test_foreign_file__as_books_is_refused_and_left_alone(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    (books / "books.sqlite3").write_bytes(
        b"this is somebody else's file, and quite long enough to be looked at" * 30
    )
    before = (books / "books.sqlite3").read_bytes()
    ended = run_simulator("--books", str(books))
    assert (ended.returncode, ended.stderr.count("\n")) == (10, 1)
    assert (books / "books.sqlite3").read_bytes() == before


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET /api/v2/public/time HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /control/reset HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: 1\r\n" % at for at in range(200)) + b"\r\n",
    ],
)
def test_malformed_http__is_answered_with_400_and_closed(simulator: RunningSimulator, raw: bytes) -> None:
    assert exchange_of(raw, simulator).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{", b"9" * 6000, b'"\\ud800"', b"\xff\xfe", b"[1]"])
def test_malformed_body__is_answered_with_a_code(simulator: RunningSimulator, body: bytes) -> None:
    head = f"POST /control/price HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    assert exchange_of(head.encode() + body, simulator).startswith(b"HTTP/1.1 400 ")


def test_kept_connection__serves_request_after_request(simulator: RunningSimulator) -> None:
    raw = b"GET /api/v2/public/time HTTP/1.1\r\nHost: x\r\n\r\n" * 3
    assert exchange_of(raw, simulator).count(b"HTTP/1.1 200 OK") == 3


def test_control__is_closed_without_its_token(tmp_path: Path) -> None:
    running = start_simulator(tmp_path, control_token="open-sesame")
    try:
        assert running.books()["orders"] == []
        refused = exchange_of(b"GET /control/books HTTP/1.1\r\n\r\n", running)
        assert refused.startswith(b"HTTP/1.1 403 ")
        assert exchange_of(b"GET /api/v2/public/time HTTP/1.1\r\n\r\n", running).startswith(b"HTTP/1.1 200 ")
    finally:
        running.close()


def test_accounts__can_be_opened_while_it_runs_and_are_kept(tmp_path: Path) -> None:
    running = start_simulator(tmp_path)
    try:
        running.control("accounts", account("dora", spot={"USDT": "77"}))
        with pytest.raises(AssertionError, match="taken"):
            running.control("accounts", account("dora"))
        running.restart()
        assert [one["name"] for one in running.control("accounts")] == ["paper", "dora"]
        exchange = connect(running, keys_of("dora"))
        assert exchange.fetch_balance()["USDT"]["free"] == "77"
        exchange.session.close()
    finally:
        running.close()


def test_secrets__stay_inside(simulator: RunningSimulator) -> None:
    shown = json.dumps([simulator.books(), simulator.control("accounts"), simulator.control("requests")])
    assert "secret" not in shown
