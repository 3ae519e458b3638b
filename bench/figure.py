"""A figure of the README: what was measured, against what it should be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    measured: float
    unit: str
    target: float
    at_least: bool = False
    remark: str = ""

    @property
    def is_reached(self) -> bool:
        return self.measured >= self.target if self.at_least else self.measured <= self.target

    def line(self) -> str:
        bound = f"{'at least' if self.at_least else 'at most'} {self.target:g}{self.unit}"
        verdict = "reached" if self.is_reached else "MISSED"
        return f"{self.name:<52} {self.measured:>7.3f}{self.unit:<2} {bound:<16} {verdict:<8} {self.remark}"
