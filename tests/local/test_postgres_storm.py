"""Two users write while keeper and server are killed again and again at moments drawn by lot: each row that was
acknowledged is there at the end, none is there twice, and nothing runs any more."""

import json
import random
import subprocess
import sys
from pathlib import Path

import psycopg

from runtime.local.postgres import open_server, server_state, stop_server
from runtime.local.processes import send_signal
from tests.local.processes_under_test import ROOT, wait_quiet

ROWS = 60
SEED = 20261121

WRITER = """
import json, sys
from pathlib import Path
import psycopg
from runtime.local.postgres import open_server
name, acknowledged, doubtful = sys.argv[2], [], []
with open_server(Path(sys.argv[1])) as server:
    for number in range(int(sys.argv[3])):
        server.revive()
        try:
            with psycopg.connect(server.url()) as connection:
                connection.execute("INSERT INTO storm VALUES (%s, %s)", (name, number))
        except psycopg.OperationalError:
            doubtful.append(number)
        else:
            acknowledged.append(number)
        print("row", flush=True)
print(json.dumps([acknowledged, doubtful]), flush=True)
"""


def _start(data_dir: Path, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(data_dir), name, str(ROWS)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _last_line(writer: subprocess.Popen[str]) -> str:
    # Not communicate(): it reads beside the buffer, which may hold the last line already.
    assert writer.stdout is not None
    with writer.stdout as told:
        lines = told.read().splitlines()
    assert writer.wait(timeout=60) == 0
    return lines[-1]


def _strike(data_dir: Path, dice: random.Random) -> None:
    state = server_state(data_dir)
    what = dice.choice(["keeper", "server", "both", "stop"])
    if what == "stop":
        stop_server(data_dir)
    for name, pid in (("keeper", state.keeper_pid), ("server", state.server_pid)):
        if what in (name, "both") and pid:
            send_signal(pid, 9)


def test_storm_of_kills__every_acknowledged_row_is_there_once(warm_dir: Path) -> None:
    dice = random.Random(SEED)
    with open_server(warm_dir) as server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE storm (name text, number int)")
    writers = {name: _start(warm_dir, name) for name in ("one", "two")}
    # The first writer's progress is the clock of the blows.
    clock = writers["one"].stdout
    assert clock is not None
    until_blow = 5
    for _ in range(ROWS):
        assert clock.readline() == "row\n"
        until_blow -= 1
        if until_blow == 0:
            _strike(warm_dir, dice)
            until_blow = dice.randint(1, 8)
    told = {name: _last_line(writer) for name, writer in writers.items()}
    wait_quiet(warm_dir)
    with open_server(warm_dir) as server, psycopg.connect(server.url()) as connection:
        for name, line in told.items():
            acknowledged, doubtful = json.loads(line)
            rows = connection.execute("SELECT number FROM storm WHERE name = %s", (name,)).fetchall()
            found = sorted(number for (number,) in rows)
            assert len(set(found)) == len(found)
            assert set(acknowledged) <= set(found) <= set(acknowledged) | set(doubtful)
            assert acknowledged
