"""PostgreSQL fails in many ways; each becomes the one error that says what to do next, and no secret leaves with it."""

import signal
import time
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from runtime import errors
from runtime.domain.order import Order, Status
from runtime.settings import Secret
from runtime.store import bots, orders
from runtime.store.pool import Store, owner_transaction
from tests.database import Database
from tests.proxy import Proxy
from tests.store.desks import NOW, Desk, Names, make_intent, open_desk, place, row_counts

PASSWORD = "correct-horse-battery"


def _load(desk: Desk) -> list[Order]:
    with desk.store.transaction("look") as tx:
        return orders.load_unsettled(tx, desk.account_id)


def _let_in(desk: Desk) -> None:
    with desk.store.transaction("write on a standby"):
        raise AssertionError("it was let in")


def _pids(database: Database) -> set[int]:
    """The sessions that the store has open."""
    asked = "select pid from pg_stat_activity where datname = %s and usename = %s"
    return {pid for (pid,) in database.rows(asked, (database.name, "holdfast_bot"))}


def test_lost_commit_reply__of_an_intent_is_re_read_by_key(line: tuple[Proxy, Desk]) -> None:
    """The row is there although nobody said so: it is found under its key, and it is not written twice."""
    proxy, desk = line
    ledger, intent = desk.ledger(), make_intent(desk.bot_id)
    proxy.lose_next_reply()
    with pytest.raises(errors.StoreUnavailable):
        ledger.record_intents(desk.bot_id, [intent], memory={}, trigger_reason="a test")
    with desk.store.single("look") as tx:
        assert orders.load_known_ids(tx, [intent.order_id]) == {intent.order_id}
    again = desk.ledger()
    assert again.record_intents(desk.bot_id, [intent], memory={}, trigger_reason="a test") == ()
    assert again.unsettled() == (Order.of(intent),)
    assert again.duplicates_prevented == 1


def test_lost_commit_reply__of_a_move_shows_the_truth_when_loaded_again(line: tuple[Proxy, Desk]) -> None:
    proxy, desk = line
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    proxy.lose_next_reply()
    with pytest.raises(errors.StoreUnavailable):
        ledger.advance(order, Status.OPEN, NOW, {})
    assert [each.status for each in desk.ledger().unsettled()] == [Status.OPEN]


def test_lost_request__nothing_was_written_and_it_can_be_tried_again(line: tuple[Proxy, Desk]) -> None:
    proxy, desk = line
    ledger, intent = desk.ledger(), make_intent(desk.bot_id)
    lost = proxy.groups + 1
    proxy.before = lambda group: group != lost
    with pytest.raises(errors.StoreUnavailable):
        ledger.record_intents(desk.bot_id, [intent], memory={}, trigger_reason="a test")
    assert _load(desk) == []
    assert len(ledger.record_intents(desk.bot_id, [intent], memory={}, trigger_reason="a test")) == 1


def test_killed_session__is_one_failure_and_then_works(desk: Desk, database: Database) -> None:
    _load(desk)
    database.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename = %s",
        (database.name, "holdfast_bot"),
    )
    failures = 0
    for _ in range(3):
        try:
            _load(desk)
        except errors.StoreUnavailable:
            failures += 1
    assert failures <= 1


def test_server_away__is_store_unavailable_and_then_works(line: tuple[Proxy, Desk]) -> None:
    proxy, desk = line
    with proxy.refusing():
        with pytest.raises(errors.StoreUnavailable):
            _load(desk)
        with pytest.raises(errors.StoreUnavailable), desk.store.transaction("look again"):
            raise AssertionError("there is no server")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            assert _load(desk) == []
            return
        except errors.StoreUnavailable:
            continue
    raise AssertionError("it never came back")


@pytest.mark.parametrize("way", ["single", "single read", "transaction"])
def test_standby__is_unavailable_and_its_connection_is_not_kept(
    way: str, database: Database, names: Names
) -> None:
    """After a failover the old primary still answers, read-only; the next connection must be a new one."""
    with open_desk(database.secret("holdfast_bot"), names, pool_max=1) as desk:
        ledger, before = desk.ledger(), row_counts(database)
        with desk.store._pool.connection() as connection:  # under the door, as a failover would
            connection.execute("set default_transaction_read_only = on")
        was = _pids(database)
        attempts = {
            "single": lambda: place(ledger, make_intent(desk.bot_id)),
            "single read": lambda: _load(desk),
            "transaction": lambda: _let_in(desk),
        }
        with pytest.raises(errors.StoreUnavailable):
            attempts[way]()
        assert row_counts(database) == before
        assert _load(desk) == []
        assert not was & _pids(database)


def test_statement_timeout__is_store_unavailable_and_the_session_lives(
    database: Database, names: Names
) -> None:
    with Store(database.secret("holdfast_bot"), names.tenant, statement_seconds=0.2, pool_max=1) as store:
        with pytest.raises(errors.StoreUnavailable), store.single("wait for long") as tx:
            tx.rows("select pg_sleep(20)")
        with store.single("look") as tx:
            assert tx.rows("select 1") == [(1,)]


def test_lock_held_too_long__is_store_unavailable_and_nothing_is_written(
    database: Database, names: Names
) -> None:
    with open_desk(database.secret("holdfast_bot"), names, statement_seconds=0.3) as desk:
        ledger = desk.ledger()
        order, before = place(ledger, make_intent(desk.bot_id)), row_counts(database)
        with database.connect() as connection, connection.transaction():
            connection.execute("select * from orders for update")
            with pytest.raises(errors.StoreUnavailable):
                ledger.advance(order, Status.OPEN, NOW, {})
        assert row_counts(database) == before


