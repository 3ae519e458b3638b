"""The supervisor with real children: it starts them in order, starts again what dies, ends all, leaves no orphan."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime import errors
from runtime.domain.status import ProcessStatus
from runtime.local import processes, roster
from runtime.local.logfile import BoundedLog
from runtime.local.supervisor import HOPELESS, Child, find_supervisor, stop_supervisor, supervise
from tests.local.processes_under_test import ROOT

OBEDIENT = "import sys, time; print('here', flush=True); sys.stdin.read()"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(99)"
WHOLE = """
import json, os, sys, threading
from pathlib import Path
from runtime import errors
from runtime.local.supervisor import Child, supervise
children = [Child(name, (sys.executable, "-c", code)) for name, code in json.loads(sys.argv[2])]
try:
    sys.exit(supervise(Path(sys.argv[1]), children, lambda s: None, threading.Event(), environ=os.environ))
except errors.BotError as exc:
    print(exc)
    sys.exit(exc.exit_code)
"""


def _child(name: str, code: str = OBEDIENT, ready_line: str | None = None) -> Child:
    return Child(name, (sys.executable, "-c", code), {"HOLDFAST_TEST": name}, ready_line)


def _run_until(
    data_dir: Path, children: list[Child], enough: Callable[[tuple[ProcessStatus, ...]], bool]
) -> tuple[ProcessStatus, ...]:
    """Supervise in this process until a tick shows enough; the last tick's picture."""
    stop, seen = threading.Event(), []
    guard = threading.Timer(30, stop.set)
    guard.start()

    def on_tick(statuses: tuple[ProcessStatus, ...]) -> None:
        seen.append(statuses)
        if enough(statuses):
            stop.set()

    try:
        assert supervise(data_dir, children, on_tick, stop, environ=os.environ, tick_seconds=0.01) == 0
    finally:
        guard.cancel()
    return seen[-1]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a supervisor as a process of its own."""
    begun = []

    def start(*children: tuple[str, str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WHOLE, str(tmp_path), json.dumps(children)]
        begun.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return begun[-1]

    yield start
    for process in begun:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)
    roster.end_leftovers(tmp_path)


def _wait_for_children(data_dir: Path, count: int) -> tuple[roster.Entry, ...]:
    def are_there() -> bool:
        found = find_supervisor(data_dir)
        if found is None or len(found.children) != count:
            return False
        return all("here" in (data_dir / "logs" / f"{c.name}.log").read_text() for c in found.children)

    assert processes.wait_until(are_there, seconds_max=20), roster.read_roster(data_dir)
    found = find_supervisor(data_dir)
    assert found is not None
    return found.children


def test_supervise__all_run_and_none_is_left_at_the_end(tmp_path: Path) -> None:
    last = _run_until(tmp_path, [_child("one"), _child("two")], lambda all_: all(s.last_line for s in all_))
    assert [(s.name, s.state, s.last_line) for s in last] == [
        ("one", "running", "here"),
        ("two", "running", "here"),
    ]
    assert not any(processes.is_alive(s.pid or 0) for s in last)
    assert find_supervisor(tmp_path) is None
    assert (tmp_path / "logs" / "one.log").read_text() == "here\n"


def test_supervise__overrides_reach_the_child(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['HOLDFAST_TEST'], flush=True); sys.stdin.read()"
    last = _run_until(tmp_path, [_child("named", code)], lambda all_: bool(all_[0].last_line))
    assert last[0].last_line == "named"


def test_supervise__a_later_child_waits_for_the_ready_line(tmp_path: Path) -> None:
    first = f"import time, sys; time.sleep(0.5); open({str(tmp_path / 'mark')!r}, 'w').close(); {OBEDIENT}"
    second = (
        f"import os, sys; print(os.path.exists({str(tmp_path / 'mark')!r}), flush=True); sys.stdin.read()"
    )
    children = [_child("venue", first, "here"), _child("desk", second)]
    last = _run_until(tmp_path, children, lambda all_: bool(all_[1].last_line))
    assert last[1].last_line == "True"


def test_supervise__what_dies_is_started_again_more_and_more_slowly(tmp_path: Path) -> None:
    children = [_child("dies", "print('dying'); raise SystemExit(7)"), _child("lives")]
    last = _run_until(tmp_path, children, lambda all_: all_[0].restarts >= 2 and all_[0].pid is None)
    assert last[0].state == "ended with 7"
    assert last[1].restarts == 0


@pytest.mark.parametrize("code", sorted(HOPELESS))
def test_supervise__what_no_restart_can_mend_stays_down_and_hinders_nobody(code: int, tmp_path: Path) -> None:
    hopeless = f"print('BadSettings: what is wrong, and what to do.'); raise SystemExit({code})"
    children = [
        _child("hopeless", hopeless, ready_line="never said"),
        _child("dies", "raise SystemExit(7)"),
        _child("lives"),
    ]
    last = _run_until(
        tmp_path,
        children,
        lambda all_: all_[1].restarts >= 2 and all_[2].last_line == "here" and not all_[0].pid,
    )
    assert (last[0].restarts, last[0].state) == (0, f"failed with {code}, which no restart mends")
    assert last[0].last_line == "BadSettings: what is wrong, and what to do."
    assert last[2].state == "running"


def test_supervise__what_forbids_the_start_leaves_nothing_running(tmp_path: Path) -> None:
    def refuse() -> None:
        raise errors.PortBusy(port=1, host="here", setting="another")

    with pytest.raises(errors.PortBusy):
        supervise(
            tmp_path,
            [_child("one")],
            lambda _: None,
            threading.Event(),
            environ=os.environ,
            before_start=refuse,
        )
    assert not (tmp_path / "logs").exists()
    _run_until(tmp_path, [_child("one")], lambda all_: all_[0].last_line == "here")


def test_supervise__a_program_that_is_not_there_is_reported_and_hinders_nobody(tmp_path: Path) -> None:
    children = [Child("ghost", ("/no/such/program",)), _child("lives")]
    last = _run_until(tmp_path, children, lambda all_: all_[1].last_line == "here")
    assert last[0].state == "ended with 127"
    assert "could not be started" in last[0].last_line


def test_supervise__one_that_closes_its_output_is_left_in_peace(tmp_path: Path) -> None:
    code = "import os, sys; print('here', flush=True); os.close(1); os.close(2); sys.stdin.read()"
    last = _run_until(tmp_path, [_child("silent", code)], lambda all_: all_[0].last_line == "here")
    assert last[0].state == "running"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal__ends_every_child_and_exits_with_0(number: int, tmp_path: Path, started) -> None:
    supervisor = started(("one", OBEDIENT), ("two", OBEDIENT))
    children = _wait_for_children(tmp_path, 2)
    supervisor.send_signal(number)
    assert supervisor.wait(20) == 0
    assert not any(child.is_alive for child in children)
    assert roster.read_roster(tmp_path) is None


def test_second_signal__ends_even_a_child_that_ignores_the_first(tmp_path: Path, started) -> None:
    supervisor = started(("stubborn", STUBBORN))
    children = _wait_for_children(tmp_path, 1)
    supervisor.send_signal(signal.SIGINT)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(10) == 0
    assert not children[0].is_alive


def test_kill_the_supervisor__its_children_end_and_the_next_one_starts(tmp_path: Path, started) -> None:
    supervisor = started(("one", OBEDIENT), ("two", OBEDIENT))
    children = _wait_for_children(tmp_path, 2)
    supervisor.kill()
    supervisor.wait()
    assert processes.wait_until(lambda: not any(child.is_alive for child in children), seconds_max=10)
    started(("one", OBEDIENT))
    _wait_for_children(tmp_path, 1)


def test_kill_the_supervisor__a_child_that_clings_to_life_is_ended_by_stop(tmp_path: Path, started) -> None:
    deaf = "import signal, time; signal.signal(15, lambda *_: None); print('here', flush=True)\nwhile 1: time.sleep(9)"
    supervisor = started(("deaf", deaf))
    child = _wait_for_children(tmp_path, 1)[0]
    supervisor.kill()
    supervisor.wait()
    log = (tmp_path / "logs" / "deaf.log").read_text()
    assert roster.end_leftovers(tmp_path, seconds_max=0.2) == ["deaf"], (
        log,
        roster.read_roster(tmp_path),
        child,
    )
    assert processes.wait_until(lambda: not child.is_alive, seconds_max=5)
    assert stop_supervisor(tmp_path) is False


def test_stop__finds_the_supervisor_by_its_folder(tmp_path: Path, started) -> None:
    assert stop_supervisor(tmp_path) is False
    supervisor = started(("one", OBEDIENT))
    children = _wait_for_children(tmp_path, 1)
    waiter = threading.Thread(target=supervisor.wait)
    waiter.start()
    assert stop_supervisor(tmp_path) is True
    waiter.join(20)
    assert supervisor.returncode == 0
    assert not children[0].is_alive


def test_second_supervisor__gets_a_sentence_and_an_exit_code_of_its_own(tmp_path: Path, started) -> None:
    first = started(("one", OBEDIENT))
    _wait_for_children(tmp_path, 1)
    second = started(("one", OBEDIENT))
    said, _ = second.communicate(timeout=20)
    assert second.returncode == errors.AlreadyRunning.exit_code
    assert str(first.pid) in said
    assert first.poll() is None


def test_end_leftovers__a_reused_pid_is_not_touched(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        us = roster.entry_of("supervisor", os.getpid())
        roster.write_roster(tmp_path, roster.Roster(us, (roster.Entry("old", stranger.pid, "1"),)))
        assert roster.end_leftovers(tmp_path) == []
        assert stranger.poll() is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"supervisor": 3, "children": []}', '{"children": [{}]}']
)
def test_read_roster__a_torn_file_is_no_roster(content: str, tmp_path: Path) -> None:
    (tmp_path / "supervisor.json").write_text(content)
    assert roster.read_roster(tmp_path) is None
    assert stop_supervisor(tmp_path) is False


def test_bounded_log__keeps_the_newest_and_never_more_than_twice_its_bound(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "x.log", bytes_max=1000)
    for number in range(500):
        log.write(f"line {number}\n".encode())
    log.write(b"half a li")
    log.close()
    assert (tmp_path / "x.log").stat().st_size <= 1000
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2000
    assert log.last_lines()[-2:] == ["line 499", "half a li"]
