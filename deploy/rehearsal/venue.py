"""The venue of a rehearsal: the simulator as a process that outlives every deploy, and its true books."""

import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from deploy.rehearsal.simulation import ROOT
from deploy.rehearsal.warden import Warden

ACCOUNT = "paper-spot"
KEYS = {"key": "rehearsed-key", "secret": "rehearsed-secret", "passphrase": "rehearsed-passphrase"}
START_SECONDS_MAX = 30.0
# Market seconds in a second: enough for a strategy to trade within moments.
SPEED = 20


@dataclass(slots=True)
class Venue:
    warden: Warden
    folder: Path
    port: int = 0
    _process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        self.folder.mkdir()
        accounts = self.folder / "accounts.json"
        accounts.write_text(
            json.dumps([{"name": ACCOUNT, **KEYS, "spot": {"USDT": "100000"}}]), encoding="utf-8"
        )
        port_file = self.folder / "port"
        command = [sys.executable, "-m", "runtime", "simulator", "--books", str(self.folder / "books"),
                   "--port-file", str(port_file), "--accounts", str(accounts), "--speed", str(SPEED)]  # fmt: skip
        with (self.folder / "venue.log").open("ab") as log:
            self._process = self.warden.start(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not (port_file.exists() and port_file.read_text().strip()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "venue.log").read_text("utf-8"))
            time.sleep(0.05)
        self.port = int(port_file.read_text())
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.wait()
        self.warden.forget(self._process)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def orders(self) -> list[dict[str, Any]]:
        """Every order that ever reached the venue, hidden or not."""
        return list(self._books()["orders"])

    def fills(self) -> list[dict[str, Any]]:
        return list(self._books()["fills"])

    def freeze(self) -> None:
        """Prices stand still from now on, so that no resting order is filled any more."""
        for symbol, quote in self._control("market")["quotes"].items():
            self._control("price", {"symbol": symbol, "price": quote["last"]})

    def reset(self) -> None:
        """The venue forgets everything, as a new account there would begin; prices move again."""
        self._control("reset", {})
        for symbol in self._control("market")["quotes"]:
            self._control("price", {"symbol": symbol})

    def _books(self) -> dict[str, Any]:
        return self._control("books")

    def _control(self, name: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        asked = urllib.request.Request(f"{self.url}/control/{name}")
        if given is not None:
            asked.data, asked.method = json.dumps(given).encode(), "POST"
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return dict(json.loads(answer.read() or b"{}"))
