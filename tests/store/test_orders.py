"""Intents and moves: all or nothing, only in the lease's epoch, only from where the order is."""

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from runtime import errors
from runtime.domain.identity import VenueOrderId
from runtime.domain.order import CHAIN_START, MOVES, Order, Status, chain
from runtime.store import orders
from tests.database import Database
from tests.store.desks import (
    LONG_AGO,
    NOW,
    Desk,
    chain_of,
    make_intent,
    place,
    row_counts,
    take_lease,
    wait_for_a_waiter,
    write,
)


def _load(desk: Desk) -> list[Order]:
    with desk.store.transaction("look") as tx:
        return orders.load_unsettled(tx, desk.account_id)


def test_record_intents__what_was_written_is_what_comes_back(desk: Desk) -> None:
    limit = make_intent(desk.bot_id)
    market = make_intent(
        desk.bot_id, kind="market", price=None, reduce_only=True, created_at=NOW + timedelta(seconds=1)
    )
    tiny = make_intent(
        desk.bot_id,
        quantity=Decimal("0.000000000000000001"),
        price=Decimal("99999999999999999999.999999999999999999"),
        created_at=NOW + timedelta(seconds=2),
    )
    write(desk, limit, market, tiny)
    assert _load(desk) == [Order.of(limit), Order.of(market), Order.of(tiny)]


def test_record_intents__one_known_among_new_ones_writes_nothing(desk: Desk, database: Database) -> None:
    known = make_intent(desk.bot_id, "the same cause")
    (event,) = write(desk, known)
    before = row_counts(database)
    with pytest.raises(errors.AlreadyRecorded):
        write(desk, make_intent(desk.bot_id), known, end=event.link)
    assert row_counts(database) == before


def test_record_intents__same_client_order_id_under_another_key_is_refused(desk: Desk) -> None:
    first = make_intent(desk.bot_id)
    (event,) = write(desk, first)
    with pytest.raises(errors.AlreadyRecorded) as refusal:
        write(desk, make_intent(desk.bot_id, client_order_id=first.client_order_id), end=event.link)
    assert refusal.value.facts["constraint"] == "orders_client_order_id_key"


def test_record_intents__an_event_missing_writes_nothing(desk: Desk, database: Database) -> None:
    before = row_counts(database)
    intents = [make_intent(desk.bot_id), make_intent(desk.bot_id)]
    with pytest.raises(ValueError, match="shorter"), desk.store.single("write half") as tx:
        orders.record_intents(
            tx,
            desk.fence,
            desk.bot_id,
            uuid4(),
            intents,
            chain_of(CHAIN_START, intents[0]),
            memory={},
            trigger_reason="a test",
        )
    assert row_counts(database) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal("NaN")},
        {"quantity": Decimal("Infinity")},
        {"quantity": Decimal(0)},
        {"quantity": Decimal(-1)},
        {"price": Decimal("NaN")},
        {"price": None},
        {"side": "hold"},
        {"send_before": NOW - timedelta(seconds=1)},
        {"symbol": "BTC\x00USDT"},
        {"reason": "NUL \x00 inside"},
    ],
)
def test_record_intents__nonsense_is_refused_whole(
    changes: dict[str, Any], desk: Desk, database: Database
) -> None:
    before = row_counts(database)
    with pytest.raises(errors.BrokenInvariant):
        write(desk, make_intent(desk.bot_id), make_intent(desk.bot_id, **changes))
    assert row_counts(database) == before


def test_record_intents__a_stale_epoch_writes_nothing(desk: Desk, database: Database) -> None:
    before = row_counts(database)
    take_lease(desk.store, desk.account_id)
    with pytest.raises(errors.LeaseLost):
        write(desk, make_intent(desk.bot_id))
    with pytest.raises(errors.LeaseLost):
        write(desk.with_epoch(99), make_intent(desk.bot_id))
    assert row_counts(database) == before


def test_record_intents__whoever_takes_the_lease_waits_for_a_write_that_is_open(
    desk: Desk, database: Database
) -> None:
    """The lock on the lease: either the write is seen by the new holder, or it is refused. Nothing in between."""
    intent, taken = make_intent(desk.bot_id), list[int]()
    taker = threading.Thread(target=lambda: taken.append(take_lease(desk.store, desk.account_id)))
    with desk.store.transaction("write and linger") as tx:
        orders.record_intents(
            tx,
            desk.fence,
            desk.bot_id,
            uuid4(),
            [intent],
            chain_of(CHAIN_START, intent),
            memory={},
            trigger_reason="a test",
        )
        taker.start()
        wait_for_a_waiter(database)
        assert taken == []
    taker.join(10)
    assert taken == [desk.fence.epoch + 1]
    assert _load(desk) == [Order.of(intent)]
    with pytest.raises(errors.LeaseLost):
        write(desk, make_intent(desk.bot_id))


