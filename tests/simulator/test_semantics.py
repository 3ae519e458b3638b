"""The venue's documented rules that a bot may stumble over: ids, windows, signatures, pages, money."""

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.simulator.conftest import BTC, BTC_SWAP, keys_of
from tests.venue import RunningSimulator, connect, start_simulator

BOTH = pytest.mark.parametrize("symbol", [BTC, BTC_SWAP])


def limit(
    exchange: ccxt.bitget, symbol: str, side: str, price: int, size: float = 0.01, **params: Any
) -> Any:
    return exchange.create_order(symbol, "limit", side, size, price, params)


def newest_trade(exchange: ccxt.bitget, symbol: str) -> Any:
    return max(exchange.fetch_my_trades(symbol), key=lambda trade: int(trade["id"]))


def amounts(venue: RunningSimulator, account: str, wallet: str = "spot") -> dict[str, Decimal]:
    rows = venue.books(account)["balances"]
    return {
        row["coin"]: Decimal(row["available"]) + Decimal(row["frozen"])
        for row in rows
        if row["wallet"] == wallet
    }


def test_client_id__finds_a_spot_order_only_while_it_is_unfilled(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    limit(alice, BTC, "buy", 45_000, clientOid="one")
    assert alice.fetch_order("", BTC, {"clientOid": "one"})["status"] == "open"
    venue.control("price", {"symbol": BTC, "price": "44000"})
    with pytest.raises(ccxt.OrderNotFound):
        alice.fetch_order("", BTC, {"clientOid": "one"})
    (order,) = alice.fetch_canceled_and_closed_orders(BTC)
    assert (order["clientOrderId"], order["status"]) == ("one", "closed")
    assert alice.fetch_order(order["id"], BTC)["status"] == "closed"


def test_client_id__finds_a_partly_filled_spot_order(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    limit(alice, BTC, "buy", 45_000, clientOid="one")
    venue.control("fill", {"client_oid": "one", "quantity": "0.004"})
    order = alice.fetch_order("", BTC, {"clientOid": "one"})
    assert (order["filled"], order["remaining"], order["status"]) == ("0.004", "0.006", "open")


def test_client_id__of_a_cancelled_spot_order_finds_nothing(alice: ccxt.bitget) -> None:
    placed = limit(alice, BTC, "buy", 45_000, clientOid="one")
    alice.cancel_order(placed["id"], BTC)
    with pytest.raises(ccxt.OrderNotFound):
        alice.fetch_order("", BTC, {"clientOid": "one"})


def test_client_id__of_a_done_perpetual_order_still_finds_it(alice: ccxt.bitget) -> None:
    alice.create_order(BTC_SWAP, "market", "buy", 0.01, None, {"clientOid": "one"})
    assert alice.fetch_order("", BTC_SWAP, {"clientOid": "one"})["status"] == "closed"
    with pytest.raises(ccxt.OrderNotFound, match="40109"):
        alice.fetch_order("", BTC_SWAP, {"clientOid": "two"})


@BOTH
def test_client_id__sent_again_is_refused_while_open_and_doubles_after_the_fill(
    venue: RunningSimulator, alice: ccxt.bitget, symbol: str
) -> None:
    limit(alice, symbol, "buy", 45_000, clientOid="one")
    with pytest.raises(ccxt.ExchangeError, match="40786"):
        limit(alice, symbol, "buy", 45_000, clientOid="one")
    venue.control("price", {"symbol": symbol, "price": "44000"})
    limit(alice, symbol, "buy", 43_000, clientOid="one")
    assert [row["client_oid"] for row in venue.books("alice")["orders"]] == ["one", "one"]


def test_client_id__is_each_account_s_own(alice: ccxt.bitget, bob: ccxt.bitget) -> None:
    limit(alice, BTC, "buy", 45_000, clientOid="one")
    limit(bob, BTC, "buy", 45_000, clientOid="one")
    with pytest.raises(ccxt.OrderNotFound):
        bob.fetch_order(alice.fetch_open_orders(BTC)[0]["id"], BTC)


@pytest.mark.parametrize("client_oid", ["x" * 51, "nul\x00", "Ω"])
def test_client_id__outside_the_alphabet_is_refused(alice: ccxt.bitget, client_oid: str) -> None:
    with pytest.raises(ccxt.BadRequest, match="40305"):
        limit(alice, BTC, "buy", 45_000, clientOid=client_oid)


def test_receive_window__refuses_a_late_spot_order_and_takes_a_timely_one(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    now = alice.milliseconds()
    with pytest.raises(ccxt.InvalidNonce, match="40008"):
        limit(alice, BTC, "buy", 45_000, requestTime=str(now - 3000), receiveWindow="2000")
    limit(alice, BTC, "buy", 45_000, requestTime=str(now), receiveWindow="2000")
    assert len(venue.books("alice")["orders"]) == 1


def test_server_time__can_be_set_ahead_so_that_a_window_passes_at_once(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    now = alice.milliseconds()
    venue.control("server-time", {"offset_seconds": 20})
    try:
        assert alice.fetch_time() >= now + 20_000
        with pytest.raises(ccxt.BaseError, match="40008"):
            limit(alice, BTC, "buy", 45_000, requestTime=str(now), receiveWindow="5000")
    finally:
        venue.control("server-time", {"offset_seconds": 0})
    assert venue.books("alice")["orders"] == []


def test_receive_window__does_not_exist_for_perpetuals(alice: ccxt.bitget) -> None:
    now = alice.milliseconds()
    assert limit(alice, BTC_SWAP, "buy", 45_000, requestTime=str(now - 3000), receiveWindow="2000")["id"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"apiKey": "nobody"}, "40006"),
        ({"secret": "guessed"}, "40009"),
        ({"password": "guessed"}, "40012"),
    ],
)
def test_signature__wrong_credentials_have_their_codes(
    venue: RunningSimulator, wrong: dict[str, str], code: str
) -> None:
    exchange = connect(venue, keys_of("alice") | wrong)
    with pytest.raises(ccxt.AuthenticationError, match=code):
        exchange.fetch_balance()
    exchange.session.close()


def test_signature__a_timestamp_out_of_the_window_is_refused(alice: ccxt.bitget) -> None:
    alice.options["timeDifference"] = 60_000
    with pytest.raises(ccxt.InvalidNonce, match="40008"):
        alice.fetch_balance()


def test_signature__covers_a_query_with_escaped_signs(alice: ccxt.bitget) -> None:
    with pytest.raises(ccxt.OrderNotFound):
        alice.fetch_order("", BTC, {"clientOid": "a b&c=d/é+%"})


def test_history__comes_in_pages_of_a_hundred_newest_first(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    for at in range(105):
        placed = limit(alice, BTC, "buy", 45_000, clientOid=f"order{at}")
        alice.cancel_order(placed["id"], BTC)
    rows = alice.privateSpotGetV2SpotTradeHistoryOrders({"symbol": "BTCUSDT", "limit": "500"})["data"]
    assert [row["clientOid"] for row in rows] == [f"order{at}" for at in range(104, 4, -1)]
    rest = alice.privateSpotGetV2SpotTradeHistoryOrders(
        {"symbol": "BTCUSDT", "idLessThan": rows[-1]["orderId"]}
    )
    assert [row["clientOid"] for row in rest["data"]] == [f"order{at}" for at in range(4, -1, -1)]


@BOTH
def test_history__keeps_to_the_times_that_are_asked_for(alice: ccxt.bitget, symbol: str) -> None:
    alice.create_order(symbol, "market", "buy", 0.01, 50_000)
    created = alice.fetch_canceled_and_closed_orders(symbol)[0]["timestamp"]
    assert len(alice.fetch_canceled_and_closed_orders(symbol, created, None, {"until": created})) == 1
    assert alice.fetch_canceled_and_closed_orders(symbol, created + 1) == []
    assert alice.fetch_canceled_and_closed_orders(symbol, None, None, {"endTime": created - 1}) == []


def test_history__forgets_after_ninety_days(tmp_path: Path, accounts_file: Path) -> None:
    running = start_simulator(tmp_path, clock="manual", accounts=accounts_file)
    exchange = connect(running, keys_of("alice"))
    try:
        placed = exchange.create_order(BTC, "market", "sell", 0.01)
        assert len(exchange.fetch_canceled_and_closed_orders(BTC)) == 1
        running.kill()
        with sqlite3.connect(running.folder / "books.sqlite3") as file:
            file.execute("UPDATE orders SET created_ms = created_ms - 91 * 86400000")
        file.close()
        running.restart()
        assert exchange.fetch_canceled_and_closed_orders(BTC) == []
        assert exchange.fetch_order(placed["id"], BTC)["status"] == "closed"
    finally:
        running.close()
        exchange.session.close()


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"size": "0.0000001"}, "40808"),
        ({"size": "0.00001", "price": "60000"}, "45110"),
        ({"size": "-1"}, "40017"),
        ({"size": "NaN"}, "40017"),
        ({"size": "1e400"}, "40017"),
        ({"price": "50000.001"}, "40808"),
        ({"price": "0"}, "40017"),
        ({"symbol": "NOPEUSDT"}, "40034"),
        ({"side": "hold"}, "40017"),
        ({"orderType": "iceberg"}, "40017"),
        ({"size": None}, "40019"),
        ({"size": {"nested": 1}}, "40017"),
        ({"clientOid": True}, "40017"),
    ],
)
def test_place_order__refuses_nonsense_with_its_code(
    venue: RunningSimulator, alice: ccxt.bitget, params: dict[str, object], error: str
) -> None:
    order = {
        "symbol": "BTCUSDT",
        "side": "buy",
        "orderType": "limit",
        "force": "gtc",
        "price": "100",
        "size": "0.1",
    }
    with pytest.raises(ccxt.ExchangeError, match=error):
        alice.privateSpotPostV2SpotTradePlaceOrder({**order, **params})
    assert venue.books("alice")["orders"] == []


