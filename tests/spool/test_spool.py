"""What a spool promises while the disk is well: order, positions, bounds, one process at a time."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import errors
from runtime.domain.observation import DROP_ORDER, Kind, Observation, room_for
from runtime.spool.spool import Spool
from tests.spool.spools import (
    SEGMENT_BYTES,
    blocked,
    candle,
    contents,
    decision,
    drained,
    fill,
    numbers_of,
    open_spool,
    segments,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_drain__gives_back_what_was_appended_in_order(path: Path) -> None:
    with open_spool(path) as spool:
        fill(spool, range(200))
        assert len(segments(path)) > 2, "it went over several segments"
        assert contents(spool) == list(range(200))
        assert spool.drain(10) is None
        fill(spool, [200])
        assert contents(spool) == [200]


def test_drain__gives_the_same_again_until_it_is_confirmed(path: Path) -> None:
    with open_spool(path) as spool:
        fill(spool, range(10))
        first, again = spool.drain(4), spool.drain(4)
        assert first is not None
        assert first == again
        spool.confirm(first.records[1].sequence)
        rest = spool.drain(100)
        assert rest is not None
        assert numbers_of(rest.records) == list(range(2, 10))
        assert spool.depth == 8


def test_close__leaves_what_is_not_confirmed_to_the_next(path: Path) -> None:
    with open_spool(path) as spool:
        fill(spool, range(100))
        first = spool.spool_id
    with open_spool(path) as spool:
        assert spool.spool_id != first
        assert spool.depth == 100
        fill(spool, range(100, 150))
        batch = spool.drain(1000)
        assert batch is not None
        assert batch.spool_id == first, "a batch is of one spool's id"
        records = list(drained(spool))
        assert numbers_of(records) == list(range(150))
        assert [each.sequence for each in records] == list(range(1, 151)), "sequences rise over all openings"


def test_close__leaves_nothing_of_what_is_confirmed(path: Path) -> None:
    with open_spool(path) as spool:
        fill(spool, range(100))
        assert len(contents(spool)) == 100
    assert [each.name for each in path.iterdir()] == ["lock"]


def test_append__keeps_the_least_valuable_out_first_and_counts_on_the_rest(path: Path) -> None:
    """Kind by kind the spool is filled until it refuses; whoever is worth more still finds room after that."""
    with open_spool(path, bytes_max=8 * SEGMENT_BYTES) as spool:
        kept = []
        for make in (lambda: candle(1), lambda: blocked(1), decision):
            before = spool.depth
            assert "no room for another" in refusal(spool, make)
            kept.append(spool.depth - before)
        assert all(kept)
        assert spool.depth == sum(kept), "what was refused left nothing"
        assert "another candles" in refusal(spool, lambda: candle(2))
        assert sum(each.stat().st_size for each in segments(path)) <= 8 * SEGMENT_BYTES
        assert len(list(drained(spool))) == sum(kept)
        spool.append(candle(3))


def refusal(spool: Spool, make: Callable[[], Observation]) -> str:
    """Appends until it is refused, and says how."""
    try:
        while True:
            spool.append(make())
    except errors.SpoolFull as fault:
        return str(fault)


def test_drop_order__names_every_kind_once_and_ends_with_all_the_room() -> None:
    named = [kind for kinds in DROP_ORDER for kind in kinds]
    assert sorted(named) == sorted(Kind)
    rooms = [room_for(kinds[0], 1300) for kinds in DROP_ORDER]
    assert rooms == sorted(set(rooms))
    assert rooms[-1] == 1300


def test_append__a_record_larger_than_a_segment_is_refused(path: Path) -> None:
    with open_spool(path) as spool, pytest.raises(errors.InvalidObservation, match="more than a segment"):
        spool.append(decision(prompt="x" * SEGMENT_BYTES))


def test_append__is_on_the_disk_after_sync(path: Path) -> None:
    """Nothing is left for the thread to do: what lies in the file now is what a machine without power would show."""
    with open_spool(path, sync_seconds=3600, sync_records=10**6) as spool:
        fill(spool, range(5))
        spool.sync()
        assert spool.unsynced == 0
        fill(spool, [5])
        assert spool.unsynced == 1


@pytest.mark.parametrize("wish", [{"sync_seconds": 0.001}, {"sync_seconds": 3600, "sync_records": 3}])
def test_append__is_synced_within_its_bound(path: Path, wish: dict[str, float]) -> None:
    with open_spool(path, **wish) as spool:
        fill(spool, range(3))
        assert spool.wait_synced(60)


def test_lock__one_process_has_a_spool(path: Path) -> None:
    with open_spool(path), pytest.raises(errors.SpoolUnusable, match=f"process {os.getpid()} has it open"):
        open_spool(path)
    open_spool(path).close()


def test_foreign_folder__is_left_alone(path: Path) -> None:
    path.mkdir()
    (path / "thesis.txt").write_text("do not lose")
    with pytest.raises(errors.SpoolUnusable, match=r"thesis\.txt"):
        open_spool(path)
    assert [each.name for each in path.iterdir()] == ["thesis.txt"]


def test_a_file_where_the_folder_should_be__is_one_sentence(path: Path) -> None:
    path.write_text("a file")
    with pytest.raises(errors.SpoolUnusable, match="it is no folder"):
        open_spool(path)


FILLING = """
import sys
from pathlib import Path
from runtime import errors
from tests.spool.spools import blocked, contents, open_spool
spool = open_spool(Path(sys.argv[1]), segment_bytes=1 << 20, bytes_max=1 << 30)
number = 0
try:
    while True:
        spool.append(blocked(number))
        number += 1
except errors.SpoolUnusable as fault:
    print(fault)
found = contents(spool)
assert found == list(range(number)), (len(found), number)
spool.append(blocked(number))
assert contents(spool) == [number]
print("kept", number > 1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets an ordinary user mount a small disk")
def test_a_full_disk__refuses_with_a_sentence_keeps_what_it_has_and_goes_on_when_there_is_room(
    path: Path,
) -> None:
    path.mkdir()
    answer = in_namespace(
        'mount -t tmpfs -o size=6m none "$1" && exec "$2" -c "$3" "$1/spool"', path, FILLING
    )
    assert "its disk is full. Free some room there." in answer
    assert "kept True" in answer


WRITING = """
import sys
from pathlib import Path
from runtime import errors
from tests.spool.spools import open_spool
try:
    open_spool(Path(sys.argv[1]))
except errors.SpoolUnusable as fault:
    print(fault)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets an ordinary user mount a disk read-only")
def test_no_permission__is_one_sentence(path: Path) -> None:
    path.mkdir()
    answer = in_namespace('mount -t tmpfs -o ro none "$1" && exec "$2" -c "$3" "$1/spool"', path, WRITING)
    assert "this user may not write there. Grant it, or set HOLDFAST_SPOOL_DIR" in answer


def in_namespace(script: str, path: Path, program: str) -> str:
    """What a program says that lives with a file system of its own."""
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    command = [*namespace, "sh", "-c", script, "sh", str(path), sys.executable, program]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    if answer.stderr.startswith("unshare:"):
        pytest.skip("this machine forbids mount namespaces")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout
