"""A real API process on a free port, before a database of its own, and whoever asks it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from websockets.sync.client import connect

from runtime.api import tokens
from runtime.local import processes
from runtime.settings import Secret

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 100  # of a machine that does much else
CANARY = "canary-of-the-token-secret-0123456789-abcdefghij-klmnopqrstuvwxyz-0123456789"


@dataclass
class Api:
    folder: Path
    url: str
    process: subprocess.Popen[bytes]

    def client(self, user: str = "anna", role: tokens.Role = "viewer", **more: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token(user, role)}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=SECONDS_MAX, **more)

    def get(self, path: str, *, user: str = "anna", role: tokens.Role = "viewer", **params: Any) -> Any:
        with self.client(user, role) as client:
            answer = client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(
        self, method: str, path: str, *, user: str = "anna", role: tokens.Role = "operator", **wishes: Any
    ) -> httpx.Response:
        """Whatever comes back; a key of its own for each wish unless one is given."""
        key = wishes.pop("key", None) or uuid4().hex
        with self.client(user, role) as client:
            return client.request(method, path, headers={"Idempotency-Key": key}, **wishes)

    def token(self, user: str = "anna", role: tokens.Role = "viewer", hours: float = 1) -> str:
        told = {"issuer": "holdfast", "audience": "holdfast-api", "user": user, "role": role, "hours": hours}
        return tokens.make_token(Secret(CANARY), now=datetime.now(UTC), **told)  # type: ignore[arg-type]

    @contextmanager
    def stream(
        self, token: str | None = None, resume: Mapping[str, Any] | None = None, **more: Any
    ) -> Iterator[Any]:
        with connect(f"{self.url.replace('http', 'ws')}/api/v1/stream", max_size=None, **more) as socket:
            socket.send(json.dumps({"token": token or self.token(), "resume": resume}))
            yield socket

    def log(self) -> str:
        return (self.folder / "api.log").read_text(encoding="utf-8")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS_MAX)


@contextmanager
def serving(
    folder: Path, database_url: str, *, entry: Sequence[str] = ("runtime", "api"), **settings: str
) -> Iterator[Api]:
    """Until left; the folder may be one that served before."""
    secret = folder / "secret"
    secret.write_text(CANARY, encoding="utf-8")
    secret.chmod(0o600)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    told = {
        "DATABASE_URL": database_url,
        "HOLDFAST_DATA_DIR": str(folder / "data"),
        "HOLDFAST_API_PORT": "0",
        "HOLDFAST_API_SECRET_FILE": str(secret),
        "HOLDFAST_API_REQUESTS_PER_SECOND": "100000",
        **settings,
    }
    log = folder / "api.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *entry],
            cwd=ROOT,
            env={**clean, **told},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    begins = log.stat().st_size
    try:
        yield Api(folder, _address(log, begins, process), process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(SECONDS_MAX)


def _address(log: Path, begins: int, process: subprocess.Popen[bytes]) -> str:
    found: list[str] = []

    def look() -> bool:
        lines = log.read_bytes()[begins:].decode().splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        found.extend(each["address"] for each in told if each["event"] == "listening on")
        return bool(found) or process.poll() is not None

    assert processes.wait_until(look, seconds_max=SECONDS_MAX, poll_seconds=0.05), log.read_text()
    assert found, log.read_text()
    return found[-1]
