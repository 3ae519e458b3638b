"""Positions and trades out of fills: journeys made by hand, each with what it has to give."""

from datetime import timedelta
from decimal import Decimal

import pytest

from runtime.domain import position
from runtime.domain.fill import Fill
from runtime.domain.position import Applied, Direction, Position, Trade
from tests.domain.samples import BOT, BTC, NOW, make_fill


def replay(*fills: Fill) -> Applied:
    return position.replay(BOT, BTC, fills)


def figures(trade: Trade) -> tuple[str, ...]:
    """Entry and exit as quantity and worth, then what it brought before fees."""
    parts = (trade.entry_quantity, trade.entry_quote, trade.exit_quantity, trade.exit_quote, trade.realised)
    return tuple(f"{part.normalize():f}" for part in parts)


def sums(held: Position) -> tuple[str, ...]:
    """Quantity, cost and what was realised before fees."""
    return tuple(f"{part.normalize():f}" for part in (held.quantity, held.cost, held.realised))


def test_replay__no_fills_is_a_flat_position() -> None:
    assert replay() == Applied(Position(BOT, BTC), ())


def test_long__bought_in_two_parts_and_sold_in_two() -> None:
    whole = replay(
        make_fill(1, "buy", "1", "100"),
        make_fill(2, "buy", "1", "110"),
        make_fill(3, "sell", "0.5", "120"),
        make_fill(4, "sell", "1.5", "90"),
    )
    assert sums(whole.position) == ("0", "0", "-15")
    assert whole.position.average_price is None
    (trade,) = whole.trades
    assert trade.direction is Direction.LONG
    assert figures(trade) == ("2", "210", "2", "195", "-15")
    assert (trade.opened_at, trade.closed_at) == (NOW + timedelta(seconds=1), NOW + timedelta(seconds=4))
    assert (trade.number, trade.fill_count) == (1, 4)


def test_long__adding_moves_the_average_and_reducing_does_not() -> None:
    bought = (make_fill(1, "buy", "1", "100"), make_fill(2, "buy", "3", "120"))
    added = replay(*bought).position
    assert added.average_price == 115
    assert added.unrealised(Decimal(125)) == 40
    reduced = replay(*bought, make_fill(3, "sell", "2", "125")).position
    assert reduced.average_price == 115
    assert sums(reduced) == ("2", "230", "20")


def test_short__gains_when_the_price_falls() -> None:
    opened = replay(make_fill(1, "sell", "2", "100")).position
    assert sums(opened) == ("-2", "-200", "0")
    assert opened.average_price == 100
    assert opened.unrealised(Decimal(90)) == 20
    closed = replay(make_fill(1, "sell", "2", "100"), make_fill(2, "buy", "2", "90"))
    assert sums(closed.position) == ("0", "0", "20")
    assert closed.trades[0].direction is Direction.SHORT
    assert figures(closed.trades[0]) == ("2", "200", "2", "180", "20")


def test_flip__ends_one_trade_and_begins_the_other_and_splits_the_fee() -> None:
    whole = replay(make_fill(1, "buy", "1", "100"), make_fill(2, "sell", "4", "110", fee=Decimal("0.4")))
    ended, begun = whole.trades
    assert figures(ended) == ("1", "100", "1", "110", "10")
    assert ended.closed_at == NOW + timedelta(seconds=2)
    assert ended.fees == Decimal("0.1")
    assert figures(begun) == ("3", "330", "0", "0", "0")
    assert (begun.number, begun.direction, begun.closed_at) == (2, Direction.SHORT, None)
    assert begun.fees == Decimal("0.3")
    assert sums(whole.position) == ("-3", "-330", "10")
    assert whole.position.trade_count == 2


def test_flip__from_short_to_long() -> None:
    whole = replay(make_fill(1, "sell", "1", "100"), make_fill(2, "buy", "3", "90"))
    assert [trade.direction for trade in whole.trades] == [Direction.SHORT, Direction.LONG]
    assert sums(whole.position) == ("2", "180", "10")


def test_fee__in_the_quote_coin_is_counted_beside_what_was_realised() -> None:
    whole = replay(
        make_fill(1, "buy", "1", "100", fee=Decimal("0.1")),
        make_fill(2, "sell", "1", "110", fee=Decimal("0.11")),
    )
    assert whole.position.realised == 10
    assert whole.position.fees == whole.trades[0].fees == Decimal("0.21")
    assert whole.position.result == Decimal("9.79")


def test_fee__in_the_base_coin_leaves_less_to_sell() -> None:
    bought = replay(make_fill(1, "buy", "1", "100", fee=Decimal("0.001"), fee_coin="BTC"))
    assert sums(bought.position) == ("0.999", "99.9", "0")
    assert bought.position.fees == Decimal("0.1")
    assert bought.trades[0].entry_quantity == Decimal("0.999")


def test_fee__in_a_third_coin_is_kept_by_coin() -> None:
    whole = replay(
        make_fill(1, "buy", "1", "100", fee=Decimal("0.2"), fee_coin="BGB"),
        make_fill(2, "sell", "1", "110", fee=Decimal("0.3"), fee_coin="BGB"),
        make_fill(3, "buy", "1", "110", fee=Decimal(1), fee_coin="XYZ"),
    )
    assert whole.position.fees_other == {"BGB": Decimal("0.5"), "XYZ": Decimal(1)}
    assert whole.position.fees == 0
    assert whole.position.result == 10


