"""An order's life through the store, against the least that three durable writes can cost and against an ORM."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg

from bench.ground import Ground
from runtime.domain.fill import Fill
from runtime.domain.identity import BotId
from runtime.domain.order import Intent, Status
from runtime.engine.ledger import Ledger
from runtime.settings import Secret
from tests.store.desks import NOW, make_fill, make_intent, open_desk

_numbers = itertools.count(1)

# One row as plain as a durable fact can be: what an order is, a primary key, nothing that watches over it.
BARE_TABLE = """
create table if not exists public.bare (
  id uuid primary key, account_id uuid not null, symbol text not null, side text not null, kind text not null,
  quantity numeric not null, price numeric not null, status text not null, at timestamptz not null)
"""
BARE_INSERT = "insert into public.bare values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"


def live(ledger: Ledger, number: int, intent: Intent, fill: Fill) -> None:
    """Intent, submitted, filled: three writes, with everything that the engine does for them."""
    (order,) = ledger.record_intents(
        intent.bot_id, [intent], memory={"candle": number}, trigger_reason="tick"
    )
    order = ledger.advance(order, Status.SUBMITTED, NOW, {}, venue_order_id=fill.venue_order_id)
    ledger.record_fill(order, fill, NOW)


@contextmanager
def ours(url: Secret, ground: Ground) -> Iterator[Callable[[], None]]:
    with open_desk(url, ground.names) as desk:
        ledger, decided = desk.ledger(), _decided(desk.bot_id)
        yield lambda: live(ledger, *next(decided))


def _decided(bot_id: BotId) -> Iterator[tuple[int, Intent, Fill]]:
    """What a strategy wanted and a venue reported, made a hundred at a time: neither is the store's work, and the
    median of the repeats does not see the one that made them."""
    while True:
        made = list[tuple[int, Intent, Fill]]()
        for number in itertools.islice(_numbers, 100):
            intent = make_intent(bot_id)
            made.append((number, intent, make_fill(intent, number, "1.5", price=Decimal("100.25"))))
        yield from made


@contextmanager
def bare(url: Secret) -> Iterator[Callable[[], None]]:
    """Three one-row prepared inserts, each its own commit, over one connection."""
    with psycopg.connect(url.reveal(), autocommit=True, prepare_threshold=0) as connection:
        connection.execute(BARE_TABLE)
        account = uuid4()

        def three_rows() -> None:
            for status in ("pending", "submitted", "filled"):
                connection.execute(BARE_INSERT, _bare_row(account, status, NOW))

        yield three_rows


def _bare_row(account: UUID, status: str, at: datetime) -> tuple[object, ...]:
    return (uuid4(), account, "BTC/USDT", "buy", "limit", Decimal("1.5"), Decimal("100.25"), status, at)
