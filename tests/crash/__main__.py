"""`make prove`: kills the bot everywhere and prints what was lost. Exit code 1 if anything was.

This process imports everything once and forks: two workers, each with a simulator of its own, and from them each desk.
"""

import argparse
import contextlib
import json
import os
import random
import selectors
import signal
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.crash import mutants, suites
from tests.crash.children import Child, fork
from tests.crash.ground import Base, open_base, open_ground
from tests.crash.judging import Verdict
from tests.crash.points import DEPTHS, Point
from tests.crash.report import Report
from tests.crash.striking import timed

WORKERS = 2
PROGRESS_SECONDS = 5.0
SAID_LENGTH_MAX = 500
STDERR = Path("/dev/stderr")


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parse(arguments)
    # A shell starts what runs in the background with SIGINT ignored; the workers are ended by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if args.mutant:
        mutants.MUTANTS[args.mutant]()
    seed = random.SystemRandom().randrange(1_000_000) if args.seed is None else args.seed
    started = time.monotonic()
    with open_base() as base:
        points = _chosen(base, args, seed)
        print(f"seed {seed}: {len(points)} points, {args.workers} workers", flush=True)
        if args.point and len(points) == 1:
            print(f"point {points[0]}", flush=True)
        report = Report(seed)
        with (
            contextlib.suppress(KeyboardInterrupt),
            contextlib.closing(_run_all(base, points, args.workers)) as verdicts,
        ):
            _listen(verdicts, report, args, len(points))
    done = report.total.points
    print(report.text())
    print(f"{done} of {len(points)} points in {time.monotonic() - started:.0f} s, seed {seed}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(asdict(report.total)), encoding="utf-8")
    is_whole = done == len(points) or (args.seconds is not None and done > 0)
    return 0 if is_whole and not report.bad else 1


def _listen(
    verdicts: Iterator[tuple[Point, Verdict]], report: Report, args: argparse.Namespace, count: int
) -> None:
    """Add up what the workers tell, and say now and then how far it has come."""
    started = next_line = time.monotonic()
    for point, verdict in verdicts:
        report.add(point, verdict)
        if args.verbose or not verdict.is_good:
            print(f"{point} {json.dumps(asdict(verdict))}"[:SAID_LENGTH_MAX], flush=True)
        now = time.monotonic()
        if now > next_line:
            next_line = now + PROGRESS_SECONDS
            print(f"{now - started:5.0f} s  {report.progress(count)}", flush=True)
        if args.seconds is not None and now - started > args.seconds:
            return


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=main.__doc__ or __doc__)
    parser.add_argument("--seed", type=int, help="decides the order of the points and what is sampled")
    parser.add_argument(
        "--point",
        help="run one, by its number in the seed's order or named as in the report, or all whose name contains this",
    )
    parser.add_argument(
        "--suite", choices=list(suites.SUITES), action="append", help="only this one; repeat for more"
    )
    parser.add_argument(
        "--depth", choices=DEPTHS, default="line", help="which passings of a line (default: line)"
    )
    parser.add_argument("--slice", action="store_true", help="a few of each, as in the test run")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th point")
    parser.add_argument(
        "--after", type=int, default=0, metavar="N", help="without the first N, which an earlier run came to"
    )
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"side by side (default: {WORKERS})")
    parser.add_argument(
        "--seconds", type=float, help="stop after so long: the seed's order makes it a fair sample"
    )
    parser.add_argument("--mutant", choices=list(mutants.MUTANTS), help="break the engine on purpose")
    parser.add_argument("--verbose", action="store_true", help="a line for each point")
    parser.add_argument("--json", type=Path, help="write the sums there")
    return parser.parse_args(arguments)


def _chosen(base: Base, args: argparse.Namespace, seed: int) -> list[Point]:
    exact = _parse_point(args.point)
    if exact is not None:
        return [exact]
    with open_ground(base, args.workers) as ground:
        points = suites.list_points(ground, seed, args.depth)
    if (args.point or "").isdecimal():
        return numbered(points, args.point)
    if args.slice:
        points = suites.slice_of(points, seed)
    if args.suite:
        points = [point for point in points if point.suite in args.suite]
    if args.point:
        points = [point for point in points if args.point in str(point)]
    return points[args.after :: args.every]


def numbered(points: Sequence[Point], written: str) -> list[Point]:
    """The n-th in the order of the seed, of all there are at this depth; the first is 1."""
    if not 1 <= int(written) <= len(points):
        sys.exit(f"there is no point {written}: this seed and depth have 1 to {len(points)}")
    return [points[int(written) - 1]]


def _parse_point(written: str | None) -> Point | None:
    """A whole name needs no list to be found in; the lines of a point are those of this checkout."""
    parts = (written or "").split("/", 2)
    if len(parts) == 3 and parts[0] in suites.SUITES and parts[1] in suites.KINDS:
        return Point(*parts)
    return None


def _run_all(base: Base, points: Sequence[Point], count: int) -> Generator[tuple[Point, Verdict], None, None]:
    """Each worker takes its share and tells of every point in a line of JSON."""
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for number in range(count):
            reader, writer = os.pipe()
            worker = fork(partial(_work, base, number, points[number::count], writer), STDERR, is_leader=True)
            os.close(writer)
            lines = stack.enter_context(os.fdopen(reader, encoding="utf-8"))
            waiting.register(lines, selectors.EVENT_READ)
            stack.callback(_end, worker)
        while waiting.get_map():
            for key, _ in waiting.select():
                line = key.fileobj.readline()  # type: ignore[union-attr]
                if not line:
                    waiting.unregister(key.fileobj)
                    continue
                told = json.loads(line)
                yield Point(**told["point"]), Verdict(**told["verdict"])


def _end(worker: Child) -> None:
    """A worker that has told of everything ends by itself; one that is interrupted closes its simulator first, or is
    killed with it."""
    if sys.exception() is not None:
        worker.signal(signal.SIGINT)
    worker.wait()


def _work(base: Base, number: int, points: Sequence[Point], writer: int) -> int:
    with contextlib.suppress(KeyboardInterrupt), open_ground(base, number) as ground:
        for point in points:
            verdict = timed(suites.SUITES[point.suite].run, ground, point)
            told = {"point": asdict(point), "verdict": asdict(verdict)}
            os.write(writer, (json.dumps(told) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