def test_fee__a_rebate_is_a_gain() -> None:
    held = replay(make_fill(1, "buy", "1", "100", fee=Decimal("-0.1"))).position
    assert held.fees == Decimal("-0.1")
    assert held.result == Decimal("0.1")


def test_fee__that_eats_the_whole_fill_does_not_break_the_next() -> None:
    """A purchase of nothing counted as a short."""
    bought = make_fill(1, "buy", "1", "100", fee=Decimal(1), fee_coin="BTC")
    whole = replay(bought, make_fill(2, "sell", "1", "100"))
    assert whole.trades[0].direction is Direction.LONG
    assert whole.position.quantity == -1


def test_dust__less_than_a_step_closes_the_trade_and_stays_with_its_cost() -> None:
    """A spot fee taken out of the purchase leaves what no order can sell: the trade must not stay open for ever."""
    whole = replay(
        make_fill(1, "buy", "1", "100", fee=Decimal("0.0006"), fee_coin="BTC"),
        make_fill(2, "sell", "0.999", "110"),
        make_fill(3, "buy", "1", "100"),
    )
    first, second = whole.trades
    assert first.closed_at == NOW + timedelta(seconds=2)
    assert first.realised == Decimal("9.99")
    assert (second.number, second.closed_at) == (2, None)
    assert sums(whole.position) == ("1.0004", "100.04", "9.99")


def test_dust__sold_beyond_zero_by_less_than_a_step_is_no_flip() -> None:
    bought = make_fill(1, "buy", "1", "100", fee=Decimal("0.0004"), fee_coin="BTC")
    whole = replay(bought, make_fill(2, "sell", "1", "110"))
    assert len(whole.trades) == 1
    assert whole.trades[0].closed_at is not None
    assert sums(whole.position) == ("-0.0004", "-0.044", "9.996")


def test_dust__a_purchase_that_only_fills_the_hole_can_be_sold_again() -> None:
    """The open trade held exactly nothing, and the sale after it divided by that."""
    whole = replay(
        make_fill(1, "buy", "1", "100", fee=Decimal("0.0004"), fee_coin="BTC"),
        make_fill(2, "sell", "1", "110"),
        make_fill(3, "buy", "0.001", "100", fee=Decimal("0.0006"), fee_coin="BTC"),
        make_fill(4, "sell", "2", "100"),
    )
    assert whole.position.quantity == -2
    assert whole.position.average_price == 100
    assert sum(trade.realised for trade in whole.trades) == whole.position.realised


def test_large_position__keeps_every_digit() -> None:
    """Python's own context keeps 28 digits: the sum of a large and a small fill lost the small one."""
    whole = replay(
        make_fill(1, "buy", "12345678901234567890", "1"),
        make_fill(2, "buy", "0.000000000000000001", "1"),
        make_fill(3, "sell", "12345678901234567890", "1"),
    )
    assert whole.position.quantity == Decimal("0.000000000000000001")


def test_day__what_was_realised_is_counted_from_midnight_utc() -> None:
    yesterday = NOW - timedelta(days=1)
    held = replay(
        make_fill(1, "buy", "2", "100", traded_at=yesterday),
        make_fill(2, "sell", "1", "130", traded_at=yesterday, fee=Decimal(1)),
        make_fill(3, "sell", "1", "90", fee=Decimal(2)),
    ).position
    assert held.result == 17
    assert held.day_start_result == 29
    assert held.result_on(NOW.date()) == -12
    assert held.result_on(yesterday.date()) == 0


def test_follows__compares_time_and_then_the_venues_number() -> None:
    held = replay(make_fill(9, "buy", "1", "100")).position
    same_time = held.last_fill_at
    assert held.follows(make_fill(10, "buy", "1", "100"))
    assert held.follows(make_fill(10, "buy", "1", "100", traded_at=same_time))
    assert not held.follows(make_fill(9, "buy", "1", "100"))
    assert not held.follows(make_fill(8, "buy", "1", "100", traded_at=same_time))
    assert Position(BOT, BTC).follows(make_fill(1, "buy", "1", "100"))


def test_replay__fills_of_one_instant_count_in_the_order_of_their_numbers() -> None:
    """Venue ids are numbers written as text: as text, 10 comes before 9."""
    first = make_fill(9, "buy", "1", "100", traded_at=NOW)
    second = make_fill(10, "sell", "1", "110", traded_at=NOW)
    assert replay(second, first).trades[0].direction is Direction.LONG


@pytest.mark.parametrize(("step", "closed"), [("1", True), ("0.5", False), ("0.001", False)])
def test_dust__is_measured_by_the_step_of_the_closing_fill(step: str, closed: bool) -> None:
    sold = make_fill(2, "sell", "1.5", "100", quantity_step=Decimal(step))
    whole = replay(make_fill(1, "buy", "2", "100"), sold)
    assert (whole.trades[0].closed_at is not None) == closed


def test_open_trade__is_the_one_that_is_not_closed() -> None:
    trades = replay(make_fill(1, "buy", "1", "100"), make_fill(2, "sell", "3", "100")).trades
    assert position.open_trade(trades) is trades[1]
    assert position.open_trade(trades[:1]) is None
