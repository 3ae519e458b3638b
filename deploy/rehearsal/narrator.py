"""Tells a rehearsal as it happens: a heading for each step, what the commands say, and how long everything took.

It also keeps the account: every expectation that was met or not, so that the end can say what was proved.
"""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

# A line of a review (+ Stack/Resource), a permission, or an event of one resource; a stack's own name has hyphens.
RESOURCE = re.compile(
    r"^  [+~-] \S+/|^  \S+/\S+ allow |(CREATE|UPDATE|DELETE)_(IN_PROGRESS|COMPLETE\S*) +(?!holdfast-)|^ +[+-]\d+\.\d\d "
)


class Unmet(AssertionError):
    """The rehearsal expected {what}, and it was otherwise: {found}"""

    def __init__(self, what: str, found: object) -> None:
        super().__init__(f"The rehearsal expected {what}, and it was otherwise: {found}")


@dataclass(slots=True)
class Step:
    title: str
    seconds: float = 0.0
    met: list[str] = field(default_factory=list)


class Narrator:
    def __init__(self, out: TextIO = sys.stdout) -> None:
        self.out = out
        self.steps: list[Step] = []
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.steps.append(Step(title))
        begun = time.monotonic()
        self._print(f"\n=== {len(self.steps)}. {title}")
        try:
            yield
        finally:
            self.steps[-1].seconds = time.monotonic() - begun
            self._print(f"    {self.steps[-1].seconds:.1f} s")

    def say(self, what: str) -> None:
        self._print(f"  {what}")

    def met(self, what: str) -> None:
        self.steps[-1].met.append(what)
        self._print(f"  + {what}")

    def expect(self, is_so: bool, what: str, found: object = "it is not so") -> None:
        if not is_so:
            raise Unmet(what, found)
        self.met(what)

    def expect_quietly(self, is_so: bool, what: str) -> None:
        if not is_so:
            raise Unmet(what, "it did not come")

    def follow(self, process: subprocess.Popen[str]) -> str:
        """What a process says, line by line as it says it, and all of it at the end."""
        lines = []
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.append(line)
                self.pass_on(line)
        return "".join(lines)

    def pass_on(self, line: str) -> None:
        """A line of a command, unless it is one of the hundreds that name each resource that was made."""
        if not RESOURCE.search(line):
            self._print(f"  | {line.rstrip()}")

    def close(self, figures: list[str], limits: tuple[str, ...]) -> None:
        self._print("\n=== The rehearsal in figures")
        for number, step in enumerate(self.steps, start=1):
            self._print(f"  {number:>2}. {step.title:<66} {step.seconds:>7.1f} s  {len(step.met):>2} proved")
        whole = time.monotonic() - self._begun
        proved = sum(len(each.met) for each in self.steps)
        self._print(f"      {'all of it':<66} {whole:>7.1f} s  {proved:>2} proved")
        for figure in figures:
            self._print(f"  {figure}")
        self._print("\n=== What this cannot show")
        for limit in limits:
            self._print(f"  - {limit}")

    def _print(self, line: str) -> None:
        at = time.monotonic() - self._begun
        with self._lock:
            print(f"[{at:7.1f}]{line}" if line.startswith(" ") else line, file=self.out, flush=True)
