"""Lists in pages: the newest first, each page with a cursor to the next. A cursor names the last row that was seen, so
that rows which come meanwhile shift nothing; it holds no secret, and one that is not ours is refused.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from runtime import errors
from runtime.store.pool import Tx

T = TypeVar("T")

LIMIT = 100


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
    build: Callable[..., T],
) -> Page[T]:
    """Queries for pages end their rows with an instant and a text, by which they are ordered, both descending."""
    at, key = parse(after)
    rows = tx.rows(query, {**parameters, "after_at": at, "after_key": key, "count": limit + 1})
    items = [build(*row[:-2]) for row in rows[:limit]]
    return Page(items, render(*rows[limit - 1][-2:]) if len(rows) > limit else None)


def render(at: datetime, key: str) -> str:
    return urlsafe_b64encode(json.dumps([at.isoformat(), key]).encode()).decode()


def parse(cursor: str | None) -> tuple[datetime | None, str | None]:
    if cursor is None:
        return None, None
    try:
        at, key = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
        instant = datetime.fromisoformat(at)
        if not isinstance(key, str) or "\0" in key or instant.tzinfo is None:
            raise ValueError
        key.encode()
    except (ValueError, TypeError, RecursionError):
        raise errors.InvalidRequest(detail="`after` is no cursor of ours") from None
    return instant, key
