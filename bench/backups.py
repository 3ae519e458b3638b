"""`python -m bench.backups`: a backup and a restore of a large ledger against bare pg_dump and pg_restore, and a drill.

All on the embedded PostgreSQL with fsync on. The cases take turns in every round, so that what disturbs one disturbs
all; the ratio is that of the median round. With a million orders it takes about twenty minutes on two cores.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.ground import durable_server
from bench.rounds import ratio, typical
from runtime.__main__ import main as program
from runtime.engine import sampling
from runtime.local.cluster import DATABASE
from runtime.local.postgres import Server
from runtime.settings import Secret
from runtime.store import schema
from runtime.store.databases import Databases

TARGET = 1.3
RESTORED = "restored_for_the_bench"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.backups", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="how often the cases take turns")
    parser.add_argument("--folder", type=Path, help="where there is room (default: the temporary folder)")
    args = parser.parse_args()
    with durable_server() as server, tempfile.TemporaryDirectory(dir=args.folder) as folder:
        measure(server, Path(folder), orders=args.orders, rounds=args.rounds)


def measure(server: Server, folder: Path, *, orders: int, rounds: int) -> None:
    url = Secret(server.url())
    schema.upgrade(url)
    took = seconds(lambda: sampling.make(url, orders, lambda _: None))
    print(f"sample ledger of {orders:,} orders: {took:.1f} s", flush=True)
    bare = Bare(server, folder / "bare.dump")
    taken: dict[str, list[float]] = {each: [] for each in ("bare dump", "backup", "bare restore", "restore")}
    for number in range(rounds):
        pairs = [("bare dump", bare.dump), ("backup", lambda: ours("backup", server, folder))]
        for name, case in pairs if number % 2 == 0 else reversed(pairs):
            taken[name].append(seconds(case))
        pairs = [
            ("bare restore", bare.restore),
            ("restore", lambda: ours("restore", server, folder, "--into", RESTORED)),
        ]
        for name, case in pairs if number % 2 == 0 else reversed(pairs):
            with dropped(server):
                taken[name].append(seconds(case))
    tell(taken, "backup", "bare dump")
    tell(taken, "restore", "bare restore")
    print(f"drill: {seconds(lambda: ours('drill', server, folder)):.1f} s", flush=True)


class Bare:
    """What PostgreSQL's own programs take for the same database: no digest, no count, no comparison."""

    def __init__(self, server: Server, file: Path) -> None:
        self._server = server
        self._file = file

    def dump(self) -> None:
        with self._file.open("wb") as file:
            self._run("pg_dump", "-Fc", "-d", self._server.url(), stdout=file)
            file.flush()

    def restore(self) -> None:
        Databases(Secret(self._server.url())).create(RESTORED)
        self._run("pg_restore", "--exit-on-error", "-d", self._server.url(database=RESTORED), str(self._file))

    def _run(self, name: str, *arguments: str, **more: object) -> None:
        subprocess.run([str(self._server.program(name)), *arguments], check=True, **more)  # type: ignore[call-overload]


def ours(verb: str, server: Server, folder: Path, *arguments: str) -> None:
    """The verb as an operator calls it; a drill is told of no database."""
    environ = {"HOLDFAST_DATA_DIR": str(folder / "data")}
    if verb != "drill":
        environ["DATABASE_URL"] = server.url()
    code = program([verb, *arguments, "--folder", str(folder / "backups")], environ)
    if code != 0:
        sys.exit(f"{verb} left with {code}")


@contextmanager
def dropped(server: Server) -> Iterator[None]:
    """The restored database is gone after each case."""
    yield
    Databases(Secret(server.url(database=DATABASE))).drop(RESTORED)


def seconds(case: Callable[[], object]) -> float:
    began = time.perf_counter()
    case()
    return time.perf_counter() - began


def tell(taken: Mapping[str, list[float]], over: str, under: str) -> None:
    found = ratio(taken, over, under)
    verdict = "reached" if found <= TARGET else "MISSED"
    each = f"{over} {typical(taken[over]):.1f} s, {under} {typical(taken[under]):.1f} s"
    print(f"{over} / {under}: {found:.2f}x, at most {TARGET}x, {verdict} ({each})", flush=True)


if __name__ == "__main__":
    main()
