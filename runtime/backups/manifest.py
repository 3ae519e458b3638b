"""What is written down about a dump once it is whole: its bytes, and what the ledger held at that instant.

Pure. A dump without a manifest does not count, and what a manifest says is believed only after the dump was read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from runtime import errors

FORMAT = 1
_NAME = re.compile(r"holdfast-\d{8}T\d{6}Z-[0-9a-f]{8}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
SHOWN_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`contents` is of the same snapshot as the dump; `roles` are those that its grants may name."""

    name: str
    taken_at: datetime
    finished_at: datetime
    size: int
    sha256: str
    database: str
    server_version: str
    server_major: int
    dumped_by: str
    roles: tuple[str, ...]
    contents: Mapping[str, Any]

    @property
    def revision(self) -> str:
        return str(self.contents["revision"])

    @property
    def orders(self) -> int:
        return int(self.contents["rows"].get("orders", 0))


def make_name(taken_at: datetime, token: str) -> str:
    """Names sort as their instants do."""
    return f"holdfast-{taken_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{token}"


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def taken_at(name: str) -> datetime:
    return datetime.strptime(name.split("-")[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def render(manifest: Manifest) -> bytes:
    told = {"format": FORMAT, **asdict(manifest)}
    return json.dumps(told, default=datetime.isoformat, indent=1, sort_keys=True).encode() + b"\n"


def parse(name: str, place: str, text: bytes) -> Manifest:
    """The manifest that stands under `name`, or the sentence that says what is wrong with it."""
    try:
        told = json.loads(text)
        if told.pop("format") != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}")
        parsed = _parse(told)
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        detail = (
            str(fault) if isinstance(fault, ValueError) else f"it lacks something ({type(fault).__name__})"
        )
        raise errors.BackupUnreadable(name=name, place=place, detail=detail) from None
    if parsed.name != name:
        raise errors.BackupMixedUp(name=name, place=place, found=f"{parsed.name:.60}")
    return parsed


def _parse(told: Mapping[str, Any]) -> Manifest:
    known = {each.name for each in fields(Manifest)}
    if set(told) != known:
        raise ValueError(f"its fields are not ours: {', '.join(sorted(set(told) ^ known))}")
    parsed = Manifest(
        **{
            **told,
            "taken_at": _instant(told["taken_at"]),
            "finished_at": _instant(told["finished_at"]),
            "roles": tuple(told["roles"]),
        }
    )
    if type(parsed.size) is not int or parsed.size < 0 or not _SHA256.fullmatch(parsed.sha256):
        raise ValueError("its size or its digest is none")
    if not isinstance(parsed.contents["revision"], str) or not isinstance(parsed.contents["rows"], dict):
        raise ValueError("it does not say what the ledger held")
    return parsed


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant in it has no zone")
    return instant


def differences(said: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Every figure that is not the same, one sentence each."""
    return list(_compare("", said, found))


def _compare(where: str, said: object, found: object) -> Iterator[str]:
    if isinstance(said, Mapping) and isinstance(found, Mapping):
        for key in sorted({*said, *found}):
            yield from _compare(f"{where} {key}".strip(), said.get(key), found.get(key))
    elif said != found:
        yield f"{where} is {found if found is not None else 'missing'}, the manifest says {said}"


def sentence(found: list[str]) -> str:
    more = f", and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
    return "; ".join(found[:SHOWN_MAX]) + more
