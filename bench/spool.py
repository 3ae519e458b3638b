"""`python -m bench.spool`: what keeping an observation costs its caller, what the disk takes, and how fast 100,000 of
them reach PostgreSQL, each against the least that it could take."""

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from bench.figure import Figure
from bench.ground import Ground, durable_server, migrated
from bench.rounds import Case, alternate, ratio, typical
from runtime.domain import observation
from runtime.domain.observation import Batch, Kind, Observation
from runtime.engine.flushing import Flusher
from runtime.engine.keeping import Observer
from runtime.local.postgres import Server
from runtime.spool import record
from runtime.spool.spool import Spool
from runtime.store import observations
from runtime.store.pool import Store
from runtime.telemetry.meters import Meters
from tests.store.desks import NOW, SYMBOL

COUNT = 100_000
ONE_BY_ONE = 2_000
FEATURES = {f"feature_{number}": number * 1.2345 for number in range(34)}
FILE_BYTES = 8 << 20

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
    """One record appended and on the disk, against the same bytes written over zeros and synced."""
    with (
        Spool(folder / "durable", sync_seconds=3600, sync_records=10**9) as spool,
        _raw(folder / "raw") as raw,
    ):
        numbers = itertools.count()

        def kept() -> None:
            spool.append(mark(UUID(int=1), next(numbers)))
            spool.sync()

        seconds = alternate({"spool": kept, "raw": raw}, rounds=rounds, repeats=100)
    told = ", ".join(f"{name} {typical(each) * 1000:.3f} ms" for name, each in seconds.items())
    return Figure(
        "a record on the disk / preallocated fdatasync", ratio(seconds, "spool", "raw"), "x", 1.2, remark=told
    )


@contextmanager
def _raw(path: Path) -> Iterator[Case]:
    length = record.HEAD_BYTES + len(observation.encode(mark(UUID(int=1), 0)))
    fd, offset, data = os.open(path, os.O_RDWR | os.O_CREAT), 0, os.urandom(length)
    os.pwrite(fd, bytes(FILE_BYTES), 0)
    os.fsync(fd)

    def write() -> None:
        nonlocal offset
        os.pwrite(fd, data, offset)
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
