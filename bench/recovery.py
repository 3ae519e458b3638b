"""How long a desk with ten thousand open orders and positions needs to know where it stands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg

from bench.ground import Ground
from runtime.engine.ledger import Ledger
from runtime.settings import Secret
from tests.store.desks import NOW, Desk, open_desk

COUNT = 10_000
# The orders are older than any cooldown.
COOLDOWN_SINCE = NOW + timedelta(days=1)

ORDERS = """
insert into orders (user_id, order_id, account_id, bot_id, client_order_id, intent_key, symbol, side, kind, quantity,
  price, reduce_only, status, venue_order_id, epoch, created_at, send_before, updated_at)
select %(user)s, gen_random_uuid(), %(account)s, %(bot)s, 'hf' || md5(n::text), 'momentum/' || n, 'C' || n || '/USDT',
  'buy', 'limit', 1.5 + n, 100.25, false, 'open', 'v' || n, 1, '2026-03-01Z', '2026-03-01Z', '2026-03-01Z'
from generate_series(1, %(count)s) as n
"""
POSITIONS = """
insert into positions (user_id, bot_id, symbol, account_id, quantity, cost, realised, fees, day, fill_count,
  trade_count, last_fill_at, last_trade_id)
select %(user)s, %(bot)s, 'C' || n || '/USDT', %(account)s, 1.5 + n, 150.375 * n, 0, 0.1, '2026-03-01', 1, 1,
  '2026-03-01Z', n::text
from generate_series(1, %(count)s) as n
"""
COPIES = (
    "copy (select order_id, bot_id, client_order_id, symbol, side, kind, quantity, price, reduce_only, created_at,"
    " send_before, status, venue_order_id, filled_quantity, cancel_requested_at is not null from orders"
    " where user_id = '{user}' and account_id = '{account}' and status in"
    " ('pending', 'submitted', 'open', 'partially_filled', 'unknown') order by created_at, order_id) to stdout",
    "copy (select bot_id, symbol, quantity, cost, realised, fees, fees_other, day, day_start_result, fill_count,"
    " trade_count, last_fill_at, last_trade_id from positions"
    " where user_id = '{user}' and account_id = '{account}' order by bot_id, symbol) to stdout",
)


def fill_books(ground: Ground) -> None:
    names = ground.names
    told = {"user": names.tenant, "account": names.account_id, "bot": names.bot_id, "count": COUNT}
    for statement in (ORDERS, POSITIONS):
        ground.database.rows(statement, told)
    ground.database.rows("vacuum analyze")


@contextmanager
def loaded(ground: Ground) -> Iterator[Callable[[], None]]:
    """Into typed objects, with row-level security, as every start of a desk does it."""
    with open_desk(ground.database.secret("holdfast_bot"), ground.names) as desk:
        yield lambda: _load(desk)


def _load(desk: Desk) -> None:
    ledger = Ledger(desk.store, desk.fence)
    ledger.load(COOLDOWN_SINCE)
    assert len(ledger.unsettled()) == len(ledger.positions()) == COUNT


@contextmanager
def copied(url: Secret, ground: Ground) -> Iterator[Callable[[], None]]:
    """The bytes of the same rows, looked at by nobody: the limit."""
    names = ground.names
    statements = [each.format(user=names.tenant, account=names.account_id) for each in COPIES]
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        connection.execute("set search_path to holdfast")

        def copy_all() -> None:
            for statement in statements:
                with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                    for _ in copy:
                        pass

        yield copy_all
