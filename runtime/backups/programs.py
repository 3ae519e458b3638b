"""PostgreSQL's own programs: finds the one that fits a server, and runs it with its bytes on a pipe.

Addresses and passwords reach a program by its environment alone, never by a command line. What it complains about is
read back after it has ended; a program whose reader is gone is ended too.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from runtime import errors

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")
_VERSION_SECONDS_MAX = 20
_END_SECONDS_MAX = 10
REMEDY = "Install PostgreSQL's client programs of the server's version, or a newer one."


@dataclass(frozen=True, slots=True)
class Program:
    path: Path
    major: int
    version: str


def find(name: str, folders: Iterable[Path], *, server_major: int) -> Program:
    """The oldest that is not older than the server: a newer pg_dump writes what only newer servers understand."""
    found = [program for folder in folders if (program := _examine(folder / name)) is not None]
    fitting = [each for each in found if each.major >= server_major]
    if fitting:
        return min(fitting, key=lambda each: each.major)
    seen = f"only {', '.join(sorted({each.version for each in found}))} is here" if found else "none is here"
    detail = (
        f"the server is PostgreSQL {server_major}, it takes a {name} of that version or newer, and {seen}"
    )
    raise errors.DumpFailed(program=name, detail=detail, remedy=REMEDY)


def _examine(path: Path) -> Program | None:
    if not path.is_file():
        return None
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False, timeout=_VERSION_SECONDS_MAX
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = _VERSION.search(answer.stdout)
    return Program(path, int(told[1]), told[1] + told[2]) if told and answer.returncode == 0 else None


class Running:
    """A program that is at work. `pipe` is its standard output, or its input."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: IO[bytes], complaints: IO[bytes]) -> None:
        self.pipe = pipe
        self._process = process
        self._complaints = complaints

    def end(self) -> str | None:
        """Wait for it; what it complained about if it failed."""
        _close(self.pipe)
        code = self._process.wait()
        self._complaints.seek(0)
        words = self._complaints.read().decode(errors="replace").splitlines()
        return None if code == 0 else _telling(words) or f"it ended with {code} and without a word"


@contextmanager
def reading_from(program: Program, arguments: list[str], environment: Mapping[str, str]) -> Iterator[Running]:
    with _started(
        program, arguments, environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as running:
        yield running


@contextmanager
def writing_to(program: Program, arguments: list[str], environment: Mapping[str, str]) -> Iterator[Running]:
    with _started(
        program, arguments, environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as running:
        yield running


@contextmanager
def _started(
    program: Program, arguments: list[str], environment: Mapping[str, str], *, stdin: int, stdout: int
) -> Iterator[Running]:
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [str(program.path), *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=complaints,
            env=dict(environment),
        )
        pipe = process.stdout or process.stdin
        assert pipe is not None
        try:
            yield Running(process, pipe, complaints)
        finally:
            _end(process, pipe)


def _end(process: subprocess.Popen[bytes], pipe: IO[bytes]) -> None:
    """However we leave: nobody reads it any more."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=_END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _close(pipe)


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        # What was still buffered was for a program that is gone; its exit code tells.
        return


def _telling(words: list[str]) -> str:
    """The first complaint: what follows it follows from it. Statements are left out, they may hold rows."""
    said = [line for line in words if "error:" in line or "FATAL" in line] or words
    return said[0].partition("error: ")[2] or said[0] if said else ""
