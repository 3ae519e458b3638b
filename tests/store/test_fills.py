"""A fill and all that follows from it: together, once, whatever order the fills arrive in."""

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from runtime import errors
from runtime.domain import money
from runtime.domain import position as positions_of
from runtime.domain.fill import Fill
from runtime.domain.order import Event, Order, Side, Status, chain
from runtime.engine.ledger import Ledger
from runtime.engine.verifying import verify
from runtime.store import fills, orders, positions
from tests.database import Database
from tests.store.desks import (
    LONG_AGO,
    NOW,
    SYMBOL,
    Desk,
    make_fill,
    make_intent,
    place,
    row_counts,
    take_lease,
)


def _stored(desk: Desk) -> tuple[object, object]:
    with desk.store.snapshot("look") as tx:
        trades = positions.load_trades_after(tx, desk.account_id, desk.bot_id, SYMBOL, after=0, count=100)
        return positions.load_positions(tx, desk.account_id), trades


def _derived(desk: Desk, history: list[Fill]) -> tuple[object, object]:
    applied = positions_of.replay(desk.bot_id, SYMBOL, history)
    return [applied.position], list(applied.trades)


def test_record_fill__moves_the_order_the_position_and_the_trade_together(desk: Desk) -> None:
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    first, second = make_fill(order, 1, "0.5"), make_fill(order, 2, "1", fee_coin="BGB")
    partly = ledger.record_fill(order, first, NOW)
    assert (partly.status, partly.filled_quantity) == (Status.PARTIALLY_FILLED, Decimal("0.5"))
    assert _stored(desk) == _derived(desk, [first])
    whole = ledger.record_fill(partly, second, NOW)
    assert (whole.status, whole.filled_quantity) == (Status.FILLED, Decimal("1.5"))
    assert _stored(desk) == _derived(desk, [first, second])
    assert ledger.position(desk.bot_id, SYMBOL) == desk.ledger().position(desk.bot_id, SYMBOL)
    assert verify(desk.store, desk.account_id) == []


def test_record_fill__a_known_fill_is_false_and_changes_nothing(desk: Desk, database: Database) -> None:
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    fill = make_fill(order, 1, "0.5")
    partly = ledger.record_fill(order, fill, NOW)
    before, counts = _stored(desk), row_counts(database)
    assert ledger.record_fill(partly, fill, NOW) == partly
    # The same id with other contents is still the same fill.
    assert ledger.record_fill(partly, replace(fill, quantity=Decimal(1)), NOW) == partly
    assert (_stored(desk), row_counts(database)) == (before, counts)
    assert ledger.record_fill(partly, make_fill(order, 2, "1"), NOW).status is Status.FILLED


def test_record_fill__a_stale_epoch_writes_nothing(desk: Desk, database: Database) -> None:
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    take_lease(desk.store, desk.account_id)
    before = row_counts(database)
    with pytest.raises(errors.LeaseLost):
        ledger.record_fill(order, make_fill(order, 1, "0.5"), NOW)
    assert row_counts(database) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal(2)},  # more than was ordered
        {"fee": Decimal("NaN")},
        {"price": Decimal("Infinity")},
        {"fee_coin": "BG\x00B"},
    ],
)
def test_record_fill__nonsense_writes_nothing(
    changes: dict[str, Any], desk: Desk, database: Database
) -> None:
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    before, counts = _stored(desk), row_counts(database)
    sane = make_fill(order, 1, "1")
    event = _event(desk, order)
    applied = positions_of.apply(ledger.position(desk.bot_id, SYMBOL), None, sane)
    with pytest.raises(errors.BrokenInvariant), desk.store.single("write nonsense") as tx:
        fills.record_fill(tx, desk.fence, replace(sane, **changes), event, applied)
    assert (_stored(desk), row_counts(database)) == (before, counts)


def test_record_fill__a_picture_that_missed_a_fill_may_not_write(desk: Desk, database: Database) -> None:
    """The position counts its fills: whoever derives it from an old one is refused, not believed."""
    ledger, behind = desk.ledger(), desk.ledger()
    order = place(ledger, make_intent(desk.bot_id))
    behind.load(LONG_AGO)
    ledger.record_fill(order, make_fill(order, 1, "0.5"), NOW)
    before = row_counts(database)
    with pytest.raises((errors.BrokenInvariant, errors.AlreadyRecorded)):
        behind.record_fill(order, make_fill(order, 2, "0.5"), NOW)
    event = replace(_event(desk, order), before=Status.PARTIALLY_FILLED)
    applied = positions_of.apply(behind.position(desk.bot_id, SYMBOL), None, make_fill(order, 2, "0.5"))
    with pytest.raises(errors.BrokenInvariant), desk.store.single("write an old picture") as tx:
        fills.record_fill(tx, desk.fence, make_fill(order, 2, "0.5"), event, applied)
    assert row_counts(database) == before


