"""Folders for embedded servers; whatever a test leaves running on one is stopped."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.local.postgres import open_server, stop_server


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    yield folder / "postgres"
    for lock in folder.rglob("users.lock"):
        stop_server(lock.parent)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A stopped folder with a cluster in it, to copy from where a test does not look at initdb itself."""
    with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
        root = Path(folder) / "postgres"
        open_server(root).close()
        stop_server(root)
        yield root


@pytest.fixture
def warm_dir(data_dir: Path, made_once: Path) -> Path:
    shutil.copytree(made_once, data_dir)
    return data_dir
