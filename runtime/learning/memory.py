"""What a component remembers, as bytes: a version of its shape, a codec, the bytes, and their SHA-256.

Three codecs: `json` (text that is the same for the same value), `npz` (arrays of numbers) and `raw`. Never pickle,
which runs code when it is read. Equal states give equal bytes, so that what was saved can be held against what comes
back.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.domain import money
from runtime.domain.decision import Json

Arrays = Mapping[str, NDArray[np.generic]]

# What a component may keep. More than this is a model, whose bytes have a place of their own.
BYTES_MAX = 64 * 1024 * 1024
# Numbers alone: an array of objects would be a pickle in disguise.
KINDS = "biuf"


class Unreadable(ValueError):
    """What was saved cannot be this component's."""

    def __init__(self, why: object) -> None:
        super().__init__(f"What was saved cannot be this component's: {why!s:.200}.")


class Codec(StrEnum):
    JSON = "json"
    NPZ = "npz"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Saved:
    """`version` is of the shape of the state; a component that has learned a new shape says how it reads an old one."""

    version: int
    codec: Codec
    body: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class Component(Protocol):
    """Something that learns or counts beside a strategy, and must not forget."""

    asks: bool  # its state should be saved soon; whoever saved it takes that back

    @property
    def name(self) -> str: ...

    def save(self) -> Saved: ...

    def load(self, saved: Saved) -> None:
        """Take the state on whole, or raise Unreadable and stay as it was."""


class Watcher(Component, Protocol):
    """A component that is told of every trade that closed, and now and then what the bot is worth."""

    def close(self, result: Decimal, at: datetime) -> None: ...

    def mark(self, equity: Decimal, at: datetime) -> None: ...


def write_json(value: Json, *, version: int) -> Saved:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return Saved(version, Codec.JSON, text.encode())


def read_json(saved: Saved) -> Json:
    require(saved.codec is Codec.JSON, f"it is {saved.codec} and not JSON")
    try:
        value: Json = json.loads(saved.body, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as fault:
        raise Unreadable(
            f"What was saved cannot be this component's: it is no JSON of ours ({fault!s:.100})."
        ) from None
    return value


def write_arrays(arrays: Arrays, *, version: int) -> Saved:
    """Uncompressed, in the order of their names, without a date: the same arrays are the same bytes."""
    wrong = sorted(name for name, each in arrays.items() if each.dtype.kind not in KINDS)
    require(not wrong, f"{', '.join(wrong)} hold something that is no number")
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name in sorted(arrays):
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as part:
                np.lib.format.write_array(part, np.ascontiguousarray(arrays[name]), allow_pickle=False)
    return Saved(version, Codec.NPZ, body.getvalue())


def read_arrays(saved: Saved) -> dict[str, NDArray[np.generic]]:
    require(saved.codec is Codec.NPZ, f"it is {saved.codec} and holds no arrays")
    try:
        with np.load(io.BytesIO(saved.body), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as fault:
        raise Unreadable(
            f"What was saved cannot be this component's: its arrays cannot be read ({fault!s:.100})."
        ) from None


def require(condition: bool, why: str) -> None:
    if not condition:
        raise Unreadable(why)


def number(value: object) -> Decimal:
    """An amount as it was saved, a text."""
    try:
        return money.parse(value if isinstance(value, str) else "it is no text")
    except ValueError as fault:
        raise Unreadable(fault) from None


def _refuse(text: str) -> Json:
    raise ValueError(f"{text:.20} is a number with a point, and ours are texts")
