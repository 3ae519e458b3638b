"""What a whole order life costs at a managed database: three round trips and three flushes, with every guard on."""

import itertools
from collections.abc import Iterator

import pytest

from runtime.domain.order import Status
from runtime.engine.ledger import Ledger
from runtime.local.postgres import Server
from runtime.settings import Secret
from runtime.store import schema
from tests.database import Database
from tests.postgres_server import fresh_database, session_server
from tests.proxy import Proxy
from tests.store.desks import NOW, Desk, make_fill, make_intent, make_names, open_desk, proxied

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    """Flushes are only counted where there are some."""
    with session_server(durable=True) as server:
        yield server


@pytest.fixture(scope="module")
def durable_line(durable: Server) -> Iterator[tuple[Database, Proxy, Desk]]:
    url = fresh_database(durable)
    schema.upgrade(Secret(url))
    database = Database(durable, url.rpartition("?")[0].rpartition("/")[2])
    proxy, bot_url = proxied(durable, database.url("holdfast_bot"))
    with proxy, open_desk(bot_url, make_names(database), pool_max=1) as desk:
        yield database, proxy, desk


def _live(desk: Desk, ledger: Ledger) -> None:
    """Intent; submitted; filled, with fill, position, trade and three events."""
    intent = make_intent(desk.bot_id)
    (order,) = ledger.record_intents(desk.bot_id, [intent], memory={"seen": 1}, trigger_reason="a test")
    order = ledger.advance(
        order, Status.SUBMITTED, NOW, {}, venue_order_id=make_fill(order, 1, "1").venue_order_id
    )
    ledger.record_fill(order, make_fill(order, next(_numbers), "1.5"), NOW)


def _flushes(database: Database, desk: Desk) -> int:
    """WAL flushes by sessions so far, after this desk's session has told its own."""
    with desk.store.single("tell the statistics") as tx:
        tx.rows("select pg_stat_force_next_flush()")
    with database.connect() as connection:
        if connection.info.server_version >= 180000:
            of_sessions = "backend_type = 'client backend' and object = 'wal'"
            found = connection.execute(f"select sum(fsyncs) from pg_stat_io where {of_sessions}").fetchone()
        else:
            found = connection.execute("select wal_sync from pg_stat_wal").fetchone()
        assert found is not None
        return int(found[0])


def test_order_life__is_three_round_trips(durable_line: tuple[Database, Proxy, Desk]) -> None:
    _, proxy, desk = durable_line
    for _ in range(8):  # the first ones also prepare their statements, later ones run prepared
        ledger = desk.ledger()
        with proxy.counting() as trips:
            _live(desk, ledger)
            assert trips() == 3


def test_order_life__is_three_flushes(durable_line: tuple[Database, Proxy, Desk]) -> None:
    database, _, desk = durable_line
    lives = 10
    before = _flushes(database, desk)
    for _ in range(lives):
        _live(desk, desk.ledger())
    assert _flushes(database, desk) - before == 3 * lives


def test_order_life__each_of_its_steps_is_durable_when_it_returns(
    durable_line: tuple[Database, Proxy, Desk],
) -> None:
    database, proxy, desk = durable_line
    ledger, flushed = desk.ledger(), list[str]()

    def look(_group: int) -> bool:
        # The server has answered and the client does not know it yet.
        flushed.append(str(database.rows("select pg_current_wal_flush_lsn()")[0][0]))
        return True

    proxy.after = look
    try:
        _live(desk, ledger)
    finally:
        proxy.after = lambda _group: True
    assert len(set(flushed)) == len(flushed) == 3


def test_fill__of_an_open_trade_touches_no_index_of_trades(
    durable_line: tuple[Database, Proxy, Desk],
) -> None:
    """PostgreSQL writes no entries where no column of an index changed, and counts how often that was so."""
    database, _, desk = durable_line
    ledger = desk.ledger()
    _live(desk, ledger)
    before = _updates(database, desk)
    for _ in range(4):
        _live(desk, ledger)
    updated, without_an_index = _updates(database, desk)
    assert (updated - before[0], without_an_index - before[1]) == (4, 4)


def _updates(database: Database, desk: Desk) -> tuple[int, int]:
    """Of trades: all of them, and those that needed no index."""
    with desk.store.single("tell the statistics") as tx:
        tx.rows("select pg_stat_force_next_flush()")
    asked = "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'trades'"
    ((updated, without_an_index),) = database.rows(asked)
    return updated, without_an_index
