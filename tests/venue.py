"""A simulator of one's own for a test: started as a process, steered over its control endpoint, killed when told.

Other suites use it as their venue too.
"""

import json
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import ccxt

from runtime.local import unprivileged

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 10
PAPER_KEYS = {"apiKey": "paper-key", "secret": "paper-secret", "password": "paper-passphrase"}


@dataclass
class RunningSimulator:
    """A simulator process and its address; `options` are its command line, without the port."""

    folder: Path
    options: tuple[str, ...]
    token: str = ""
    port: int = 0
    url: str = ""
    process: subprocess.Popen[str] = field(init=False)

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "runtime.simulator",
            "--books",
            str(self.folder),
            "--port",
            str(self.port),
        ]
        self.process = subprocess.Popen(
            [*command, *self.options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=unprivileged.before_exec(unprivileged.Plain(), parent_death_signal=signal.SIGKILL),
        )
        assert self.process.stdout is not None
        ready = select.select([self.process.stdout], [], [], START_SECONDS_MAX)[0]
        line = self.process.stdout.readline() if ready else "nothing"
        if not ready:
            self.kill()
        assert line.startswith("simulator listening on "), (
            f"it said {line!r} and left with {self.process.wait()}"
        )
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def control(self, path: str, body: dict[str, Any] | None = None, *, method: str = "") -> Any:
        """Call /control/<path>: POST when there is a body, GET otherwise, unless the method is given."""
        encoded = None if body is None else json.dumps(body, default=str).encode()
        request = urllib.request.Request(f"{self.url}/control/{path}", data=encoded)
        request.method = method or ("GET" if body is None else "POST")
        if self.token:
            request.add_header("X-Control-Token", self.token)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as exc:
            raise AssertionError(f"control {path} refused: {exc.read().decode()}") from exc

    def books(self, account: str = "") -> dict[str, list[dict[str, Any]]]:
        """Orders, fills, balances and positions as the venue itself knows them."""
        shown: dict[str, list[dict[str, Any]]] = self.control(f"books?account={account}")
        return shown

    def reset(self) -> None:
        self.control("reset", {})

    def kill(self) -> None:
        """SIGKILL, at once."""
        self.process.send_signal(signal.SIGKILL)
        self._await_end()

    def restart(self) -> None:
        """Start again on the same port and the same books."""
        if self.process.poll() is None:
            self.kill()
        self.start()

    def close(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._await_end()

    def _await_end(self) -> int:
        code = self.process.wait(timeout=STOP_SECONDS_MAX)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def start_simulator(tmp_path: Path, **options: object) -> RunningSimulator:
    """Options are those of the command line with underscores: `clock="manual"`, `seed=7`, `accounts=path`."""
    given: dict[str, object] = {"books_sync": "off", **options}
    flags: list[str] = []
    for name, value in given.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            flags += [f"--{name.replace('_', '-')}", str(one)]
    simulator = RunningSimulator(tmp_path / "books", tuple(flags), token=str(given.get("control_token", "")))
    simulator.start()
    return simulator


def connect(simulator: RunningSimulator, keys: dict[str, str] | None = None, **options: Any) -> ccxt.bitget:
    """The unmodified ccxt client, pointed at the simulator."""
    exchange = ccxt.bitget({**(keys or PAPER_KEYS), "timeout": 2000, "enableRateLimit": False})
    exchange.options.update({"uta": False, **options})
    exchange.number = str
    for name in exchange.urls["api"]:
        exchange.urls["api"][name] = simulator.url
    return exchange
