"""Every misbehaviour: what the client gets, and what the venue's books say happened."""

import threading
import time
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from runtime.simulator.faults import KINDS, spoil
from tests.simulator.conftest import BTC, BTC_SWAP
from tests.venue import RunningSimulator

DEADLINE_SECONDS = 10


@pytest.fixture(autouse=True)
def _short_patience(alice: ccxt.bitget) -> None:
    alice.load_markets()
    alice.timeout = 600


def place(exchange: ccxt.bitget, client_oid: str = "one", symbol: str = BTC) -> Any:
    return exchange.create_order(symbol, "limit", "buy", 0.01, 45_000, {"clientOid": client_oid})


def sent(venue: RunningSimulator) -> int:
    return len(venue.books("alice")["orders"])


def await_true(condition: Callable[[], bool]) -> None:
    """Ask again until it holds, or fail at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    waiting = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        waiting.wait(0.02)


@pytest.mark.parametrize("symbol", [BTC, BTC_SWAP])
@pytest.mark.parametrize(
    ("kind", "orders", "raised"),
    [
        ("accept_then_timeout", 1, ccxt.RequestTimeout),
        ("refuse_then_timeout", 0, ccxt.RequestTimeout),
        ("drop_before", 0, ccxt.NetworkError),
        ("drop_after", 1, ccxt.NetworkError),
        ("http_5xx_accepted", 1, ccxt.ExchangeNotAvailable),
        ("http_5xx_refused", 0, ccxt.ExchangeNotAvailable),
        ("code_accepted", 1, ccxt.ExchangeError),
        ("code_refused", 0, ccxt.ExchangeError),
        ("duplicate_code", 0, ccxt.ExchangeError),
        ("rate_limit", 0, ccxt.DDoSProtection),
    ],
)
def test_fault__accepts_or_not_as_its_name_says(
    venue: RunningSimulator, alice: ccxt.bitget, symbol: str, kind: str, orders: int, raised: type[Exception]
) -> None:
    venue.control("faults", {"route": "place-order", "kind": kind, "hold_seconds": 5})
    with pytest.raises(raised):
        place(alice, symbol=symbol)
    assert sent(venue) == orders
    venue.control("release", {})
    place(alice, "two", symbol=symbol)
    assert sent(venue) == orders + 1


@pytest.mark.parametrize(
    ("fault", "orders"),
    [
        ({"kind": "truncated_accepted"}, 1),
        ({"kind": "empty_success_accepted"}, 1),
        ({"kind": "empty_success_accepted", "shape": "object"}, 1),
        ({"kind": "empty_success_accepted", "shape": "null_data"}, 1),
        ({"kind": "empty_success_refused"}, 0),
        ({"kind": "missing_order_id"}, 1),
    ],
)
def test_fault__an_empty_answer_names_no_order(
    venue: RunningSimulator, alice: ccxt.bitget, fault: dict[str, object], orders: int
) -> None:
    venue.control("faults", {"route": "place-order", **fault})
    try:
        order = place(alice)
    except ccxt.BaseError:
        order = {"id": None}
    assert order["id"] is None
    assert sent(venue) == orders


def test_fault__any_code_can_be_given(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    venue.control("faults", {"route": "place-order", "kind": "code_refused", "code": "40015", "status": 400})
    with pytest.raises(ccxt.ExchangeError, match="40015"):
        place(alice)


def test_fault__begins_after_and_lasts_as_told(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    venue.control("faults", {"route": "place-order", "kind": "rate_limit", "after": 1, "times": 2})
    place(alice, "one")
    for client_oid in ("two", "three"):
        with pytest.raises(ccxt.DDoSProtection):
            place(alice, client_oid)
    place(alice, "four")
    assert [row["client_oid"] for row in venue.books()["orders"]] == ["one", "four"]
    assert venue.control("faults")[0]["hits"] == 2


def test_fault__fits_only_its_account_and_product(
    venue: RunningSimulator, alice: ccxt.bitget, bob: ccxt.bitget
) -> None:
    venue.control("faults", {"kind": "rate_limit", "account": "bob", "product": "mix", "times": -1})
    place(alice, symbol=BTC_SWAP)
    place(bob)
    with pytest.raises(ccxt.DDoSProtection):
        place(bob, symbol=BTC_SWAP)
    venue.control("faults", method="DELETE")
    place(bob, symbol=BTC_SWAP)


@pytest.mark.parametrize("symbol", [BTC, BTC_SWAP])
def test_delayed_visibility__hides_an_order_from_every_query(
    venue: RunningSimulator, alice: ccxt.bitget, symbol: str
) -> None:
    venue.control("faults", {"route": "place-order", "kind": "delayed_visibility", "seconds": "1.5"})
    placed = alice.create_order(symbol, "market", "buy", 0.01, 50_000, {"clientOid": "one"})
    resting = place(alice, "two", symbol)
    assert alice.fetch_canceled_and_closed_orders(symbol) == alice.fetch_my_trades(symbol) == []
    with pytest.raises(ccxt.OrderNotFound):
        alice.fetch_order(placed["id"], symbol)
    assert [order["id"] for order in alice.fetch_open_orders(symbol)] == [resting["id"]]
    assert sent(venue) == 2
    await_true(lambda: len(alice.fetch_my_trades(symbol)) == 1)
    assert alice.fetch_order(placed["id"], symbol)["status"] == "closed"


def test_late_request__reaches_the_books_after_the_client_gave_up(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    venue.control("faults", {"route": "place-order", "kind": "late_request", "seconds": "1.2"})
    with pytest.raises(ccxt.RequestTimeout):
        place(alice)
    assert sent(venue) == 0
    await_true(lambda: sent(venue) == 1)


def test_late_request__is_refused_when_its_receive_window_has_passed(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    venue.control("faults", {"route": "place-order", "kind": "late_request", "seconds": "1.2"})
    fence = {"requestTime": str(alice.milliseconds()), "receiveWindow": "1000"}
    with pytest.raises(ccxt.RequestTimeout):
        alice.create_order(BTC, "limit", "buy", 0.01, 45_000, {"clientOid": "one", **fence})
    await_true(lambda: bool(venue.control("requests?route=place-order")["log"]))
    (logged,) = venue.control("requests?route=place-order")["log"]
    assert (logged["code"], logged["client_oid"], logged["fault"]) == ("40008", "one", "late_request")
    assert sent(venue) == 0


def test_partial_fill__fills_a_part_and_the_rest_later(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    venue.control(
        "faults", {"kind": "partial_fill", "route": "place-order", "fraction": "0.3", "seconds": "1.5"}
    )
    placed = alice.create_order(BTC, "market", "sell", 0.01, None, {"clientOid": "one"})
    order = alice.fetch_order("", BTC, {"clientOid": "one"})
    assert (order["status"], order["filled"]) == ("open", "0.003")
    await_true(lambda: alice.fetch_order(placed["id"], BTC)["status"] == "closed")
    assert [trade["amount"] for trade in alice.fetch_my_trades(BTC)] == ["0.003", "0.007"]


def test_partial_fill__then_cancelled_by_the_venue_keeps_its_fill(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    venue.control(
        "faults", {"kind": "partial_fill", "route": "place-order", "fraction": "0.5", "seconds": -1}
    )
    placed = alice.create_order(BTC_SWAP, "market", "buy", 0.01)
    venue.control("cancel", {"order_id": placed["id"], "reason": "risk_control"})
    order = alice.fetch_order(placed["id"], BTC_SWAP)
    assert (order["status"], order["filled"]) == ("canceled", "0.005")
    assert alice.fetch_positions([BTC_SWAP])[0]["contracts"] == "0.005"


def test_stale_data__frozen_answers_from_the_moment_it_was_set(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    place(alice, "old")
    venue.control("faults", {"kind": "stale_data", "frozen": True, "route": "unfilled-orders", "times": 1})
    alice.cancel_order("", BTC, {"clientOid": "old"})
    place(alice, "new")
    assert [order["clientOrderId"] for order in alice.fetch_open_orders(BTC)] == ["old"]
    assert [order["clientOrderId"] for order in alice.fetch_open_orders(BTC)] == ["new"]


def test_stale_data__answers_the_state_of_seconds_ago(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    venue.control("faults", {"kind": "stale_data", "seconds": 30, "route": "assets", "times": 1})
    place(alice)
    assert alice.fetch_balance()["USDT"]["used"] == "0"
    assert alice.fetch_balance()["USDT"]["used"] == "450"


@pytest.mark.parametrize(("symbol", "route"), [(BTC, "tickers"), (BTC_SWAP, "ticker")])
def test_stale_data__of_a_market_bears_the_time_at_which_it_was_true(
    venue: RunningSimulator, alice: ccxt.bitget, symbol: str, route: str
) -> None:
    venue.control("faults", {"kind": "stale_data", "seconds": 90, "route": route, "times": 1})
    asked = alice.fetch_time()
    old, fresh = alice.fetch_ticker(symbol), alice.fetch_ticker(symbol)
    assert 0 <= old["timestamp"] + 90_000 - asked <= fresh["timestamp"] - asked


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("missing_fields", None),
        ("wrong_types", [{"unexpected": "0.01"}]),
        ("huge_numbers", "9" * 400),
        ("nul", "0.01\x00"),
    ],
)
def test_query__can_be_answered_with_nonsense(
    venue: RunningSimulator, alice: ccxt.bitget, kind: str, told: object
) -> None:
    placed = place(alice)
    venue.control("faults", {"kind": kind, "route": "orderInfo", "fields": ["size"]})
    query = {"orderId": placed["id"]}
    (row,) = alice.privateSpotGetV2SpotTradeOrderInfo(query)["data"]
    assert row.get("size") == told
    assert row["clientOid"] == "one"
    (row,) = alice.privateSpotGetV2SpotTradeOrderInfo(query)["data"]
    assert row["size"] == "0.01"


def test_spoil__without_names_reaches_every_plain_field() -> None:
    data = [{"one": "1", "deep": {"two": "2"}, "rows": [{"three": "3"}]}]
    assert spoil(data, (), lambda value: None) == [{"deep": {}, "rows": [{}]}]


def test_fills__can_be_told_twice_backwards_and_late(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    ids = [alice.create_order(BTC, "market", "sell", 0.01)["id"] for _ in range(3)]

    def listed() -> list[str]:
        rows = alice.privateSpotGetV2SpotTradeFills({"symbol": "BTCUSDT"})["data"]
        return [row["orderId"] for row in rows]

    assert listed() == ids[::-1]
    venue.control("fills", {"mode": "reverse"})
    assert listed() == ids
    venue.control("fills", {"mode": "duplicate"})
    assert listed() == [one for one in ids[::-1] for _ in range(2)]
    venue.control("fills", {"mode": "delay", "seconds": 3600})
    assert listed() == []
    venue.control("fills", {"mode": ""})
    assert listed() == ids[::-1]


def test_control_fill__may_come_after_the_cancel_and_be_too_big(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    placed = place(alice)
    alice.cancel_order(placed["id"], BTC)
    with pytest.raises(AssertionError, match="can be filled"):
        venue.control("fill", {"order_id": placed["id"], "quantity": "0.02"})
    with pytest.raises(AssertionError, match="can be filled"):
        venue.control("fill", {"order_id": placed["id"]})
    venue.control("fill", {"order_id": placed["id"], "quantity": "0.02", "force": True})
    (trade,) = alice.fetch_my_trades(BTC)
    assert (trade["order"], trade["amount"]) == (placed["id"], "0.02")
    assert alice.fetch_order(placed["id"], BTC)["status"] == "canceled"


def test_foreign_order__is_one_that_nobody_of_ours_sent(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    order = {
        "account": "alice",
        "symbol": BTC,
        "side": "sell",
        "orderType": "limit",
        "size": "0.1",
        "price": "60000",
    }
    placed = venue.control("foreign-order", order)
    (seen,) = alice.fetch_open_orders(BTC)
    assert (seen["id"], seen["info"]["enterPointSource"]) == (placed["orderId"], "WEB")
    swap = {**order, "product": "mix", "orderType": "market"}
    venue.control("foreign-order", swap)
    assert alice.fetch_positions([BTC_SWAP])[0]["side"] == "short"


def test_requests__are_counted_and_logged_with_what_became_of_them(
    venue: RunningSimulator, alice: ccxt.bitget
) -> None:
    venue.control("requests", method="DELETE")
    place(alice, "one")
    with pytest.raises(ccxt.ExchangeError):
        place(alice, "one")
    shown = venue.control("requests")
    assert shown["counts"] == {"/api/v2/spot/trade/place-order": 2}
    assert [(row["account"], row["client_oid"], row["code"]) for row in shown["log"]] == [
        ("alice", "one", "00000"),
        ("alice", "one", "40786"),
    ]


def test_reset__leaves_nothing_and_gives_the_money_back(venue: RunningSimulator, alice: ccxt.bitget) -> None:
    place(alice)
    alice.create_order(BTC_SWAP, "market", "buy", 0.01)
    venue.control("faults", {"kind": "rate_limit", "times": -1})
    venue.reset()
    assert alice.fetch_open_orders(BTC) == alice.fetch_positions([BTC_SWAP]) == []
    assert alice.fetch_balance()["USDT"] == {"free": "10000", "used": "0", "total": "10000"}
    assert venue.control("faults") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "nonsense"}),
        ("faults", {"kind": "rate_limit", "colour": "red"}),
        ("faults", {"kind": "partial_fill", "fraction": "NaN"}),
        ("price", {"symbol": "NOPE", "price": "1"}),
        ("price", {"symbol": BTC, "price": "-1"}),
        ("advance", {"seconds": -1}),
        ("fills", {"mode": "sideways"}),
        ("fill", {"order_id": "7"}),
        ("cancel", {}),
        ("deposit", {"account": "nobody", "amount": 1}),
        ("accounts", {"name": "half"}),
        ("foreign-order", {"account": "nobody", "symbol": BTC}),
    ],
)
def test_control__refuses_nonsense_in_a_sentence(
    venue: RunningSimulator, path: str, body: dict[str, object]
) -> None:
    with pytest.raises(AssertionError, match='"error"'):
        venue.control(path, body)


def test_kinds__are_all_tried_here() -> None:
    with open(__file__, encoding="utf-8") as source:
        text = source.read()
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