def test_balance__constrains_spot_orders(venue: RunningSimulator, bob: ccxt.bitget) -> None:
    limit(bob, BTC, "buy", 40_000, 0.01)
    with pytest.raises(ccxt.InsufficientFunds, match="43012"):
        limit(bob, BTC, "buy", 40_000, 0.01)
    with pytest.raises(ccxt.InsufficientFunds, match="43012"):
        limit(bob, BTC, "sell", 60_000, 0.01)
    bob.cancel_order(venue.books("bob")["orders"][0]["order_id"], BTC)
    limit(bob, BTC, "buy", 40_000, 0.0125)


def test_balance__constrains_perpetual_orders(bob: ccxt.bitget) -> None:
    with pytest.raises(ccxt.InsufficientFunds, match="40762"):
        bob.create_order(BTC_SWAP, "market", "buy", 0.04)
    limit(bob, BTC_SWAP, "buy", 40_000, 0.04)
    with pytest.raises(ccxt.InsufficientFunds, match="40762"):
        limit(bob, BTC_SWAP, "buy", 40_000, 0.02)


def test_limit_buy__gives_back_what_the_better_price_saved(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    limit(alice, BTC, "buy", 60_000, 0.1)
    assert alice.fetch_balance()["USDT"] == {"free": "5000", "used": "0", "total": "5000"}
    assert amounts(venue, "alice")["BTC"] == Decimal("1.0999")


def test_fees__are_taken_in_a_third_coin_while_there_is_enough_of_it(
    venue: RunningSimulator, carol: ccxt.bitget
) -> None:
    venue.control("price", {"symbol": "BGBUSDT", "price": "2"})
    carol.create_order(BTC, "market", "buy", 0.1, 50_000)
    (trade,) = carol.fetch_my_trades(BTC)
    assert trade["fee"] == {"cost": "2", "currency": "BGB"}
    held = amounts(venue, "carol")
    assert (held["BGB"], held["BTC"]) == (Decimal(98), Decimal("0.1"))
    venue.control("deposit", {"account": "carol", "coin": "BGB", "amount": "-98"})
    carol.create_order(BTC, "market", "sell", 0.1)
    assert newest_trade(carol, BTC)["fee"] == {"cost": "5", "currency": "USDT"}


def test_position__adds_reduces_and_flips(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    for side, size, price in (("buy", 0.1, 50_000), ("buy", 0.1, 52_000), ("sell", 0.1, 53_000)):
        venue.control("price", {"symbol": BTC, "price": price})
        alice.create_order(BTC_SWAP, "market", side, size)
    (position,) = alice.fetch_positions([BTC_SWAP])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", "0.1", "51000")
    assert newest_trade(alice, BTC_SWAP)["info"]["profit"] == "200"
    alice.create_order(BTC_SWAP, "market", "sell", 0.3)
    (position,) = alice.fetch_positions([BTC_SWAP])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("short", "0.2", "53000")
    paid = sum(Decimal(row["fee"]) for row in venue.books("alice")["fills"])
    assert amounts(venue, "alice", "mix")["USDT"] == Decimal(10_000) + 200 + 200 - paid


def test_reduce_only__never_opens(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    with pytest.raises(ccxt.ExchangeError, match="22002"):
        alice.create_order(BTC_SWAP, "market", "sell", 0.1, None, {"reduceOnly": True})
    alice.create_order(BTC_SWAP, "market", "buy", 0.1)
    alice.create_order(BTC_SWAP, "market", "sell", 0.25, None, {"reduceOnly": True, "clientOid": "close"})
    assert alice.fetch_positions([BTC_SWAP]) == []
    order = alice.fetch_order("", BTC_SWAP, {"clientOid": "close"})
    assert (order["status"], order["filled"], order["reduceOnly"]) == ("canceled", "0.1", True)


def test_reduce_only__a_newer_one_drives_out_what_the_position_cannot_serve(alice: ccxt.bitget) -> None:
    alice.create_order(BTC_SWAP, "market", "buy", 0.1)
    older = limit(alice, BTC_SWAP, "sell", 60_000, 0.1, reduceOnly=True)
    newer = limit(alice, BTC_SWAP, "sell", 61_000, 0.05, reduceOnly=True)
    assert alice.fetch_order(older["id"], BTC_SWAP)["status"] == "canceled"
    assert [row["id"] for row in alice.fetch_open_orders(BTC_SWAP)] == [newer["id"]]


@pytest.mark.parametrize(
    ("force", "price", "status", "filled"),
    [
        ("IOC", 49_000, "canceled", "0"),
        ("FOK", 51_000, "closed", "0.01"),
        ("PO", 51_000, "canceled", "0"),
        ("PO", 49_000, "open", "0"),
    ],
)
def test_time_in_force__is_kept(alice: ccxt.bitget, force: str, price: int, status: str, filled: str) -> None:
    placed = limit(alice, BTC, "buy", price, timeInForce=force)
    order = alice.fetch_order(placed["id"], BTC)
    assert (order["status"], order["filled"]) == (status, filled)


@BOTH
def test_resting_order__fills_as_maker_at_its_own_price(
    venue: RunningSimulator, alice: ccxt.bitget, symbol: str
) -> None:
    limit(alice, symbol, "sell", 52_000)
    venue.control("price", {"symbol": symbol, "price": "51999"})
    assert alice.fetch_my_trades(symbol) == []
    venue.control("price", {"symbol": symbol, "price": "53000"})
    (trade,) = alice.fetch_my_trades(symbol)
    assert (trade["price"], trade["takerOrMaker"]) == ("52000", "maker")


def test_resting_order__is_not_jumped_over_when_time_leaps(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    venue.control("price", {"symbol": "ETHUSDT", "price": None})
    last = Decimal(alice.fetch_ticker("ETH/USDT")["last"])
    price = (last * Decimal("0.999")).quantize(Decimal("0.01"))
    placed = alice.create_order("ETH/USDT", "limit", "buy", 0.1, str(price))
    for _ in range(200):
        venue.control("advance", {"seconds": 600})
        if alice.fetch_order(placed["id"], "ETH/USDT")["status"] == "closed":
            break
    assert alice.fetch_my_trades("ETH/USDT")[0]["price"] == str(price.normalize())
