"""What the port promises about orders, fills and holdings when nothing goes wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from runtime import errors
from runtime.domain.identity import VenueOrderId
from runtime.domain.market import Accepted, NotSent, RefusedByVenue, Unproved
from runtime.domain.order import Kind, Side, Status
from tests.conformance.rig import PRICE, Rig

FOREIGN_ORDERS = 230


def test_limit_order__rests_and_is_found_by_both_ids(rig: Rig) -> None:
    intent = rig.intent()
    answer = rig.accepted(intent)
    by_client = rig.exchange.fetch_order(
        rig.symbol, client_order_id=intent.client_order_id, venue_order_id=None
    )
    by_venue = rig.exchange.fetch_order(
        rig.symbol, client_order_id=None, venue_order_id=answer.venue_order_id
    )
    listed = rig.exchange.fetch_open_orders((rig.symbol,))
    assert by_client == by_venue == listed[0]
    assert by_client is not None
    assert (by_client.quantity, by_client.price, by_client.status) == (
        intent.quantity,
        intent.price,
        Status.OPEN,
    )
    assert by_client.client_order_id == intent.client_order_id
    assert by_client.created_at.tzinfo is UTC


def test_market_order__fills_exactly_the_base_quantity(rig: Rig) -> None:
    intent = rig.intent(price=None, quantity="0.0123")
    answer = rig.accepted(intent)
    fills = rig.exchange.fetch_fills(
        rig.symbol, since=rig.earlier(minutes=1), venue_order_id=answer.venue_order_id
    )
    assert sum(fill.quantity for fill in fills) == intent.quantity
    assert {fill.price for fill in fills} == {PRICE}
    assert {fill.venue_order_id for fill in fills} == {answer.venue_order_id}
    assert all(fill.fee > 0 and fill.fee_coin in ("BTC", "USDT") for fill in fills)


@pytest.mark.parametrize("side", list(Side))
def test_market_order__never_fills_beyond_its_collar(rig: Rig, side: Side) -> None:
    rig.accepted(rig.intent(price=None))  # something to sell, and a short to cover
    rig.accepted(rig.intent(side, price=None))
    collar = PRICE * rig.profile.market_collar
    sent = [Decimal(order["price"]) for order in rig.venue.books()["orders"]]
    assert all(abs(price - PRICE) <= collar for price in sent)


def test_market_order__that_cannot_fill_whole_ends_cancelled_with_what_it_got(rig: Rig) -> None:
    rig.fault("partial_fill", fraction="0.5")
    intent = rig.intent(price=None)
    rig.accepted(intent)
    ended = rig.prove(intent)
    assert ended is not None
    assert (ended.status, ended.filled_quantity) == (Status.CANCELLED, Decimal("0.005"))


def test_filled_order__is_in_the_history_even_where_its_client_id_finds_nothing(rig: Rig) -> None:
    intent = rig.intent(price="51000")
    rig.accepted(intent)
    looked_up = rig.exchange.fetch_order(
        rig.symbol, client_order_id=intent.client_order_id, venue_order_id=None
    )
    assert (looked_up is None) == rig.is_spot
    shown = rig.found_in_history(intent)
    assert shown is not None
    assert (shown.status, shown.filled_quantity) == (Status.FILLED, intent.quantity)


def test_partly_filled_order__says_how_much(rig: Rig) -> None:
    intent = rig.intent()
    rig.accepted(intent)
    rig.venue.control("fill", {"client_oid": intent.client_order_id, "quantity": "0.004"})
    shown = rig.prove(intent)
    assert shown is not None
    assert (shown.status, shown.filled_quantity) == (Status.PARTIALLY_FILLED, Decimal("0.004"))


def test_cancel__is_confirmed_once(rig: Rig) -> None:
    intent = rig.intent()
    answer = rig.accepted(intent)
    assert rig.exchange.cancel(rig.symbol, answer.venue_order_id) is True
    assert rig.exchange.cancel(rig.symbol, answer.venue_order_id) is False
    shown = rig.prove(intent)
    assert shown is not None
    assert shown.status is Status.CANCELLED


def test_unknown_order__is_none_and_not_an_error(rig: Rig) -> None:
    stranger = rig.intent()
    assert rig.prove(stranger) is None
    assert (
        rig.exchange.fetch_order(
            rig.symbol, client_order_id=None, venue_order_id=VenueOrderId("1299999999999999999")
        )
        is None
    )


def test_client_id__of_an_open_order_is_taken_and_proves_nothing(rig: Rig) -> None:
    intent = rig.intent()
    rig.accepted(intent)
    second = rig.exchange.submit(intent)
    assert isinstance(second, Unproved)
    assert "taken" in second.detail
    assert len(rig.at_venue(intent)) == 1


def test_client_id__of_a_filled_order_makes_a_second_one_which_is_why_we_never_resend(rig: Rig) -> None:
    intent = rig.intent(price="51000")
    rig.accepted(intent)
    assert isinstance(rig.exchange.submit(intent), Accepted)
    assert len(rig.at_venue(intent)) == 2
    assert rig.profile.client_id_reusable_after_fill


def test_late_order__is_not_sent(rig: Rig) -> None:
    intent = replace(rig.intent(), send_before=rig.exchange.now())
    assert isinstance(rig.exchange.submit(intent), NotSent)
    assert rig.requests("place-order") == 0


@pytest.mark.parametrize("quantity", ["0", "-0.01", "NaN", "Infinity", "0.00000001", "0.0000001"])
def test_impossible_quantity__is_not_sent(rig: Rig, quantity: str) -> None:
    intent = replace(rig.intent(), quantity=Decimal(quantity))
    assert isinstance(rig.exchange.submit(intent), NotSent)
    assert rig.requests("place-order") == 0


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "40000.001"])
def test_impossible_price__is_not_sent(rig: Rig, price: str) -> None:
    intent = replace(rig.intent(), price=Decimal(price))
    assert isinstance(rig.exchange.submit(intent), NotSent)
    assert rig.requests("place-order") == 0


def test_order__that_the_balance_does_not_cover_is_refused(rig: Rig) -> None:
    answer = rig.exchange.submit(rig.intent(quantity="100"))
    assert isinstance(answer, RefusedByVenue)
    assert answer.code in rig.profile.refusal_codes


def test_unconnected_symbol__is_not_sent(rig: Rig) -> None:
    assert isinstance(rig.exchange.submit(replace(rig.intent(), symbol="ETH/USDT")), NotSent)


def test_history__is_read_to_its_end_newest_first(rig: Rig) -> None:
    _leave_foreign_orders(rig, FOREIGN_ORDERS, filled=False)
    listed = list(rig.exchange.fetch_order_history(rig.symbol, rig.earlier(hours=1)))
    ids = [int(order.venue_order_id) for order in listed]
    assert len(ids) == len(set(ids)) == FOREIGN_ORDERS
    assert sorted(ids, reverse=True) == ids


def test_history__beyond_what_the_venue_keeps_is_an_error_and_not_a_silence(rig: Rig) -> None:
    with pytest.raises(errors.VenueUnavailable, match="only the last"):
        list(rig.exchange.fetch_order_history(rig.symbol, rig.earlier(days=rig.profile.history_days + 1)))


def test_open_orders__are_read_to_their_end(rig: Rig) -> None:
    for _ in range(120):
        rig.venue.control("foreign-order", _foreign(rig, price="10000", size="0.001"))
    assert len(rig.exchange.fetch_open_orders((rig.symbol,))) == 120


@pytest.mark.parametrize("manner", ["", "duplicate", "reverse"])
def test_fills__are_complete_single_and_oldest_first(rig: Rig, manner: str) -> None:
    _leave_foreign_orders(rig, 110, filled=True)
    rig.venue.control("fills", {"mode": manner})
    fills = rig.exchange.fetch_fills(rig.symbol, since=rig.earlier(days=20))
    ids = [int(fill.venue_trade_id) for fill in fills]
    assert len(ids) == 110
    assert sorted(set(ids)) == ids


def test_fills__of_one_order_are_those_of_no_other(rig: Rig) -> None:
    _leave_foreign_orders(rig, 3, filled=True)
    answer = rig.accepted(rig.intent(price="51000"))
    fills = rig.exchange.fetch_fills(
        rig.symbol, since=rig.earlier(hours=1), venue_order_id=answer.venue_order_id
    )
    assert {fill.venue_order_id for fill in fills} == {answer.venue_order_id}


def test_foreign_order__is_listed_as_what_it_is(rig: Rig) -> None:
    rig.venue.control("foreign-order", _foreign(rig, price="10000", size="0.001"))
    (listed,) = rig.exchange.fetch_open_orders((rig.symbol,))
    assert listed.client_order_id is not None
    assert not listed.client_order_id.startswith("hf")
    assert (listed.quantity, listed.kind) == (Decimal("0.001"), Kind.LIMIT)


def test_balances__follow_the_trade_and_what_rests(rig: Rig) -> None:
    before = rig.exchange.fetch_balances()["USDT"]
    rig.accepted(rig.intent())
    after = rig.exchange.fetch_balances()["USDT"]
    assert before.total == before.free == Decimal(100_000)
    assert after.free < before.free


def test_quotes_and_candles__are_exact_and_closed(rig: Rig) -> None:
    quote = rig.exchange.fetch_quotes((rig.symbol,))[rig.symbol]
    candles = rig.exchange.fetch_candles(rig.symbol, "1m", 5)
    assert quote.bid <= PRICE <= quote.ask
    assert isinstance(quote.last, Decimal)
    assert len(candles) == 5
    assert all(
        later.opened_at - earlier.opened_at == timedelta(minutes=1) for earlier, later in pairwise(candles)
    )
    assert candles[-1].opened_at < quote.at


def test_quotes__of_several_symbols_come_at_once(rig: Rig) -> None:
    other = rig.symbol.replace("BTC", "ETH")
    rig.exchange.connect((rig.symbol, other))
    assert set(rig.exchange.fetch_quotes((rig.symbol, other))) == {rig.symbol, other}


def test_clock__is_the_venues(rig: Rig) -> None:
    assert abs(rig.exchange.measure_clock() - datetime.now(UTC)) < timedelta(seconds=1)


def test_positions__are_signed_and_in_the_base_coin(rig: Rig) -> None:
    if rig.is_spot:
        assert rig.exchange.fetch_positions((rig.symbol,)) == ()
        return
    rig.exchange.set_leverage(rig.symbol, Decimal(5))
    rig.exchange.set_leverage(rig.symbol, Decimal(5))
    rig.accepted(rig.intent(Side.SELL, price=None, quantity="0.03"))
    (short,) = rig.exchange.fetch_positions((rig.symbol,))
    assert (short.quantity, short.entry_price, short.leverage) == (Decimal("-0.03"), PRICE, Decimal(5))
    rig.accepted(rig.intent(Side.BUY, price=None, quantity="0.05"))
    (long,) = rig.exchange.fetch_positions((rig.symbol,))
    assert long.quantity == Decimal("0.02")


def test_reduce_only__closes_and_never_opens(rig: Rig) -> None:
    if rig.is_spot:
        assert rig.exchange.fetch_positions((rig.symbol,)) == ()  # nothing there that could be reduced
        return
    rig.accepted(rig.intent(price=None, quantity="0.02"))
    rig.accepted(rig.intent(Side.SELL, price=None, quantity="0.02", reduce_only=True))
    assert rig.exchange.fetch_positions((rig.symbol,)) == ()
    again = rig.exchange.submit(rig.intent(Side.SELL, price=None, quantity="0.02", reduce_only=True))
    assert isinstance(again, RefusedByVenue)


def _foreign(rig: Rig, *, price: str, size: str) -> dict[str, object]:
    return {
        "account": "canary",
        "product": rig.product,
        "symbol": rig.symbol,
        "side": "buy",
        "orderType": "limit",
        "price": price,
        "size": size,
    }


def _leave_foreign_orders(rig: Rig, count: int, *, filled: bool) -> None:
    for _ in range(count):
        price = "51000" if filled else "10000"
        placed = rig.venue.control("foreign-order", _foreign(rig, price=price, size="0.001"))
        if not filled:
            rig.venue.control("cancel", {"order_id": placed["orderId"]})