def test_record_fill__after_the_cancel_completes_the_order(desk: Desk) -> None:
    ledger = desk.ledger()
    order = ledger.advance(place(ledger, make_intent(desk.bot_id)), Status.CANCELLED, NOW, {})
    partly = ledger.record_fill(order, make_fill(order, 1, "0.5"), NOW)
    assert partly.status is Status.CANCELLED
    assert ledger.record_fill(partly, make_fill(order, 2, "1"), NOW).status is Status.FILLED
    assert verify(desk.store, desk.account_id) == []


def test_record_fill__a_late_fill_voids_trades_that_never_were(desk: Desk) -> None:
    """Bought, sold (flat), bought; then a purchase turns up that was first: the sale did not close anything."""
    ledger = desk.ledger()
    buy, sell = (place(ledger, make_intent(desk.bot_id, side=side)) for side in (Side.BUY, Side.SELL))
    history = [
        (buy, make_fill(buy, 10, "0.5")),
        (sell, make_fill(sell, 20, "0.5")),
        (buy, make_fill(buy, 30, "0.5")),
    ]
    standing = {order.order_id: order for order, _ in history}
    for order, fill in history:
        standing[order.order_id] = ledger.record_fill(standing[order.order_id], fill, NOW)
    assert ledger.position(desk.bot_id, SYMBOL).trade_count == 2
    late = make_fill(buy, 5, "0.5")
    ledger.record_fill(standing[buy.order_id], late, NOW)
    assert ledger.position(desk.bot_id, SYMBOL).trade_count == 1
    assert _stored(desk) == _derived(desk, [late, *(fill for _, fill in history)])
    assert verify(desk.store, desk.account_id) == []
    # A trade after the voided one takes its number again.
    closing = place(ledger, make_intent(desk.bot_id, side=Side.SELL, quantity=Decimal(3)))
    ledger.record_fill(closing, make_fill(closing, 40, "3"), NOW)
    assert verify(desk.store, desk.account_id) == []


@pytest.mark.parametrize("seed", range(6))
def test_ledger__late_duplicated_and_shuffled_fills_make_the_position_of_the_replay(
    seed: int, desk: Desk
) -> None:
    dice, ledger = random.Random(seed), desk.ledger()
    placed = [_random_order(dice, desk, ledger, number) for number in range(6)]
    history = [fill for number, order in enumerate(placed) for fill in _random_fills(dice, order, number)]
    arriving = [*history, *dice.sample(history, len(history) // 2)]
    dice.shuffle(arriving)
    standing = {order.order_id: order for order in placed}
    for number, fill in enumerate(arriving):
        standing[fill.order_id] = ledger.record_fill(standing[fill.order_id], fill, NOW)
        if number % 5 == 4:
            ledger = desk.ledger()  # as after a restart
    assert _stored(desk) == _derived(desk, history)
    assert verify(desk.store, desk.account_id) == []
    assert all(order.status is Status.FILLED for order in standing.values())


def _random_order(dice: random.Random, desk: Desk, ledger: Ledger, number: int) -> Order:
    quantity = Decimal(dice.randint(3, 3000)) / 1000
    side = dice.choice([Side.BUY, Side.SELL])
    return place(ledger, make_intent(desk.bot_id, f"order {number}", side=side, quantity=quantity))


def _random_fills(dice: random.Random, order: Order, number: int) -> list[Fill]:
    """Up to three that fill it whole, at times that overlap with those of other orders."""
    cuts = sorted(dice.sample(range(1, int(order.quantity * 1000)), 2))
    parts = [cuts[0], cuts[1] - cuts[0], int(order.quantity * 1000) - cuts[1]]
    return [
        make_fill(
            order,
            100 * number + part,
            f"{Decimal(size) / 1000:f}",
            price=Decimal(dice.randint(1, 10**7)) / 100,
            fee=Decimal(dice.randint(-5, 50)) / 10**4,
            fee_coin=dice.choice(["USDT", "BTC", "BGB"]) if order.side is Side.BUY else "USDT",
            traded_at=NOW.replace(minute=dice.randint(0, 59)),
        )
        for part, size in enumerate(parts)
        if size
    ]


def _event(desk: Desk, order: Order) -> Event:
    with desk.store.single("look") as tx:
        end = orders.load_chain_end(tx, desk.account_id)
    return chain(end, order.order_id, NOW, order.status, Status.PARTIALLY_FILLED, {})


def test_ledger__loads_what_was_there_to_the_last_character(desk: Desk) -> None:
    """A strategy that writes a number down as text must not decide otherwise after a restart."""
    ledger = desk.ledger()
    order = place(ledger, make_intent(desk.bot_id, quantity=money.canonical(Decimal("0.0300"))))
    ledger.record_fill(order, make_fill(order, 1, "0.0100"), NOW)
    again = desk.ledger()
    assert repr(again.unsettled()) == repr(ledger.unsettled())
    assert repr(again.positions()) == repr(ledger.positions())
