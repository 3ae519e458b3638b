"""The figures that `make prove` prints."""

from dataclasses import dataclass, field

from tests.crash.judging import Verdict
from tests.crash.points import Point
from tests.crash.suites import SUITES

COLUMNS = ("points", "runs", "orders", "lost", "duplicated", "unresolved", "stale", "late", "seconds")
FAULT_LENGTH_MAX = 800
SHOWN_MAX = 20


@dataclass(slots=True)
class Tally:
    """A row: what the runs of a suite on a kind of market add up to."""

    points: int = 0
    unreached: int = 0
    runs: int = 0
    orders: int = 0
    lost: int = 0
    duplicated: int = 0
    unresolved: int = 0
    stale: int = 0
    late: int = 0
    seconds: float = 0.0

    def add(self, verdict: Verdict) -> None:
        self.points += 1
        self.unreached += not verdict.reached
        self.runs += verdict.processes
        self.orders += verdict.orders
        self.lost += verdict.lost
        self.duplicated += verdict.duplicated
        self.unresolved += verdict.unresolved
        self.stale += verdict.stale
        self.late += verdict.late
        self.seconds += verdict.seconds

    def cells(self) -> tuple[str, ...]:
        return tuple(f"{getattr(self, name):.0f}" for name in COLUMNS)


@dataclass(slots=True)
class Report:
    seed: int
    rows: dict[tuple[str, str], Tally] = field(default_factory=dict)
    total: Tally = field(default_factory=Tally)
    bad: list[tuple[Point, Verdict]] = field(default_factory=list)
    late: list[Point] = field(default_factory=list)

    def add(self, point: Point, verdict: Verdict) -> None:
        self.rows.setdefault((point.suite, point.kind), Tally()).add(verdict)
        self.total.add(verdict)
        if not verdict.is_good:
            self.bad.append((point, verdict))
        if verdict.late:
            self.late.append(point)

    def progress(self, of: int) -> str:
        total = self.total
        return (
            f"{total.points} of {of} points, {total.orders} orders at the venue, lost {total.lost},"
            f" duplicated {total.duplicated}, unresolved {total.unresolved}, {len(self.bad)} bad"
        )

    def text(self) -> str:
        lines = [f"{'':52}" + "".join(f"{name:>12}" for name in COLUMNS)]
        for (suite, kind), tally in sorted(
            self.rows.items(), key=lambda row: (list(SUITES).index(row[0][0]), row[0])
        ):
            lines.append(_row(f"{suite}, {kind}: {SUITES[suite].what}"[:51], tally))
        lines.append(_row("all", self.total))
        if self.total.unreached:
            lines.append(
                f"{self.total.unreached} points were not come by; their runs were judged at their end"
            )
        lines += [f"sent late, and covered by the window: {point}" for point in self.late[:SHOWN_MAX]]
        for point, verdict in self.bad[:SHOWN_MAX]:
            lines.append(f"BAD {point}: {'; '.join(verdict.faults)[:FAULT_LENGTH_MAX]}")
            lines.append(f"    again: make prove SEED={self.seed} POINT='{point}'")
        return "\n".join(lines)


def _row(name: str, tally: Tally) -> str:
    return f"{name:52}" + "".join(f"{cell:>12}" for cell in tally.cells())
