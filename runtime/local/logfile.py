"""A log file that cannot fill the disk: it grows to its bound, is set aside once as `.1`, and begins again. It owns
these two files, and a full disk loses log lines, never the process that writes them."""

import os
from collections import deque
from pathlib import Path

BYTES_MAX = 2_000_000
LINES_KEPT = 40


class BoundedLog:
    """Takes raw bytes as they come out of a pipe and remembers the last lines."""

    def __init__(self, path: Path, *, bytes_max: int = BYTES_MAX) -> None:
        self.path = path
        self.dropped_count = 0
        self._bytes_max = bytes_max
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._rest = b""
        self._fd = self._open()

    def write(self, chunk: bytes) -> None:
        self._remember(chunk)
        try:
            if os.fstat(self._fd).st_size + len(chunk) > self._bytes_max:
                self._turn_over()
            os.write(self._fd, chunk[-self._bytes_max :])
        except OSError:
            self.dropped_count += 1

    def last_lines(self) -> list[str]:
        unfinished = self._rest.decode(errors="replace").strip()
        return [*self._lines, unfinished] if unfinished else list(self._lines)

    def close(self) -> None:
        os.close(self._fd)

    def _remember(self, chunk: bytes) -> None:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[-4096:]
        self._lines.extend(text for line in whole if (text := line.decode(errors="replace").strip()))

    def _turn_over(self) -> None:
        os.replace(self.path, self.path.with_name(self.path.name + ".1"))
        os.close(self._fd)
        self._fd = self._open()

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