def test_advance_order__a_write_that_waited_for_a_new_holder_is_refused(
    desk: Desk, database: Database
) -> None:
    """The zombie whose statement was under way while the lease moved."""
    order = place(desk.ledger(), make_intent(desk.bot_id))
    before, refused = row_counts(database), list[Exception]()

    def move() -> None:
        try:
            desk.ledger().advance(order, Status.OPEN, NOW, {})
        except errors.LeaseLost as exc:
            refused.append(exc)

    zombie = threading.Thread(target=move)
    with database.connect() as connection, connection.transaction():
        connection.execute("update leases set epoch = epoch + 1")
        zombie.start()
        wait_for_a_waiter(database)
    zombie.join(10)
    assert len(refused) == 1
    assert row_counts(database) == before
    assert _load(desk)[0].status is Status.SUBMITTED


def test_advance_order__from_a_status_it_is_not_in_changes_nothing(desk: Desk, database: Database) -> None:
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    before = row_counts(database)
    with pytest.raises(errors.BrokenInvariant):
        ledger.advance(replace(order, status=Status.OPEN), Status.CANCELLED, NOW, {})
    assert row_counts(database) == before
    assert _load(desk) == [order]


def test_advance_order__refuses_every_move_that_is_not_in_the_table(desk: Desk, database: Database) -> None:
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    for after in set(Status) - MOVES[Status.SUBMITTED] - {Status.SUBMITTED}:
        with pytest.raises(errors.BrokenInvariant):
            ledger.advance(order, after, NOW, {})
    assert _load(desk) == [order]


def test_advance_order__a_gap_or_a_fork_in_the_chain_is_refused(desk: Desk) -> None:
    order = place(desk.ledger(), make_intent(desk.bot_id))
    fork = chain(CHAIN_START, order.order_id, NOW, order.status, Status.OPEN, {})
    with pytest.raises(errors.AlreadyRecorded), desk.store.single("fork the chain") as tx:
        orders.advance_order(tx, desk.fence, fork)
    assert _load(desk) == [order]


def test_advance_order__the_venue_id_and_a_wish_to_cancel_stay(desk: Desk) -> None:
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    asked = ledger.advance(order, order.status, NOW, {}, cancel_requested=True)
    opened = ledger.advance(asked, Status.OPEN, NOW, {})
    assert opened.cancel_requested
    assert opened.venue_order_id == order.venue_order_id
    assert _load(desk) == [opened]
    with pytest.raises(errors.BrokenInvariant):
        ledger.advance(opened, Status.OPEN, NOW, {}, venue_order_id=VenueOrderId("another"))


def test_load_matching__finds_by_either_id_however_old(desk: Desk) -> None:
    ledger = desk.ledger()
    first, second = place(ledger, make_intent(desk.bot_id)), place(ledger, make_intent(desk.bot_id))
    ledger.advance(second, Status.CANCELLED, NOW, {})
    assert first.venue_order_id is not None
    with desk.store.single("look") as tx:
        found = orders.load_matching(tx, desk.account_id, [first.venue_order_id], [second.client_order_id])
    assert {order.order_id for order in found} == {first.order_id, second.order_id}


def test_load_chain_end__is_the_last_event_and_the_start_where_there_is_none(desk: Desk) -> None:
    def end() -> object:
        with desk.store.single("look") as tx:
            return orders.load_chain_end(tx, desk.account_id)

    assert end() == CHAIN_START
    events = write(desk, make_intent(desk.bot_id), make_intent(desk.bot_id))
    assert end() == events[-1].link


def test_load_last_times__is_the_newest_order_of_each_symbol(desk: Desk) -> None:
    later = NOW + timedelta(hours=1)
    newest = make_intent(desk.bot_id, created_at=later, send_before=later)
    write(desk, make_intent(desk.bot_id), newest)
    with desk.store.single("look") as tx:
        assert orders.load_last_times(tx, desk.account_id, LONG_AGO) == {(desk.bot_id, newest.symbol): later}


def test_load_unsettled__keeps_the_characters_that_end_fields_and_lines(desk: Desk) -> None:
    odd = "tab\t line\n return\r back\\slash \\N \\t \b\f\v \u20ac"
    plain = make_intent(desk.bot_id, kind="market", price=None)
    strange = make_intent(desk.bot_id, symbol=odd, created_at=NOW + timedelta(seconds=1))
    write(desk, plain, strange)
    assert _load(desk) == [Order.of(plain), Order.of(strange)]
