"""A real spool whose bytes were changed: cut at every byte, every bit turned over. What is whole comes back, what is
not is told and kept, and nothing else is believed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from runtime.domain import observation
from runtime.domain.observation import Record
from runtime.spool import record
from runtime.spool.folder import Folder, Segment, aside_bytes
from tests.spool.spools import blocked, contents, fill, open_spool, segments, set_aside

COUNT = 5
LAST = 3  # how many of them are mutated


@dataclass(frozen=True, slots=True)
class Written:
    """The bytes of a segment as a process that was killed leaves them, and where each record begins and ends."""

    name: str
    data: bytes
    edges: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        return self.edges[-1][1]

    @property
    def mutated(self) -> range:
        return range(self.edges[-LAST][0], self.end)

    def holder(self, place: int) -> int | None:
        """The number of the record that this byte belongs to."""
        return next((n for n, (start, end) in enumerate(self.edges) if start <= place < end), None)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    path = tmp_path_factory.mktemp("written")
    with open_spool(path / "spool") as spool:
        fill(spool, range(COUNT))
        (segment,) = segments(path / "spool")
        data = segment.read_bytes()
    seed = record.seed_of(UUID(segment.stem.partition("-")[2]))
    pieces = [each for each in record.scan(seed, data) if isinstance(each, record.Found)]
    edges, start = [], 0
    for each in pieces:
        edges.append((start, each.end))
        start = each.end
    assert len(edges) == COUNT
    assert not data[start:].strip(b"\0")
    return Written(segment.name, data, tuple(edges))


@dataclass(frozen=True, slots=True)
class Seen:
    numbers: list[int]
    damages: int
    kept: bytes


def reopened(path: Path, name: str, data: bytes, *, newest: bool = True) -> Seen:
    """What a spool makes of a segment with these bytes; as its newest one, or with a whole one behind it."""
    path.mkdir()
    (path / "lock").touch()
    (path / name).write_bytes(data)
    if not newest:
        other = UUID(int=7)
        line = record.encode(
            record.seed_of(other),
            Record(
                99,
                blocked(99).kind,
                observation.microseconds(blocked(99).at),
                observation.encode(blocked(99)),
            ),
        )
        (path / f"{99:020d}-{other.hex}.spool").write_bytes(line)
    with open_spool(path) as spool:
        numbers = contents(spool)
        fill(spool, [100])
        assert contents(spool) == [100], "it works on"
        damages = spool.damages
    return Seen(numbers, damages, set_aside(path))


def cuts(written: Written) -> Iterator[tuple[int, bytes]]:
    for place in written.mutated:
        yield place, written.data[:place]
        # As it is on a disk that lost power: the file is as long as it was laid out, and the rest was never written.
        yield place, written.data[:place] + bytes(len(written.data) - place)


def test_a_cut_at_every_byte__costs_the_record_that_is_cut_and_is_told(
    tmp_path: Path, written: Written
) -> None:
    for number, (place, data) in enumerate(cuts(written)):
        seen = reopened(tmp_path / str(number), written.name, data)
        whole = [n for n, (_, end) in enumerate(written.edges) if end <= place]
        torn = data[written.edges[whole[-1]][1] : place].rstrip(b"\0")
        assert seen.numbers == whole, place
        assert (seen.damages, seen.kept) == ((1, torn) if torn else (0, b"")), place


@pytest.mark.parametrize("newest", [True, False], ids=["newest", "older"])
def test_every_bit_turned_over__costs_its_record_and_no_other(
    tmp_path: Path, written: Written, newest: bool
) -> None:
    behind = [] if newest else [99]
    # And a few bytes of the room behind the last record, where nothing was written.
    for place in (*written.mutated, written.end, written.end + 40):
        for bit in range(8):
            data = bytearray(written.data)
            data[place] ^= 1 << bit
            seen = reopened(tmp_path / f"{place}-{bit}", written.name, bytes(data), newest=newest)
            lost = written.holder(place)
            assert seen.numbers == [n for n in range(COUNT) if n != lost] + behind, (place, bit)
            assert seen.damages == 1, (place, bit)
            start, end = written.edges[lost] if lost is not None else (place, place + 1)
            assert bytes(data[start:end]) in seen.kept, (place, bit)


def test_a_hole_of_zeros__costs_what_stood_there(tmp_path: Path, written: Written) -> None:
    """Two records reached the disk in the other order, and power was lost between them."""
    start, end = written.edges[2]
    data = written.data[:start] + bytes(end - start) + written.data[end:]
    seen = reopened(tmp_path / "spool", written.name, data)
    assert (seen.numbers, seen.damages) == ([0, 1, 3, 4], 1)


def test_records_of_another_spool__are_not_believed(tmp_path: Path, written: Written) -> None:
    other = f"{1:020d}-{UUID(int=5).hex}.spool"
    seen = reopened(tmp_path / "spool", other, written.data)
    assert (seen.numbers, seen.damages) == ([], 1)
    assert seen.kept == written.data[: written.end]


def test_the_same_damage__is_found_again_by_the_next_process_until_it_is_set_aside(
    tmp_path: Path, written: Written
) -> None:
    path = tmp_path / "spool"
    path.mkdir()
    (path / "lock").touch()
    data = bytearray(written.data)
    data[written.edges[1][0] + 20] ^= 1
    (path / written.name).write_bytes(data)
    for _ in range(2):
        with open_spool(path) as spool:
            assert spool.drain(1) is not None
            assert (spool.depth, set_aside(path)) == (COUNT, b"")
    with open_spool(path) as spool:
        assert contents(spool) == [0, 2, 3, 4]
        assert spool.depth == 0
    assert set_aside(path) == bytes(data[: written.end])


def test_damage__is_set_aside_up_to_a_bound_and_the_first_of_it_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, line = tmp_path / "spool", len(json.dumps({"sequence": 1})) + 1
    folder = Folder(path, aside_bytes_max=10 * line)
    try:
        for number in range(30):
            folder.set_aside({"sequence": number % 10})
        kept = [json.loads(each)["sequence"] for each in (path / "refused.jsonl").read_text().splitlines()]
        assert (kept, aside_bytes(path)) == (list(range(10)), 10 * line)
        torn = Segment(path / "1.spool", UUID(int=0), 1, used=100)
        torn.path.write_bytes(b"x" * 100)
        folder.cut(torn, 40)
        assert (torn.path.stat().st_size, set_aside(path)) == (40, b"")
        torn.damages = 1
        folder.remove(torn)
        assert (torn.path.exists(), set_aside(path)) == (False, b"")
    finally:
        folder.close()
    assert caplog.text.count("no room to set damage aside") == 22
