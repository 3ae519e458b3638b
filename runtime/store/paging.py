"""Lists in pages, each page with a cursor to the next: the newest first, or by name where nothing is newer. A cursor
names the last row that was seen, so that rows which come meanwhile shift nothing; it holds no secret, and one that is
not ours is refused.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from runtime import errors
from runtime.store import columns
from runtime.store.pool import Tx

T = TypeVar("T")

LIMIT = 100
LIMIT_MAX = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next` is given as `after` for what follows; null at the end."""

    items: list[T]
    next: str | None


def read(
    tx: Tx,
    query: str,
    parameters: Mapping[str, Any],
    *,
    limit: int,
    after: str | None,
    build: type[T],
) -> Page[T]:
    """Queries for pages end their rows with an instant and a text, by which they are ordered, both descending."""
    at, key = parse(after)
    rows = tx.rows(query, {**parameters, "after_at": at, "after_key": key, "count": limit + 1})
    items = columns.from_rows(build, rows[:limit], beside=2)
    return Page(items, render(*rows[limit - 1][-2:]) if len(rows) > limit else None)


def read_named(
    tx: Tx,
    query: str,
    parameters: Mapping[str, Any],
    *,
    limit: int,
    after: str | None,
    build: type[T],
) -> Page[T]:
    """Queries for these end their rows with a text, by which they are ordered, ascending."""
    key = parse_name(after)
    rows = tx.rows(query, {**parameters, "after_key": key, "count": limit + 1})
    items = columns.from_rows(build, rows[:limit], beside=1)
    return Page(items, render_name(rows[limit - 1][-1]) if len(rows) > limit else None)


def every(load: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """The whole list, page by page: for whoever must not overlook one."""
    page = load(None)
    yield from page.items
    while page.next is not None:
        page = load(page.next)
        yield from page.items


def render(at: datetime, key: str) -> str:
    return _written([at.isoformat(), key])


def render_name(key: str) -> str:
    return _written([key])


def parse(cursor: str | None) -> tuple[datetime | None, str | None]:
    if cursor is None:
        return None, None
    with _refused():
        at, key = _told(cursor)
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None:
            raise ValueError
        return instant, _text(key)


def parse_name(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    with _refused():
        (key,) = _told(cursor)
        return _text(key)


def _written(place: list[str]) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def _told(cursor: str) -> Any:
    return json.loads(urlsafe_b64decode(cursor.encode("ascii")))


def _text(key: object) -> str:
    if not isinstance(key, str) or "\0" in key:
        raise ValueError
    key.encode()  # a lone surrogate is no text for PostgreSQL
    return key


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, RecursionError):
        raise errors.InvalidRequest(detail="`after` is no cursor of ours") from None