def test_pool_exhausted__is_store_unavailable(database: Database, names: Names) -> None:
    with Store(database.secret("holdfast_bot"), names.tenant, pool_max=1, wait_seconds=0.3) as store:
        hold, have = store.transaction("hold the only connection"), store.single("have another")
        with hold, pytest.raises(errors.StoreUnavailable), have:
            raise AssertionError("there is only one")
        with store.single("look") as tx:
            assert tx.rows("select 1") == [(1,)]


def test_single__a_second_statement_is_refused(desk: Desk) -> None:
    with desk.store.single("look") as tx:
        assert tx.rows("select 1") == [(1,)]
        with pytest.raises(errors.BrokenInvariant):
            tx.rows("select 2")


def test_snapshot__may_not_write_and_sees_one_instant(desk: Desk, database: Database) -> None:
    with desk.store.snapshot("look twice") as tx:
        before = orders.load_unsettled(tx, desk.account_id)
        place(desk.ledger(), make_intent(desk.bot_id))
        assert orders.load_unsettled(tx, desk.account_id) == before
    with pytest.raises(errors.StoreUnavailable), desk.store.snapshot("write") as tx:
        bots.record_state(tx, desk.fence, desk.bot_id, "paused", reason="", actor="a test")


def test_transaction__what_is_written_before_a_failure_is_gone(desk: Desk, database: Database) -> None:
    def write_and_fail() -> None:
        with desk.store.transaction("write and fail") as tx:
            bots.record_state(tx, desk.fence, desk.bot_id, "paused", reason="", actor="a test")
            tx.rows("select 1 / 0")

    with pytest.raises(errors.BrokenInvariant):
        write_and_fail()
    assert database.rows("select state from bots") == [("running",)]


def test_tenant__does_not_stay_behind_in_the_session(database: Database, names: Names) -> None:
    with Store(database.secret("holdfast_bot"), names.tenant, pool_max=1) as store:
        for open_tx in (store.single, store.transaction, store.snapshot):
            with open_tx("enter") as tx:
                assert tx.rows("select tenant()") == [(names.tenant,)]
        with store._pool.connection() as connection:  # under the door, where nobody else looks
            assert connection.execute("select holdfast.tenant()").fetchone() == (None,)


def _failing_urls(database: Database) -> dict[str, str]:
    given: dict[str, Any] = {"password": PASSWORD, "connect_timeout": 2}
    url = database.url("holdfast_bot")
    return {
        "no such role": make_conninfo(url, user="nobody_of_that_name", **given),
        "no such database": make_conninfo(url, dbname="nothing_of_that_name", **given),
        "no server": make_conninfo(url, host="127.0.0.1", port=1, **given),
        "no such host": f"postgresql://bot:{PASSWORD}@host.invalid/db?connect_timeout=2",
    }


@pytest.mark.parametrize("fault", ["no such role", "no such database", "no server", "no such host"])
def test_password__is_in_no_exception(
    fault: str, database: Database, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    url = Secret(_failing_urls(database)[fault])
    with pytest.raises(errors.StoreUnavailable) as failure, Store(url, names.tenant, wait_seconds=0.5):
        raise AssertionError("nobody answers there")
    _require_silent(failure.value)
    with pytest.raises(errors.BotError) as refusal, owner_transaction(url, names.tenant, "enrol"):
        raise AssertionError("nobody answers there")
    _require_silent(refusal.value)
    assert PASSWORD not in caplog.text


def test_password__of_a_url_that_is_none_is_in_no_exception(names: Names) -> None:
    url = Secret(f"postgresql://bot:{PASSWORD}@host:not-a-port/db?nonsense=1")
    with pytest.raises(errors.BotError) as failure, Store(url, names.tenant, wait_seconds=0.5):
        raise AssertionError("nobody answers there")
    _require_silent(failure.value)


def _require_silent(exc: BaseException | None) -> None:
    """Neither the error nor anything it was raised from."""
    while exc is not None:
        assert PASSWORD not in f"{exc!s} {exc!r} {exc.args}"
        exc = exc.__cause__ or exc.__context__


def test_single__statements_that_fail_do_not_pile_up_in_the_session(line: tuple[Proxy, Desk]) -> None:
    _, desk = line
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    for _ in range(5):
        with pytest.raises(errors.BrokenInvariant):
            ledger.advance(order, Status.FAILED, NOW, {})
    with desk.store.single("look") as tx:
        prepared = tx.rows("select statement from pg_prepared_statements")
    statements = [statement for (statement,) in prepared]
    assert len(statements) < 20
    assert len([each for each in statements if "advance" in each or "update orders" in each]) <= 2


def test_single__more_than_the_sockets_hold_goes_both_ways(desk: Desk) -> None:
    """Neither side may wait for the other to read first."""
    large = "x" * 8_000_000
    with desk.store.single("say and hear much") as tx:
        assert tx.rows("select %(large)s::text || 'y'", {"large": large}) == [(large + "y",)]


def test_single__an_interrupt_leaves_no_session_in_between(database: Database, names: Names) -> None:
    """A signal may come while the answer is awaited: the session's state is unknown, so it is not used again."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    with Store(database.secret("holdfast_bot"), names.tenant, pool_max=1) as store:
        before = _pids(database)
        was = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with pytest.raises(KeyboardInterrupt), store.single("wait") as tx:
                tx.rows("select pg_sleep(5)")
        finally:
            signal.signal(signal.SIGALRM, was)
        with store.single("look") as tx:
            assert tx.rows("select 1") == [(1,)]
        assert _pids(database) - before
