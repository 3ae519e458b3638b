"""A figure of the README: what was measured, against what it should be, or the floor under such a figure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    measured: float
    unit: str
    target: float | None  # none for a floor: nothing could be done about it
    at_least: bool = False
    remark: str = ""

    def line(self) -> str:
        bound, verdict = self._judged()
        return f"{self.name:<52} {self.measured:>7.3f}{self.unit:<2} {bound:<16} {verdict:<8} {self.remark}"

    def _judged(self) -> tuple[str, str]:
        if self.target is None:
            return "", "floor"
        is_reached = self.measured >= self.target if self.at_least else self.measured <= self.target
        bound = f"{'at least' if self.at_least else 'at most'} {self.target:g}{self.unit}"
        return bound, "reached" if is_reached else "MISSED"
