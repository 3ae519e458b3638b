"""Starts our processes, starts again what dies, and stops all of them cleanly. It owns their log files and the roster
in the data folder; it never asks what a child does, it only sees whether it lives, what it last said, and with which
exit code it left: one that no restart can mend stays down, and is shown with its last words.

A supervisor that is killed takes its children with it: Linux sends them SIGTERM, and everywhere their stdin ends.
"""

import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runtime import errors
from runtime.domain.status import ProcessStatus
from runtime.local import processes, roster, unprivileged
from runtime.local.logfile import BoundedLog

BACK_OFF_SECONDS_FIRST = 0.2
BACK_OFF_SECONDS_MAX = 10.0
HEALTHY_SECONDS = 30.0
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0
TICK_SECONDS = 0.25
READ_BYTES = 65536
READS_MAX = 16
USAGE_EXIT_CODE = 2
# Whoever leaves with one of these would leave with it again: somebody has to change something first.
HOPELESS = frozenset(
    {
        USAGE_EXIT_CODE,
        errors.BadSettings.exit_code,
        errors.SchemaMismatch.exit_code,
        errors.PortBusy.exit_code,
        errors.NoPermission.exit_code,
        errors.VenueUnsafe.exit_code,
    }
)

Tick = Callable[[tuple[ProcessStatus, ...]], None]


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Child:
    """A process to run. Those after one with a `ready_line` start once it has printed a line that holds it, and are
    stopped before it."""

    name: str
    argv: tuple[str, ...]
    env_overrides: Mapping[str, str] = field(default_factory=dict)
    ready_line: str | None = None


