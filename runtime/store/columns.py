"""Very many rows as typed objects, a column at a time: PostgreSQL sends each column as one value, it is parsed in one
go, and it fills one slot of all the objects. A desk waits for this at every start.

It knows the forms in which PostgreSQL writes a value, and nothing of the tables. It promises that columns which do not
fit each other are an error, never a shifted value.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import repeat
from typing import Any, TypeVar
from uuid import UUID, SafeUUID

from runtime import errors

T = TypeVar("T")

BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}
# What the queries put between values that hold none: numbers, instants, ids, our own words. What a venue may have
# written comes as an array of JSON.
_COMMA = ","


class Known(dict[str, Any]):
    """Each different text parsed once: where there are few of them among many. Where there is none, it was null."""

    def __init__(self, parse: Callable[[str], Any]) -> None:
        super().__init__({"": None})
        self._parse = parse

    def __missing__(self, text: str) -> Any:
        value = self[text] = self._parse(text)
        return value


def parse(column: str, each: Callable[[str], Any]) -> Iterable[Any]:
    return map(each, column.split(_COMMA))


def look_up(column: str, values: Mapping[str, Any]) -> Iterable[Any]:
    return map(values.__getitem__, column.split(_COMMA))


def parse_uuids(column: str) -> list[UUID]:
    """PostgreSQL writes them in one way only, so that the many ways that UUID allows for need not be tried."""
    numbers = [*map(int, column.replace("-", "").split(_COMMA), repeat(16))]
    made = _made(UUID, len(numbers))
    _fill(made, UUID, "int", numbers)
    _fill(made, UUID, "is_safe", repeat(SafeUUID.unknown))
    return made


def build(kind: type[T], columns: Sequence[Iterable[Any]]) -> list[T]:
    """Objects of a dataclass with slots, from its fields in their order. One that is frozen sets, when it is called,
    each field of each object by a call of its own."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    values = [[*column] for column in columns]
    if len(values) != len(names) or len({len(each) for each in values}) != 1:
        raise errors.BrokenInvariant(detail=f"the columns of {kind.__name__} do not fit each other")
    made = _made(kind, len(values[0]))
    for name, column in zip(names, values, strict=True):
        _fill(made, kind, name, column)
    return made


@contextmanager
def uncollected() -> Iterator[None]:
    """Values that hold no cycles, by the ten thousand: looking for garbage among them takes longer than making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _made(kind: type[T], count: int) -> list[T]:
    return [*map(object.__new__, repeat(kind, count))]


def _fill(made: Sequence[object], kind: type, name: str, values: Iterable[Any]) -> None:
    # Through the slot itself, and without a step of Python for each object.
    deque(map(getattr(kind, name).__set__, made, values), maxlen=0)
