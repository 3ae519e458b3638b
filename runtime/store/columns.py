"""Very many rows as typed objects, a column at a time: PostgreSQL sends a thousand rows as one, each column as one
value. It is parsed in one go, and fills one slot of all the objects. A desk waits for this at every start.

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

from runtime import errors

T = TypeVar("T")

# So many rows are sent as one: while they are parsed, PostgreSQL puts the next ones together.
COUNT = 1000
# What the queries put between values that hold none: numbers, ids. Other values come as an array.
_COMMA = ","


class Known(dict[str, Any]):
    """Each different text parsed once: where there are few of them among many. Where there is none, it was null."""

    def __init__(self, parse: Callable[[str], Any]) -> None:
        super().__init__({"": None})
        self._parse = parse

    def __missing__(self, text: str) -> Any:
        value = self[text] = self._parse(text)
        return value


def split(column: str) -> list[str]:
    """Numbers come so: Python makes a Decimal out of a text twice as fast as out of what else PostgreSQL sends."""
    return column.split(_COMMA)


def look_up(column: Iterable[str], values: Mapping[str, Any]) -> Iterable[Any]:
    return map(values.__getitem__, column)


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


def from_rows(kind: type[T], rows: Sequence[Sequence[Any]], *, beside: int = 0) -> list[T]:
    """The same from rows, whose last columns may be `beside` the fields."""
    if not rows:
        return []
    return build(kind, [*zip(*rows, strict=True)][: len(rows[0]) - beside])


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
