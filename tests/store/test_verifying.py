"""Whoever changes history with the rights of the administrator, and every guard off, is found out."""

from decimal import Decimal

import pytest

from runtime.domain.order import Side, Status
from runtime.engine.verifying import verify
from tests.database import Database
from tests.store.desks import NOW, Desk, make_fill, make_intent, place

# How it is tampered with -> a word of the sentence that tells.
TAMPERING = {
    'update order_events set detail = \'{"a":"b"}\' where sequence = 2': "was changed",
    "update order_events set at = at + interval '1 microsecond' where sequence = 3": "was changed",
    "update order_events set status_after = 'failed' where sequence = 3": "was changed",
    "update order_events set digest = sha256('x') where sequence = 2": "was changed",
    "update order_events set previous = sha256('x') where sequence = 2": "does not continue",
    "delete from order_events where sequence = 2": "are missing",
    "delete from order_events where sequence = 1": "are missing",
    "delete from order_events where sequence = (select max(sequence) from order_events)": "its last event says",
    "update order_events set sequence = sequence + 100 where sequence = 4": "are missing",
    "update orders set status = 'cancelled' where status = 'partially_filled'": "its last event says",
    "update orders set filled_quantity = 0.75 where filled_quantity = 0.5": "add up to",
    "update fills set quantity = 0.6 where venue_trade_id = '1'": "add up to",
    "update fills set price = 1 where venue_trade_id = '1'": "its fills make",
    "update fills set side = 'sell' where venue_trade_id = '1'": "its fills make",
    "delete from fills where venue_trade_id = '2'": "add up to",
    "update positions set quantity = quantity + 1": "the position of",
    "update positions set realised = realised + 1": "the position of",
    'update positions set fees_other = \'{"BGB": "1"}\'': "the position of",
    "delete from positions": "the position of",
    "update trades set realised = realised + 1": "the trades of",
    "update trades set voided = true": "the trades of",
    "delete from trades": "the trades of",
    "update performance_days set gained = gained + 1": "the performance of",
    "update performance_days set day = day - 1": "the performance of",
    "delete from performance_days": "the performance of",
    "update performance set streak = streak - 1": "the performance of",
    "update performance set longest_losses = 0": "the performance of",
    "delete from performance": "the performance of",
}


@pytest.fixture
def history(desk: Desk) -> Desk:
    """Three orders: one part filled, two filled; a trade opened, and closed with a loss."""
    ledger = desk.ledger()
    first, second = place(ledger, make_intent(desk.bot_id)), place(ledger, make_intent(desk.bot_id))
    ledger.record_fill(ledger.advance(first, Status.OPEN, NOW, {}), make_fill(first, 1, "0.5"), NOW)
    ledger.record_fill(second, make_fill(second, 2, "1.5"), NOW)
    third = place(ledger, make_intent(desk.bot_id, side=Side.SELL, quantity=Decimal(2)))
    ledger.record_fill(third, make_fill(third, 3, "2", price=Decimal(90)), NOW)
    return desk


def _tamper(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute("set session_replication_role = replica")  # no trigger, no foreign key
        assert connection.execute(statement).rowcount > 0


def test_verify__finds_no_difference_where_there_is_none(history: Desk) -> None:
    assert verify(history.store, history.account_id) == []


@pytest.mark.parametrize("statement", TAMPERING)
def test_verify__finds_what_an_administrator_changed(
    statement: str, history: Desk, database: Database
) -> None:
    _tamper(database, statement)
    found = verify(history.store, history.account_id)
    assert any(TAMPERING[statement] in sentence for sentence in found), found


def test_verify__an_event_forged_with_a_fitting_digest_breaks_the_one_after_it(
    history: Desk, database: Database
) -> None:
    """Whoever changes one event and computes its digest anew must rewrite all that follow."""
    forged = (
        "update order_events set detail = '{1}', digest = sha256(previous || convert_to("
        "concat_ws('|', order_id, sequence, to_char(at at time zone 'UTC', "
        "'YYYY-MM-DD\"T\"HH24:MI:SS.US') || '+00:00', coalesce(status_before, ''),"
        " status_after, '{1}'), 'UTF8')) where sequence = 2"
    )
    _tamper(database, forged)
    found = verify(history.store, history.account_id)
    assert found == ["order event 3 does not continue the chain: an event before it was changed"]


@pytest.mark.parametrize("statement", TAMPERING)
def test_guards__refuse_the_bot_what_the_administrator_can_do(
    statement: str, history: Desk, database: Database
) -> None:
    # A bot moves orders and writes what is derived, that is its work; what `verify` is for.
    allowed = {
        each for each in TAMPERING if each.startswith(("update positions", "update trades", "update orders"))
    }
    allowed |= {each for each in TAMPERING if each.startswith("update performance") and "day -" not in each}
    tenant = history.names.tenant
    with database.connect("holdfast_bot", tenant=tenant) as connection:
        if statement in allowed:
            assert connection.execute(statement).rowcount > 0
            return
        with pytest.raises(Exception, match=r"denied|append-only"):
            connection.execute(statement)
