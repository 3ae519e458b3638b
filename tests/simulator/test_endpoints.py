"""Every call of ccxt that a bot makes, spot and perpetual, through the unmodified client."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import ccxt
import pytest

from tests.simulator.conftest import BTC, BTC_SWAP
from tests.venue import RunningSimulator

BOTH = pytest.mark.parametrize("symbol", [BTC, BTC_SWAP])


def limit_buy(exchange: ccxt.bitget, symbol: str, client_oid: str, price: int = 40_000) -> Any:
    return exchange.create_order(symbol, "limit", "buy", 0.01, price, {"clientOid": client_oid})


def test_load_markets__lists_spot_and_perpetuals_with_their_steps(alice: ccxt.bitget) -> None:
    markets = alice.load_markets()
    assert markets[BTC]["spot"]
    assert markets[BTC]["precision"] == {"amount": "0.000001", "price": "0.01"} | markets[BTC]["precision"]
    assert markets[BTC]["limits"]["cost"]["min"] == "1"
    swap = markets[BTC_SWAP]
    assert (swap["linear"], swap["settle"], swap["precision"]["price"]) == (True, "USDT", "0.1")
    assert (swap["taker"], swap["limits"]["leverage"]["max"]) == ("0.0006", "125")
    assert {"ETH/USDT", "SOL/USDT", "ETH/USDT:USDT"} <= set(markets)


def test_load_markets__calls_what_the_venue_offers_and_nothing_else(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    alice.load_markets()
    counts = venue.control("requests")["counts"]
    assert counts["/api/v2/mix/market/contracts"] == 6
    assert "/api/v3/account/settings" not in counts


def test_account_type__left_to_guess_is_answered_as_a_classic_account(alice: ccxt.bitget) -> None:
    del alice.options["uta"]
    alice.load_markets()
    assert alice.options["uta"] is False


@BOTH
def test_create_order__answers_with_its_ids_only(alice: ccxt.bitget, symbol: str) -> None:
    order = limit_buy(alice, symbol, "one")
    assert order["clientOrderId"] == "one"
    assert order["id"].isdigit()
    assert order["status"] is None


@BOTH
def test_fetch_order__finds_an_open_order_by_either_id(alice: ccxt.bitget, symbol: str) -> None:
    placed = limit_buy(alice, symbol, "one")
    for order in (
        alice.fetch_order(placed["id"], symbol),
        alice.fetch_order("", symbol, {"clientOrderId": "one"}),
    ):
        assert (order["id"], order["clientOrderId"], order["status"]) == (placed["id"], "one", "open")
        assert (order["price"], order["amount"], order["filled"]) == ("40000", "0.01", "0")
        assert (order["symbol"], order["side"], order["type"]) == (symbol, "buy", "limit")


@BOTH
def test_fetch_open_orders__shows_price_size_and_client_id(alice: ccxt.bitget, symbol: str) -> None:
    limit_buy(alice, symbol, "one")
    (order,) = alice.fetch_open_orders(symbol)
    assert (order["clientOrderId"], order["price"], order["amount"]) == ("one", "40000", "0.01")
    assert alice.fetch_canceled_and_closed_orders(symbol) == []


@BOTH
def test_cancel_order__a_second_cancel_finds_nothing(alice: ccxt.bitget, symbol: str) -> None:
    placed = limit_buy(alice, symbol, "one")
    assert alice.cancel_order("", symbol, {"clientOrderId": "one"})["id"] == placed["id"]
    with pytest.raises(ccxt.OrderNotFound):
        alice.cancel_order(placed["id"], symbol)
    (order,) = alice.fetch_canceled_and_closed_orders(symbol)
    assert (order["status"], order["clientOrderId"], order["filled"]) == ("canceled", "one", "0")
    assert alice.fetch_open_orders(symbol) == []


@BOTH
def test_market_order__fills_at_once_and_stands_in_the_history(alice: ccxt.bitget, symbol: str) -> None:
    placed = alice.create_order(symbol, "market", "buy", 0.01, 50_000, {"clientOid": "one"})
    (order,) = alice.fetch_canceled_and_closed_orders(symbol)
    assert (order["id"], order["clientOrderId"], order["status"]) == (placed["id"], "one", "closed")
    assert (order["filled"], order["average"], order["cost"]) == ("0.01", "50000", "500")
    assert alice.fetch_order(placed["id"], symbol)["status"] == "closed"


@BOTH
def test_fetch_my_trades__carries_the_order_id_and_no_client_id(alice: ccxt.bitget, symbol: str) -> None:
    placed = alice.create_order(symbol, "market", "buy", 0.01, 50_000, {"clientOid": "mine42"})
    (trade,) = alice.fetch_my_trades(symbol)
    assert (trade["order"], trade["price"], trade["amount"]) == (placed["id"], "50000", "0.01")
    assert (trade["side"], trade["takerOrMaker"]) == ("buy", "taker")
    assert "mine42" not in str(trade)
    assert trade["fee"] == (
        {"cost": "0.00001", "currency": "BTC"} if symbol == BTC else {"cost": "0.3", "currency": "USDT"}
    )


@BOTH
def test_fetch_my_trades__of_one_order_leaves_the_others_out(alice: ccxt.bitget, symbol: str) -> None:
    ids = [alice.create_order(symbol, "market", "buy", 0.01, 50_000)["id"] for _ in range(3)]
    (trade,) = alice.fetch_my_trades(symbol, None, None, {"orderId": ids[1]})
    assert trade["order"] == ids[1]


def test_market_buy__takes_its_size_in_quote(alice: ccxt.bitget) -> None:
    placed = alice.create_order(BTC, "market", "buy", 0.01, 25_000)
    order = alice.fetch_order(placed["id"], BTC)
    assert (order["info"]["size"], order["filled"], order["cost"]) == ("250", "0.005", "250")


def test_fetch_balance__spot_tells_free_and_frozen(alice: ccxt.bitget) -> None:
    limit_buy(alice, BTC, "one")
    balance = alice.fetch_balance()
    assert balance["USDT"] == {"free": "9600", "used": "400", "total": "10000"}
    assert balance["BTC"]["total"] == "1"


def test_fetch_balance__swap_tells_equity_and_what_may_leave(alice: ccxt.bitget) -> None:
    alice.create_order(BTC_SWAP, "market", "buy", 0.1)
    balance = alice.fetch_balance({"type": "swap", "productType": "USDT-FUTURES"})["USDT"]
    assert Decimal(balance["total"]) == Decimal("10000") - Decimal("0.1") * 50_000 * Decimal("0.0006")
    assert Decimal(balance["free"]) == Decimal(balance["total"]) - Decimal("0.1") * 50_000 / 20


def test_fetch_positions__tells_side_size_entry_and_profit(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    assert alice.fetch_positions([BTC_SWAP]) == []
    alice.create_order(BTC_SWAP, "market", "sell", 0.1)
    venue.control("price", {"symbol": BTC_SWAP, "price": "49000"})
    (position,) = alice.fetch_positions([BTC_SWAP])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("short", "0.1", "50000")
    assert (position["unrealizedPnl"], position["leverage"], position["hedged"]) == ("100", "20", False)
    assert alice.fetch_position(BTC_SWAP)["side"] == "short"


def test_set_leverage__changes_the_margin_that_an_order_needs(alice: ccxt.bitget) -> None:
    alice.set_leverage(2, BTC_SWAP)
    assert alice.fetch_leverage(BTC_SWAP)["longLeverage"] == 2
    with pytest.raises(ccxt.InsufficientFunds):
        alice.create_order(BTC_SWAP, "market", "buy", 0.5)
    alice.set_leverage(10, BTC_SWAP)
    alice.create_order(BTC_SWAP, "market", "buy", 0.5)


def test_position_mode__can_be_set_and_is_shown_but_only_one_way_trades(alice: ccxt.bitget) -> None:
    hedged = {"hedged": True}
    with pytest.raises(ccxt.InvalidOrder, match="40774"):
        alice.create_order(BTC_SWAP, "market", "buy", 0.01, None, hedged)
    alice.set_position_mode(True, BTC_SWAP)
    assert alice.fetch_leverage(BTC_SWAP)["info"]["posMode"] == "hedge_mode"
    with pytest.raises(ccxt.InvalidOrder, match="40774"):
        alice.create_order(BTC_SWAP, "market", "buy", 0.01)
    with pytest.raises(ccxt.ExchangeError, match="40919"):
        alice.create_order(BTC_SWAP, "market", "buy", 0.01, None, hedged)
    alice.set_position_mode(False, BTC_SWAP)
    assert alice.fetch_leverage(BTC_SWAP)["info"]["posMode"] == "one_way_mode"
    alice.create_order(BTC_SWAP, "market", "buy", 0.01)
    with pytest.raises(ccxt.ExchangeError, match="40920"):
        alice.set_position_mode(True, BTC_SWAP)


def test_margin_mode__may_not_change_under_a_position(alice: ccxt.bitget) -> None:
    alice.set_margin_mode("isolated", BTC_SWAP)
    alice.create_order(BTC_SWAP, "market", "buy", 0.01)
    assert alice.fetch_positions([BTC_SWAP])[0]["marginMode"] == "isolated"
    with pytest.raises(ccxt.ExchangeError, match="45117"):
        alice.set_margin_mode("cross", BTC_SWAP)


@BOTH
def test_market_data__ticker_book_and_candles_agree(alice: ccxt.bitget, symbol: str) -> None:
    ticker = alice.fetch_ticker(symbol)
    assert (ticker["last"], ticker["bid"], ticker["ask"]) == ("50000", "50000", "50000")
    assert alice.fetch_tickers([symbol])[symbol]["last"] == "50000"
    book = alice.fetch_order_book(symbol, 5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    candles = alice.fetch_ohlcv(symbol, "1m", limit=20)
    assert len(candles) == 20
    assert {second[0] - first[0] for first, second in pairwise(candles)} == {60_000}


def test_fetch_time__is_the_wall_clock(alice: ccxt.bitget) -> None:
    assert abs(alice.fetch_time() - alice.milliseconds()) < 5000


def test_unknown_path__is_answered_with_the_venue_s_code(alice: ccxt.bitget) -> None:
    with pytest.raises(ccxt.ExchangeError, match="40404"):
        alice.fetch_deposit_address("USDT")
