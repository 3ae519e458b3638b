"""`python -m bench.spool`: what keeping an observation costs its caller, what the disk takes, and how fast 100,000 of
them reach PostgreSQL, each against the least that it could take."""

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from bench.figure import Figure
from bench.ground import Ground, durable_server, migrated
from bench.rounds import Case, ratio, typical
from runtime.domain import observation
from runtime.domain.observation import Batch, Kind, Observation
from runtime.engine.flushing import Flusher
from runtime.engine.keeping import Observer
from runtime.local.postgres import Server
from runtime.spool import record
from runtime.spool.spool import SYNC_RECORDS, Spool
from runtime.store import observations
from runtime.store.pool import Store
from runtime.telemetry.meters import Meters
from tests.store.desks import NOW, SYMBOL

COUNT = 100_000
ONE_BY_ONE = 2_000
FEATURES = {f"feature_{number}": number * 1.2345 for number in range(34)}
RAW_BYTES = 64 << 20

Make = Callable[[UUID, int], Observation]


def phantom(bot_id: UUID, number: int) -> Observation:
    """A signal as a bot with a model records it: 34 features, about 1.1 kB."""
    facts = {
        "phantom_id": UUID(int=number),
        "bot_id": bot_id,
        "symbol": SYMBOL,
        "strategy": "momentum",
        "side": "buy",
        "executed": False,
        "reason": "score too low",
        "score": Decimal("0.41"),
        "cause_key": f"momentum:{number}",
        "opened_price": Decimal("61234.5"),
        "take_profit": Decimal(62000),
        "stop_loss": Decimal(60000),
        "features": FEATURES,
    }
    return Observation(Kind.PHANTOM, NOW + timedelta(milliseconds=number), facts)


def mark(bot_id: UUID, number: int) -> Observation:
    """The record that there are most of."""
    worth = {"equity": Decimal(number), "realised_today": Decimal("12.5"), "unrealised": Decimal("-3.25")}
    return Observation(Kind.EQUITY_MARK, NOW + timedelta(milliseconds=number), {"bot_id": bot_id, **worth})


