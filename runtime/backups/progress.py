"""Says on standard error how far a long work has come: over and over in one line on a terminal, else seldom."""

import sys
import time
from typing import TextIO

ON_TERMINAL_SECONDS = 0.2
ELSEWHERE_SECONDS = 10.0


class Progress:
    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._due_at = time.monotonic()
        self._shown = 0

    def tell(self, sentence: str) -> None:
        """Where it stands; most of these are not shown."""
        now = time.monotonic()
        if now < self._due_at:
            return
        self._due_at = now + (ON_TERMINAL_SECONDS if self._live else ELSEWHERE_SECONDS)
        self._write(sentence, "" if self._live else "\n")

    def done(self, sentence: str) -> None:
        """A step that is over; always shown."""
        self._write(sentence, "\n")
        self._shown = 0

    def _write(self, sentence: str, end: str) -> None:
        # On a terminal it stands over the one before, whose end must not show.
        self._out.write(f"\r{sentence:<{self._shown}}{end}" if self._live else sentence + end)
        self._out.flush()
        self._shown = len(sentence)


def megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB"
