"""Which programs may run on a schema. A revision says it of itself, the version table carries it as its comment, and a
program that meets a revision which it does not know reads it there; docs/decisions/0009 says why.

A revision that only adds names the oldest program that runs on it: `oldest_program = "0006"`. One that says nothing
suits no program but its own and later ones.
"""

import re
from pathlib import Path

_SAYS = re.compile(r'^(revision|down_revision|oldest_program) = "([0-9]{4})"$', re.MULTILINE)


def mark_after_up(revision_file: str) -> str:
    return _mark(_oldest_program(Path(revision_file)))


def mark_after_down(revision_file: str) -> str:
    """What the revision below says of itself; nothing if there is none."""
    path = Path(revision_file)
    below = _read(path).get("down_revision")
    return _mark(_oldest_program(next(path.parent.glob(f"{below}_*.py"))) if below else None)


def _oldest_program(path: Path) -> str:
    says = _read(path)
    return says.get("oldest_program", says["revision"])


def _read(path: Path) -> dict[str, str]:
    return dict(_SAYS.findall(path.read_text(encoding="utf-8")))


def _mark(oldest: str | None) -> str:
    words = f"'programs from {oldest} on run on this schema'" if oldest else "null"
    return f"comment on table public.alembic_version is {words};\n"
