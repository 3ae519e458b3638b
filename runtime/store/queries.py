"""Named queries. SQL lives in sql/*.sql, each query introduced by `-- name: why it exists`; Python only names them."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_FOLDER = Path(__file__).parent / "sql"
# What a query is called in the log: by its text, which is all that a transaction is given.
_names: dict[str, str] = {}
_NAME = re.compile(r"^-- ([a-z][a-z0-9_]*): .+$", re.MULTILINE)


def load(noun: str) -> Mapping[str, str]:
    """The queries of one noun, by name."""
    found = parse((_FOLDER / f"{noun}.sql").read_text(encoding="utf-8"))
    _names.update({text: f"{noun}.{name}" for name, text in found.items()})
    return found


def name_of(text: str) -> str:
    return _names.get(text, "without a name")


def parse(text: str) -> Mapping[str, str]:
    pieces = _NAME.split(text)
    names, bodies = pieces[1::2], pieces[2::2]
    if len(set(names)) != len(names):
        raise ValueError("a query name stands twice in one file")
    return MappingProxyType({name: body.strip() for name, body in zip(names, bodies, strict=True)})
