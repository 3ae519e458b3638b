"""What changed since somebody looked last, and the word that something did.

Each account's chain of order events is written by one desk in its own order, so its sequence is a cursor that neither
skips nor repeats, whatever commits in between; fills are events of their orders. Everything else is small: it is read
whole and compared. The word is `NOTIFY`: it says whose rows changed and of which kind, nothing else.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from runtime import errors
from runtime.settings import Secret
from runtime.store import access, order_pages, queries
from runtime.store.order_pages import Fill, Order
from runtime.store.pool import Tx

_SQL = queries.load("changes")
_CHANNEL = "listen holdfast_changes"
_CONNECT_SECONDS = 5
ACCOUNTS_MAX = 1000
EVENTS_MAX = 1000

Ends = Mapping[UUID, int]  # by account, the sequence of the last event that was seen


@dataclass(frozen=True, slots=True)
class Moves:
    """Orders as they stand now, each once, and every fill among their events. `more` says that there are others."""

    orders: list[Order]
    fills: list[Fill]
    ends: Ends
    more: bool


@dataclass(frozen=True, slots=True)
class Word:
    """Whose rows changed; None is anybody's."""

    tenant: UUID | None
    noun: str


def load_ends(tx: Tx) -> Ends:
    return dict(tx.rows(_SQL["load_ends"], {"count": ACCOUNTS_MAX}))


def load_moves(tx: Tx, seen: Ends) -> Moves:
    parameters = {"accounts": list(seen), "sequences": list(seen.values()), "count": EVENTS_MAX}
    rows = tx.rows(_SQL["load_changed"], parameters)
    if not rows:
        return Moves([], [], seen, more=False)
    ends = {**seen, **{account: sequence for account, sequence, *_ in rows}}
    counts = dict.fromkeys(seen, 0)
    for account, *_ in rows:
        counts[account] += 1
    changed = list(dict.fromkeys(order_id for _, _, order_id, _ in rows))
    filled = {(order_id, trade_id) for _, _, order_id, trade_id in rows if trade_id is not None}
    fills = []
    if filled:
        order_ids, trade_ids = ({*column} for column in zip(*filled, strict=True))
        fills = order_pages.load_order_fills(tx, [*order_ids], [*trade_ids])
    return Moves(
        orders=order_pages.load_orders_by_id(tx, changed),
        fills=[each for each in fills if (each.order_id, each.venue_trade_id) in filled],
        ends=ends,
        more=max(counts.values()) >= EVENTS_MAX,
    )


class Listening:
    """A connection that does nothing but hear."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def words(self, seconds: float) -> list[Word]:
        """What was said until now; if nothing was, what is said first within so many seconds."""
        try:
            heard = [*self._connection.notifies(timeout=0)]
            if not heard:
                heard = [*self._connection.notifies(timeout=seconds, stop_after=1)]
        except psycopg.Error as exc:
            raise _lost(exc) from exc
        return [_word(each.payload) for each in heard]


@contextmanager
def listening(url: Secret) -> Iterator[Listening]:
    try:
        connection = access.connect(
            url, connect_timeout=_CONNECT_SECONDS, autocommit=True, application_name="holdfast-stream"
        )
    except psycopg.Error as exc:
        raise _lost(exc) from exc
    with connection:
        try:
            connection.execute(_CHANNEL)
        except psycopg.Error as exc:
            raise _lost(exc) from exc
        yield Listening(connection)


def _word(payload: str) -> Word:
    tenant, _, noun = payload.partition(" ")
    return Word(UUID(tenant) if tenant else None, noun)


def _lost(exc: psycopg.Error) -> errors.StoreUnavailable:
    detail = exc.diag.message_primary or type(exc).__name__
    return errors.StoreUnavailable(action="listen for changes", detail=detail)
