"""One container of a task: a process of this machine, its log, its health, and its end.

It promises that the process ends as ECS ends it (SIGTERM, then SIGKILL after its stop timeout), that its exit code is
the program's own, and that nothing of its group outlives it.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.rehearsal.cloud.awslogs import Stream
from deploy.rehearsal.cloud.machine import ENTRY_POINT, Machine, translated
from deploy.rehearsal.warden import end_group

STOP_SECONDS_DEFAULT = 30


@dataclass(slots=True, kw_only=True)
class Container:
    """`document` is its part of the definition, with the overrides of the task already in it."""

    document: dict[str, Any]
    machine: Machine
    tree: Path
    folders: Mapping[str, str]
    environment: Mapping[str, str]
    stream: Stream
    changed: Callable[[], None]
    status: str = "PENDING"
    health: str = "UNKNOWN"
    exit_code: int | None = None
    started_at: float | None = None
    _process: subprocess.Popen[bytes] | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return str(self.document["name"])

    @property
    def is_essential(self) -> bool:
        return bool(self.document.get("essential", True))

    @property
    def has_ended(self) -> bool:
        return self.status == "STOPPED"

    @property
    def is_well(self) -> bool:
        """It runs, and is healthy if it can say so; if not, it has run for a while."""
        if self.status != "RUNNING" or self.started_at is None:
            return False
        if "healthCheck" in self.document:
            return self.health == "HEALTHY"
        return time.time() - self.started_at >= self.machine.pace.settle_seconds

    def satisfies(self, condition: str) -> bool:
        """What another container may wait for."""
        return {
            "START": self.status != "PENDING",
            "HEALTHY": self.health == "HEALTHY",
            "COMPLETE": self.has_ended,
            "SUCCESS": self.has_ended and self.exit_code == 0,
        }[condition]

    def start(self) -> None:
        """Raises OSError where the image has no such program."""
        words = [*(self.document.get("entryPoint") or ENTRY_POINT), *self.document.get("command", [])]
        self._process = self._spawn(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.status, self.started_at = "RUNNING", time.time()
        threading.Thread(target=self._live, args=(self._process,), name=self.name, daemon=True).start()
        threading.Thread(target=self._watch_health, name=f"{self.name} health", daemon=True).start()
        self.changed()

    def end(self) -> None:
        """Returns when it is gone."""
        process = self._process
        if process is not None and not self.has_ended:
            end_group(process, signal.SIGTERM)
            if not self._ended.wait(self.document.get("stopTimeout", STOP_SECONDS_DEFAULT)):
                end_group(process, signal.SIGKILL)
                self._ended.wait()

    def _spawn(self, words: list[str], **output: Any) -> subprocess.Popen[bytes]:
        return self.machine.warden.start(
            self.machine.command([translated(word, self.folders) for word in words]),
            cwd=self.tree,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            **output,
        )

    def _live(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.stream.write(line.decode(errors="replace").rstrip("\r\n"))
        code = process.wait()
        end_group(process, signal.SIGKILL)
        self.machine.warden.forget(process)
        self.stream.close()
        self.exit_code, self.status = (code if code >= 0 else 128 - code), "STOPPED"
        self._ended.set()
        self.changed()

    # --- health -----------------------------------------------------------------------------------------------------

    def _watch_health(self) -> None:
        """Runs the definition's own check until the container ends; so many failures in a row are too many."""
        check = self.document.get("healthCheck")
        if check is None:
            return
        pace, failures, begun = self.machine.pace, 0, time.monotonic()
        while not self._ended.wait(
            pace.healthy_interval_seconds if self.health == "HEALTHY" else pace.health_interval_seconds
        ):
            if self._check_once(check):
                failures = 0
                self._judge("HEALTHY")
            elif self.health == "HEALTHY" or time.monotonic() - begun > check.get("startPeriod", 0):
                failures += 1
            if failures >= check.get("retries", 3):
                self._judge("UNHEALTHY")
                return

    def _check_once(self, check: Mapping[str, Any]) -> bool:
        kind, *words = check["command"]
        process = self._spawn(
            ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return process.wait(check.get("timeout", 5)) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            end_group(process, signal.SIGKILL)
            process.wait()
            self.machine.warden.forget(process)

    def _judge(self, health: str) -> None:
        if self.health != health:
            self.health = health
            self.changed()
