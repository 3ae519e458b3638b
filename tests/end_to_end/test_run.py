"""`python -m runtime run` as a user has it: it starts, it is killed in every way, and it goes on where it stood."""

import json
from collections.abc import Iterator

import pytest

from runtime.local import processes
from tests.end_to_end.installation import BOTS, SECONDS_MAX, Installation, installed

DESKS = ("paper-perpetuals", "paper-spot")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One folder for all tests here: each finds what the one before left, as a user does."""
    with installed(tmp_path_factory.mktemp("installation")) as installation:
        yield installation


@pytest.fixture
def running(kept: Installation) -> Installation:
    kept.ensure_ticking()
    return kept


def recoveries(installation: Installation) -> dict[str, int]:
    return {desk: installation.log(desk).count('"event": "recovered"') for desk in DESKS}


def assert_sound(installation: Installation) -> None:
    code, said = installation.ask("verify")
    assert (code, said.count(": 0 difference(s)")) == (0, 2), said


def test_run__shows_all_bots_ticking_in_plain_lines(running: Installation) -> None:
    assert processes.wait_until(
        lambda: all(f"{bot} running" in running.out() for bot in BOTS), seconds_max=SECONDS_MAX
    )
    assert "\x1b" not in running.out()
    assert running.err() == ""
    assert set(running.pids()) == {"supervisor", "simulator", *DESKS, "api", "keeper", "postmaster"}


def test_run__is_called_healthy_and_sound_while_it_trades(running: Installation) -> None:
    healthy = processes.wait_until(
        lambda: running.ask("status", "--json")[0] == 0, seconds_max=SECONDS_MAX, poll_seconds=0.2
    )
    assert healthy, running.ask("status", "--json")
    assert json.loads(running.ask("status", "--json")[1])["healthy"] is True
    assert_sound(running)


def test_run__a_second_time_on_the_same_folder_is_refused(running: Installation) -> None:
    supervisor = running.pids()["supervisor"]
    code, said = running.ask("run")
    assert code == 20
    assert said.splitlines()[-1].startswith("AlreadyRunning: Holdfast already runs on ")
    assert f"(process {supervisor})" in said
    assert running.pids()["supervisor"] == supervisor
    running.await_ticks(running.ticks())


@pytest.mark.parametrize("victim", [*DESKS, "simulator", "postmaster", "keeper"])
def test_run__goes_on_by_itself_when_one_of_its_processes_is_killed(
    running: Installation, victim: str
) -> None:
    before, pid = recoveries(running), running.pids()[victim]
    running.kill(victim)
    replaced = processes.wait_until(
        lambda: running.pids().get(victim, pid) != pid, seconds_max=SECONDS_MAX, poll_seconds=0.05
    )
    assert replaced, running.story()
    # Without the venue a desk only waits; without PostgreSQL it must not trust what it has in memory.
    recovers = {"simulator": (), "postmaster": DESKS, "keeper": DESKS}.get(victim, (victim,))
    recovered = processes.wait_until(
        lambda: all(recoveries(running)[desk] > before[desk] for desk in recovers), seconds_max=SECONDS_MAX
    )
    assert recovered, running.story()
    running.await_ticks(running.ticks())
    assert_sound(running)


@pytest.mark.parametrize(
    "victims",
    [
        ("supervisor",),
        ("keeper", "supervisor"),
        ("supervisor", "simulator", *DESKS, "keeper", "postmaster"),
        ("postmaster", "keeper", *DESKS, "simulator", "supervisor"),
    ],
    ids=["the supervisor", "the keeper and it", "all, from the top", "all, from the bottom"],
)
def test_run__again_after_a_kill_goes_on_where_it_stood_and_says_so(
    running: Installation, victims: tuple[str, ...]
) -> None:
    ticks, epochs, before = running.ticks(), running.epochs(), recoveries(running)
    running.kill(*victims)
    running.await_quiet()
    running.start()
    replaced = processes.wait_until(
        lambda: all(running.epochs().get(desk, 0) > epochs[desk] for desk in DESKS),
        seconds_max=SECONDS_MAX,
        poll_seconds=0.05,
    )
    assert replaced, running.story()
    running.await_ticks(running.ticks())
    assert all(count > ticks[bot] for bot, count in running.ticks().items())
    assert all(recoveries(running)[desk] == before[desk] + 1 for desk in DESKS)
    assert processes.wait_until(
        lambda: "recovered" in running.out().splitlines()[-1] if running.out() else False,
        seconds_max=SECONDS_MAX,
    )
    assert_sound(running)


def test_run__told_to_stop_ends_everything_and_status_says_so(running: Installation) -> None:
    assert running.interrupt() == 0
    running.await_quiet()
    assert "Traceback" not in running.err()
    code, said = running.ask("status", "--json")
    assert code == 4
    assert json.loads(said.splitlines()[0])["healthy"] is False
    assert_sound(running)
    running.await_quiet()


def test_stop__from_another_terminal_ends_everything(running: Installation) -> None:
    assert running.ask("stop") == (0, "Stopped.\n")
    assert running.process.wait(timeout=SECONDS_MAX) == 0
    running.await_quiet()
    assert running.ask("stop") == (0, "Nothing was running.\n")


def test_run__on_a_folder_that_was_stopped_goes_on(kept: Installation) -> None:
    kept.ensure_ticking()
    before = kept.ticks()
    assert kept.interrupt() == 0
    kept.start()
    kept.await_ticks(before)
    assert_sound(kept)
