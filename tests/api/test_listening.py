"""What comes over the socket before any route sees it, and the files that go back over it."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from runtime.api.guard import BODY_BYTES_MAX
from runtime.api.listening import HEAD_BYTES_MAX
from runtime.api.page import FOLDER
from tests.api.conftest import ANNA
from tests.api.serving import SECONDS_MAX, Api


@contextmanager
def connected(api: Api) -> Iterator[socket.socket]:
    host, _, port = api.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS_MAX) as line:
        yield line


def heard(line: socket.socket) -> bytes:
    """Until the other side hangs up."""
    told = b""
    try:
        while more := line.recv(65536):
            told += more
    except ConnectionResetError:
        pass
    return told


@pytest.mark.parametrize(
    "begin", [b"GET / HTTP/1.1\r\nx: ", b"GET /", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100]
)
def test_head__without_an_end_is_cut_off(api: Api, begin: bytes) -> None:
    """The parser itself keeps whatever comes: one request could fill the memory."""
    with connected(api) as line:
        line.sendall(begin)
        try:
            for _ in range(64):
                line.sendall(b"x" * HEAD_BYTES_MAX)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert heard(line).startswith(b"HTTP/1.1 431 ")
    assert httpx.get(f"{api.url}/api/v1/health").status_code == 200


def test_head__is_counted_anew_for_each_request_and_without_the_body(api: Api) -> None:
    """On one connection: bodies and heads that together are far more than one head may be."""
    with api.client(role="operator") as client:
        for number in range(3):
            body = {"reason": "x" * (BODY_BYTES_MAX - 100)}
            told = client.post(
                f"/bots/{ANNA.id('bot')}/pause", json=body, headers={"Idempotency-Key": f"long-{number}"}
            )
            assert told.status_code in (202, 422), told.text
            odd = {"x": "y" * (HEAD_BYTES_MAX // 2)}
            assert client.get("/session", headers=odd).status_code == 200


def test_requests__one_behind_the_other_are_answered_in_turn(api: Api) -> None:
    with connected(api) as line:
        ask = b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\n"
        line.sendall(ask + b"\r\n" + ask + b"\r\n" + ask + b"connection: close\r\n\r\n")
        assert heard(line).count(b'{"alive":true}') == 3


def test_page__is_all_its_files_and_is_not_sent_again(api: Api) -> None:
    for path in FOLDER.rglob("*.*"):
        address = f"{api.url}/{path.relative_to(FOLDER)}"
        told = httpx.get(address)
        assert told.content == path.read_bytes()
        again = httpx.get(address, headers={"If-None-Match": told.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(f"{api.url}/").content == (FOLDER / "index.html").read_bytes()


def test_page__says_with_itself_what_it_will_want(api: Api) -> None:
    told = httpx.get(f"{api.url}/").headers["link"]
    wanted = {f"/{path.relative_to(FOLDER)}" for kind in ("*.js", "*.css") for path in FOLDER.rglob(kind)}
    assert {each.split(">")[0].strip(" <") for each in told.split(",")} == wanted


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "//etc/passwd", "/screens", "/nowhere.js"]
)
def test_page__is_nothing_else(api: Api, path: str) -> None:
    with connected(api) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        head, _, body = heard(line).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert json.loads(body)["error"]["code"] == "NotFound"


def test_page__takes_nothing(api: Api) -> None:
    assert httpx.post(f"{api.url}/app.js", content=b"x").status_code == 405
    assert httpx.head(f"{api.url}/app.js").status_code == 200
