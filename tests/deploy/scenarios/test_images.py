"""Whether an image can run on the tasks' processor, where the registry holds no index but one single image."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.deploy.scenarios.stage import SECOND, Scene, stand


class Storage(ThreadingHTTPServer):
    """Where the registry keeps its blobs: it gives `body` to whoever knows the address."""

    body = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/blob"


class Answering(BaseHTTPRequestHandler):
    server: Storage

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test run's output is for the tests."""


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def scene() -> Scene:
    return stand()


def configured(architecture: str) -> bytes:
    return json.dumps({"architecture": architecture, "os": "linux", "rootfs": {}}).encode()


def test_single_image__of_the_wrong_processor_is_refused(scene: Scene, storage: Storage) -> None:
    storage.body = configured("amd64")
    scene.push(SECOND, "v2", is_single=True, configuration_url=storage.url)
    done = scene.run("deploy")
    assert done.code == 4
    assert "The image is for amd64, and the tasks run on arm64" in done.says


def test_single_image__of_the_right_processor_runs(scene: Scene, storage: Storage) -> None:
    storage.body = configured("arm64")
    scene.push(SECOND, "v2", is_single=True, configuration_url=storage.url)
    done = scene.run("deploy")
    assert done.code == 0, done.says
    assert "does not say which processor" not in done.told


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"{}"])
def test_single_image__whose_configuration_says_nothing_is_noted_and_tried(
    body: bytes, scene: Scene, storage: Storage
) -> None:
    storage.body = body
    scene.push(SECOND, "v2", is_single=True, configuration_url=storage.url)
    done = scene.run("deploy")
    assert done.code == 0, done.says
    assert "does not say which processor" in done.told


def test_single_image__whose_configuration_is_withheld_is_noted_and_tried(scene: Scene) -> None:
    scene.push(SECOND, "v2", is_single=True)
    done = scene.run("deploy")
    assert done.code == 0, done.says
    assert "does not say which processor" in done.told
    assert "http" not in done.told.partition("does not say which processor")[0].rpartition("preflight")[2]


def test_single_image__whose_storage_cannot_be_reached_is_noted_and_tried(
    scene: Scene, storage: Storage
) -> None:
    storage.body = configured("arm64")
    gone = storage.url.replace(str(storage.server_port), "1")
    scene.push(SECOND, "v2", is_single=True, configuration_url=gone)
    done = scene.run("deploy")
    assert done.code == 0, done.says
    assert gone not in done.told