class _Running:
    """One child through all its lives."""

    def __init__(self, child: Child, stage: int, log: BoundedLog) -> None:
        self.child = child
        self.stage = stage
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.entry: roster.Entry | None = None
        self.is_ready = False
        self.has_hung_up = False
        self.restarts = -1
        self.back_off_seconds = BACK_OFF_SECONDS_FIRST
        self.started_at_seconds = 0.0
        self.due_at_seconds = 0.0
        self.returncode: int | None = None
        self._heard = b""

    @property
    def is_alive(self) -> bool:
        return self.process is not None

    @property
    def is_hopeless(self) -> bool:
        return self.process is None and self.returncode in HOPELESS

    def spawn(self, environ: Mapping[str, str]) -> None:
        self.restarts += 1
        self.is_ready = self.child.ready_line is None
        self.has_hung_up = False
        self._heard = b""
        self.started_at_seconds = time.monotonic()
        try:
            self.process = subprocess.Popen(
                self.child.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**environ, **self.child.env_overrides},
                start_new_session=True,
                preexec_fn=unprivileged.before_exec(unprivileged.Plain(), parent_death_signal=signal.SIGTERM),
            )
        except (OSError, subprocess.SubprocessError) as exc:
            self.log.write(f"it could not be started: {exc}\n".encode())
            self._schedule(127)
            return
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.entry = roster.entry_of(self.child.name, self.process.pid)

    def take_output(self) -> None:
        """Write down what it said since last time."""
        if self.process is None or self.process.stdout is None or self.has_hung_up:
            return
        # Bounded, so that one that never stops talking does not keep us from the others.
        for _ in range(READS_MAX):
            chunk = self.process.stdout.read(READ_BYTES)
            if not chunk:
                self.has_hung_up = chunk == b""
                return
            self.log.write(chunk)
            self._look_for_ready_line(chunk)

    def bury(self) -> bool:
        """True if it has just been found dead."""
        if self.process is None or self.process.poll() is None:
            return False
        self.take_output()
        returncode = self.process.returncode
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process, self.entry = None, None
        self._schedule(returncode)
        return True

    def ask_to_end(self, number: int) -> None:
        """To its whole group, so that what it started ends as well."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return

    def _look_for_ready_line(self, chunk: bytes) -> None:
        wanted = (self.child.ready_line or "").encode()
        heard = self._heard + chunk
        self.is_ready = self.is_ready or wanted in heard
        # The line may come in two pieces.
        self._heard = heard[-len(wanted) :]

    def _schedule(self, returncode: int) -> None:
        self.returncode = returncode
        now = time.monotonic()
        if now - self.started_at_seconds > HEALTHY_SECONDS:
            self.back_off_seconds = BACK_OFF_SECONDS_FIRST
        self.due_at_seconds = now + self.back_off_seconds
        self.back_off_seconds = min(self.back_off_seconds * 2, BACK_OFF_SECONDS_MAX)

    def status(self) -> ProcessStatus:
        lines = self.log.last_lines()
        return ProcessStatus(
            name=self.child.name,
            pid=self.process.pid if self.process is not None else None,
            state=self._state(),
            restarts=max(self.restarts, 0),
            last_line=lines[-1] if lines else "",
        )

    def _state(self) -> str:
        if self.process is not None:
            return "running" if self.is_ready else "starting"
        if self.is_hopeless:
            return f"failed with {self.returncode}, which no restart mends"
        return "waiting" if self.returncode is None else f"ended with {self.returncode}"


class _Watch:
    """All children of one supervisor, its loop and its end."""

    def __init__(self, data_dir: Path, children: Sequence[Child], environ: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.environ = environ
        self.running: list[_Running] = []
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
        stage = 0
        for child in children:
            self.running.append(_Running(child, stage, BoundedLog(data_dir / "logs" / f"{child.name}.log")))
            stage += child.ready_line is not None

    def statuses(self) -> tuple[ProcessStatus, ...]:
        return tuple(one.status() for one in self.running)

    def turn(self, wake: int, *, seconds_max: float) -> None:
        """Wait for words, a death or a signal; then do what is due."""
        self._wait(wake, seconds_max)
        changed = False
        for one in self.running:
            one.take_output()
            changed |= one.bury()
        for one in self.running:
            is_due = not one.is_alive and not one.is_hopeless and time.monotonic() >= one.due_at_seconds
            if is_due and self._may_start(one):
                one.spawn(self.environ)
                changed = True
        if changed:
            self.note()

    def note(self) -> None:
        us = roster.entry_of("supervisor", os.getpid())
        entries = tuple(one.entry for one in self.running if one.entry is not None)
        roster.write_roster(self.data_dir, roster.Roster(us, entries))

    def end(self, is_urgent: Callable[[], bool]) -> None:
        """Last stage first: whoever depends on another leaves before it."""
        for stage in sorted({one.stage for one in self.running}, reverse=True):
            self._end_stage([one for one in self.running if one.stage == stage], is_urgent)
        for one in self.running:
            one.log.close()

    def _end_stage(self, left: Sequence[_Running], is_urgent: Callable[[], bool]) -> None:
        for one in left:
            one.ask_to_end(signal.SIGTERM)
        processes.wait_until(lambda: self._are_gone(left) or is_urgent(), seconds_max=STOP_SECONDS_MAX)
        for one in left:
            one.ask_to_end(signal.SIGKILL)
        processes.wait_until(lambda: self._are_gone(left), seconds_max=STOP_SECONDS_MAX)

    def _are_gone(self, left: Sequence[_Running]) -> bool:
        for one in self.running:
            one.take_output()
            one.bury()
        return not any(one.is_alive for one in left)

    def _may_start(self, one: _Running) -> bool:
        # A first start waits for the stages below; a restart does not, for its neighbours may need it in turn.
        if one.restarts >= 0:
            return True
        below = [other for other in self.running if other.stage < one.stage]
        waited = [other for other in below if not other.is_ready and not other.is_hopeless]
        return all(time.monotonic() - other.started_at_seconds > READY_SECONDS_MAX for other in waited)

    def _wait(self, wake: int, seconds_max: float) -> None:
        with selectors.DefaultSelector() as ears:
            ears.register(wake, selectors.EVENT_READ)
            for one in self.running:
                if one.process is not None and one.process.stdout is not None and not one.has_hung_up:
                    ears.register(one.process.stdout, selectors.EVENT_READ)
            heard = ears.select(seconds_max)
        if any(key.fd == wake for key, _ in heard):
            os.read(wake, 4096)


def supervise(
    data_dir: Path,
    children: Sequence[Child],
    on_tick: Tick,
    stop: threading.Event,
    *,
    environ: Mapping[str, str],
    tick_seconds: float = TICK_SECONDS,
    before_start: Callable[[], None] = _nothing,
) -> int:
    """Run the children until SIGINT, SIGTERM or `stop`; 0 when all of them are gone. Main thread only.

    `before_start` may refuse to begin; it is asked once nothing is left of an earlier supervisor. A second signal while
    stopping ends whatever is left at once.
    """
    lock = roster.take_watch(data_dir)
    signals: list[int] = []
    try:
        roster.end_leftovers(data_dir)
        before_start()
        with _hearing(signals, stop) as wake:
            watch = _Watch(data_dir, children, environ)
            watch.note()
            try:
                _loop(watch, wake, on_tick, stop, tick_seconds)
            finally:
                watch.end(lambda: len(signals) > 1)
        roster.remove_roster(data_dir)
    finally:
        os.close(lock)
    return 0


def kept_port(file: Path) -> int:
    """A free port, chosen once for this folder, so that a child that starts again is found where it was."""
    if file.exists() and file.read_text(encoding="ascii").strip().isdigit():
        return int(file.read_text(encoding="ascii"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    file.write_text(str(port), encoding="ascii")
    return port


def stop_supervisor(data_dir: Path) -> bool:
    """Stop the supervisor of this folder with all its children; False if nothing of it ran."""
    found = roster.read_roster(data_dir)
    if roster.is_watched(data_dir) and found is not None:
        processes.send_signal(found.supervisor.pid, signal.SIGTERM)
        budget = STOP_SECONDS_MAX * 3
        if not processes.wait_until(lambda: not roster.is_watched(data_dir), seconds_max=budget):
            raise errors.AlreadyRunning(folder=data_dir, pid=found.supervisor.pid)
        roster.end_leftovers(data_dir)
        return True
    return bool(roster.end_leftovers(data_dir))


def find_supervisor(data_dir: Path) -> roster.Roster | None:
    """Who runs on this folder, the living only; None if no supervisor does."""
    found = roster.read_roster(data_dir)
    if found is None or not roster.is_watched(data_dir):
        return None
    return roster.Roster(found.supervisor, tuple(child for child in found.children if child.is_alive))


def _loop(watch: _Watch, wake: int, on_tick: Tick, stop: threading.Event, tick_seconds: float) -> None:
    next_tick = 0.0
    while not stop.is_set():
        watch.turn(wake, seconds_max=min(tick_seconds, BACK_OFF_SECONDS_FIRST / 2))
        if time.monotonic() >= next_tick:
            on_tick(watch.statuses())
            next_tick = time.monotonic() + tick_seconds


@contextmanager
def _hearing(signals: list[int], stop: threading.Event) -> Iterator[int]:
    """SIGINT and SIGTERM set `stop`; they and a child's death wake whoever waits on the yielded descriptor."""

    def on_signal(number: int, _frame: object) -> None:
        signals.append(number)
        stop.set()

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    fd_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(fd_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
