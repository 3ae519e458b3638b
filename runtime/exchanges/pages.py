"""Listings of a venue, read to their end: an error where the end cannot be reached, never a silence."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.exchanges import readings
from runtime.exchanges.connection import Connection
from runtime.exchanges.readings import Raw

PAGES_MAX = 500
CLOCK_MARGIN = timedelta(seconds=60)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Ask = Callable[[dict[str, Any]], object]


def read(connection: Connection, action: str, ask: Ask, params: Mapping[str, Any]) -> Iterator[list[Raw]]:
    """Page after page, newest first, to the end; an end is a page that is not full."""
    # The size is told to the venue only: the client would cut off what is more than it was told.
    asked: dict[str, Any] = {**params, "limit": connection.profile.page_size}
    for _ in range(PAGES_MAX):
        with connection.reading(action):
            page = connection.counted(ask(dict(asked)))
            ids = [readings.identifier(raw.get("id"), "id") for raw in page]
            is_full = len(connection.told()) >= connection.profile.page_size
        yield page
        if not is_full:
            return
        cursor = _cursor(connection, action, ids)
        if asked.get("idLessThan") == cursor:
            raise connection.unavailable(action, "its pages do not end")
        asked["idLessThan"] = cursor
    raise connection.unavailable(action, f"it has more than {PAGES_MAX} pages")


def since(connection: Connection, action: str, moment: datetime) -> dict[str, Any]:
    """The parameter that asks for rows since a moment, if the venue still shows them."""
    days = connection.profile.history_days
    if moment < connection.clock.now() - timedelta(days=days):
        raise connection.unavailable(action, f"it shows only the last {days} days")
    return {"startTime": milliseconds(moment)}


def spans(connection: Connection, action: str, start: datetime) -> list[dict[str, Any]]:
    """The time since a moment, cut into pieces that the venue lists at once."""
    step = timedelta(days=connection.profile.fills_window_days)
    until = connection.clock.now() + CLOCK_MARGIN
    pieces = [since(connection, action, start)]
    while start + step < until:
        pieces[-1]["endTime"] = milliseconds(start + step - _MILLISECOND)
        start += step
        pieces.append({"startTime": milliseconds(start)})
    pieces[-1]["endTime"] = milliseconds(until)
    return pieces


def milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _cursor(connection: Connection, action: str, ids: Sequence[str]) -> str:
    if not connection.profile.pages_by_id or not all(each.isdigit() for each in ids):
        raise connection.unavailable(action, "there is more than one page, and its paging is not known")
    return str(min(int(each) for each in ids))