def figures(server: Server, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        yield _append(Path(folder) / "append")
        yield _durable(Path(folder), rounds)
        for name, make in (("equity marks", mark), ("phantoms", phantom)):
            yield from _replay(server, Path(folder) / name, name, make)


def _append(path: Path) -> Figure:
    bot = UUID(int=1)
    seen = [phantom(bot, number) for number in range(20_000)]
    taken = []
    with Spool(path) as spool:
        for each in seen:
            began = time.perf_counter()
            spool.append(each)
            taken.append(time.perf_counter() - began)
    taken.sort()
    remark = f"p99 {taken[len(taken) * 99 // 100] * 1000:.3f} ms, {len(observation.encode(seen[0]))} bytes"
    return Figure(
        "append of a phantom, its caller's time", taken[len(taken) // 2] * 1000, "ms", 0.1, remark=remark
    )


def _durable(folder: Path, rounds: int) -> Figure:
    """What a group that was appended still has to wait for, against its bytes written over zeros and synced. The remark
    says what a single record takes that is encoded, appended and synced at once, against the same of its bytes."""
    bot, numbers = UUID(int=1), itertools.count()
    length = record.HEAD_BYTES + len(observation.encode(mark(bot, 10**6)))
    with (
        Spool(folder / "durable", sync_seconds=3600, sync_records=10**9) as spool,
        _raw(folder / "raw") as raw,
    ):

        def append(count: int) -> None:
            for _ in range(count):
                spool.append(mark(bot, next(numbers)))

        def single() -> None:
            append(1)
            spool.sync()

        def group() -> float:
            append(SYNC_RECORDS)
            return _seconds(spool.sync)

        def raw_group() -> float:
            # After the same work: a disk that was left alone for five milliseconds takes half as long again.
            for _ in range(SYNC_RECORDS):
                record.encode(0, observation.Record(0, Kind.EQUITY_MARK, 0, observation.encode(mark(bot, 0))))
            return _seconds(lambda: raw(SYNC_RECORDS * length))

        cases: list[tuple[str, Callable[[], float]]] = [
            ("group", group),
            ("raw group", raw_group),
            ("single", lambda: _seconds(single)),
            ("raw single", lambda: _seconds(lambda: raw(length))),
        ]
        seconds = _alternated(cases, rounds)
    told = ", ".join(f"{name} {typical(each) * 1000:.3f} ms" for name, each in seconds.items())
    name = f"{SYNC_RECORDS} records on the disk / preallocated fdatasync"
    return Figure(name, ratio(seconds, "group", "raw group"), "x", 1.2, remark=told)


def _alternated(cases: Sequence[tuple[str, Callable[[], float]]], rounds: int) -> dict[str, list[float]]:
    """Each case says itself what counts of its time; the median of forty turns for every round."""
    seconds: dict[str, list[float]] = {name: [] for name, _ in cases}
    for number in range(rounds):
        taken: dict[str, list[float]] = {name: [] for name in seconds}
        for turn in range(40):
            for name, case in cases if (number + turn) % 2 else reversed(cases):
                taken[name].append(case())
        for name, each in taken.items():
            seconds[name].append(statistics.median(each))
    return seconds


def _seconds(act: Case) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@contextmanager
def _raw(path: Path) -> Iterator[Callable[[int], None]]:
    """So many bytes written over zeros that are on the disk already, and synced."""
    fd, offset = os.open(path, os.O_RDWR | os.O_CREAT), 0
    os.pwrite(fd, bytes(RAW_BYTES), 0)
    os.fsync(fd)
    data = os.urandom(1 << 20)

    def write(length: int) -> None:
        nonlocal offset
        offset = offset if offset + length <= RAW_BYTES else 0
        os.pwrite(fd, data[:length], offset)
        os.fdatasync(fd)
        offset += length

    yield write
    os.close(fd)


def _replay(server: Server, path: Path, name: str, make: Make) -> Iterator[Figure]:
    with migrated(server) as ground, _store(ground) as store:
        bot = ground.names.bot_id
        with Spool(path, bytes_max=1 << 30) as spool:
            for number in range(COUNT):
                spool.append(make(bot, number))
        parsed = [_parsed(path) for _ in range(3)]
        replayed = _replayed(path, store, ground)
        alone = _one_by_one(store, ground, make)
    per_second = f"{COUNT / replayed:,.0f} a second; parsing alone {statistics.median(parsed):.2f} s"
    yield Figure(
        f"replay of 100,000 {name} / parsing", replayed / statistics.median(parsed), "x", 5, remark=per_second
    )
    yield Figure(f"100,000 {name}, one commit each / replay", alone / replayed, "x", 35, at_least=True)


@contextmanager
def _store(ground: Ground) -> Iterator[Store]:
    with Store(ground.database.secret("holdfast_bot"), ground.names.tenant, statement_seconds=60) as store:
        yield store


def _parsed(path: Path) -> float:
    """What reading it back takes, if nothing is done with it: segments, checksums, JSON."""
    began = time.perf_counter()
    count = 0
    for each in sorted(path.glob("*.spool")):
        seed = record.seed_of(UUID(each.stem.partition("-")[2]))
        for piece in record.scan(seed, each.read_bytes()):
            if isinstance(piece, record.Found):
                json.loads(piece.record.payload)
                count += 1
    if count != COUNT:
        raise RuntimeError(f"{count} records were read, not {COUNT}")
    return time.perf_counter() - began


def _replayed(path: Path, store: Store, ground: Ground) -> float:
    observer = Observer(lambda: Spool(path, bytes_max=1 << 30), Meters())
    observer.open()
    began = time.perf_counter()
    count = Flusher(observer, store, ground.names.account_id).flush()
    took = time.perf_counter() - began
    observer.close()
    if count != COUNT:
        raise RuntimeError(f"{count} records were taken, not {COUNT}")
    return took


def _one_by_one(store: Store, ground: Ground, make: Make) -> float:
    """A statement and a commit for each, as fast as that goes: prepared, in one round trip; times fifty."""
    spool_id = UUID(int=2)
    seen = [make(ground.names.bot_id, COUNT + number) for number in range(ONE_BY_ONE)]
    statement = observations._WRITES[seen[0].kind]
    began = time.perf_counter()
    for number, each in enumerate(seen):
        line = observation.Record(
            number, each.kind, observation.microseconds(each.at), observation.encode(each)
        )
        rows = observations._as_json(Batch(spool_id, (line,)).records)
        with store.single("record an observation") as tx:
            tx.rows(statement, {"rows": rows})
    return (time.perf_counter() - began) * COUNT / ONE_BY_ONE


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.spool", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often the cases take turns")
    rounds = parser.parse_args().rounds
    with durable_server() as server:
        for figure in figures(server, rounds):
            print(figure.line(), flush=True)


if __name__ == "__main__":
    main()
