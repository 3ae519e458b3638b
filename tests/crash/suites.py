"""What there is to prove: each suite lists its points and knows how to run one."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runtime.domain.market import MarketKind
from tests.crash import answers, reading
from tests.crash.answers import strike_answer
from tests.crash.ground import Ground
from tests.crash.idling import TURNS, strike_idle
from tests.crash.judging import Verdict
from tests.crash.leaving import count_leaving, strike_leaving
from tests.crash.points import Point
from tests.crash.reading import strike_blind, strike_reading
from tests.crash.recovering import count_recovery, strike_recovery
from tests.crash.rivals import STARTS, strike_starts, strike_tenants, strike_zombie, zombie_places
from tests.crash.striking import (
    LOSSES,
    MOMENTS,
    count_lines,
    count_messages,
    strike_connection,
    strike_line,
    strike_message,
)

KINDS = tuple(kind.value for kind in MarketKind)
TENANT_POINTS = 12


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    what: str
    run: Callable[[Ground, Point], Verdict]


SUITES = {
    suite.name: suite
    for suite in (
        Suite("life", "SIGKILL before each executed line", strike_line),
        Suite("recovery", "SIGKILL before each line of the start after it", strike_recovery),
        Suite("message", "SIGKILL around each SQL and HTTP message", strike_message),
        Suite("break", "each connection broken at each message", strike_connection),
        Suite("answer", "answers that prove nothing", strike_answer),
        Suite("reading", "what is looked for is spoilt too", strike_reading),
        Suite("blind", "never proved: visible, and alone", strike_blind),
        Suite("zombie", "SIGSTOP past the lease, then awake", strike_zombie),
        Suite("away", "SIGKILL while an exit leaves without SQL", strike_leaving),
        Suite("starts", "many starts at once", strike_starts),
        Suite("tenants", "two tenants side by side, one killed", strike_tenants),
        Suite("idle", "state equals state before", strike_idle),
    )
}


def list_points(ground: Ground, seed: int, depth: str) -> list[Point]:
    """Everything, in an order that the seed decides."""
    points = [
        Point(suite, kind, place) for kind in KINDS for suite, place in _places(ground, kind, seed, depth)
    ]
    random.Random(seed).shuffle(points)
    return points


def slice_of(points: list[Point], seed: int) -> list[Point]:
    """A few of each suite, and every ambiguous answer once, for the test run."""
    chance = random.Random(seed)
    chosen: list[Point] = []
    for suite, count in {
        "life": 16,
        "recovery": 6,
        "message": 10,
        "break": 6,
        "reading": 6,
        "blind": 2,
        "zombie": 2,
        "away": 4,
        "tenants": 1,
        "idle": 3,
    }.items():
        of_suite = [point for point in points if point.suite == suite]
        chosen += chance.sample(of_suite, min(count, len(of_suite)))
    once: dict[str, Point] = {}
    for point in points:
        if point.suite == "answer" and point.kind == "spot":
            once.setdefault(point.place.partition(":")[0], point)
    starts = [point for point in points if point.suite == "starts" and point.place == "4:killed"]
    return [*chosen, *once.values(), *starts]


def _places(ground: Ground, kind: str, seed: int, depth: str) -> Iterator[tuple[str, str]]:
    lines = count_lines(ground, kind, "line").lines
    deep = lines if depth == "line" else count_lines(ground, kind, depth).lines
    yield from (("life", line) for line in deep)
    if kind == MarketKind.SPOT or depth != "line":
        yield from (("recovery", line) for line in count_recovery(ground, kind, depth))
    for channel, count in count_messages(ground, kind).items():
        for number in range(1, count + 1):
            yield from (("message", f"{channel}:{number}:{moment}") for moment in MOMENTS)
            yield from (("break", f"{channel}:{number}:{loss}") for loss in LOSSES)
    yield from (("answer", place) for place in answers.places())
    yield from (("reading", place) for place in reading.places(kind))
    yield from (("blind", place) for place in reading.blind_places(kind))
    # The lines that send and write are the same for perpetuals; each of these runs waits for a lease to end.
    asleep = list(dict.fromkeys(zombie_places(lines)))
    yield from (("zombie", place) for place in (asleep if kind == MarketKind.SPOT else asleep[::4]))
    outage = count_leaving(ground, kind, depth)
    yield from (("away", line) for line in (outage if kind == MarketKind.SPOT else outage[::4]))
    yield from (("starts", place) for place in STARTS)
    yield from (("tenants", line) for line in random.Random(seed).sample(lines, TENANT_POINTS))
    yield from (("idle", str(turn)) for turn in TURNS)
