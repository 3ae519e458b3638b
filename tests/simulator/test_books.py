"""The venue's books: what was answered is kept through SIGKILL, and no coin appears or vanishes."""

import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import ccxt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime import errors
from runtime.simulator import control
from runtime.simulator.books import Books
from runtime.simulator.config import AccountSpec, SimulatorConfig
from runtime.simulator.records import ZERO, Balance, Mark, Product
from runtime.simulator.signature import Request
from runtime.simulator.venue import Venue
from tests.simulator.conftest import BTC, BTC_SWAP, keys_of
from tests.venue import RunningSimulator, connect, start_simulator


def balance(available: int) -> Balance:
    return Balance("alice", Product.SPOT, "USDT", Decimal(available), ZERO)


def trade_until_it_dies(simulator: RunningSimulator, answered: list[str]) -> None:
    """Place, fill and cancel as fast as possible; remember what the venue has answered."""
    exchange = connect(simulator, keys_of("alice"))
    exchange.load_markets()
    try:
        for at in range(100_000):
            symbol = BTC if at % 2 else BTC_SWAP
            kind = "market" if at % 3 == 0 else "limit"
            side = "buy" if at % 4 < 2 else "sell"
            price = 40_000 if side == "buy" else 60_000
            order = exchange.create_order(symbol, kind, side, 0.001, price, {"clientOid": f"order{at}"})
            answered.append(order["id"])
            if at % 5 == 1 and kind == "limit":
                exchange.cancel_order(order["id"], symbol)
    except ccxt.NetworkError:
        return
    finally:
        exchange.session.close()


@pytest.mark.parametrize("sync", ["full", "off"])
def test_sigkill__while_trading_loses_nothing_that_was_answered(
    tmp_path: Path, accounts_file: Path, sync: str
) -> None:
    running = start_simulator(tmp_path, accounts=accounts_file, books_sync=sync)
    running.control("price", {"symbol": BTC, "price": "50000"})
    answered: list[str] = []
    trader = threading.Thread(target=trade_until_it_dies, args=(running, answered))
    trader.start()
    deadline = time.monotonic() + 10
    while len(answered) < 40 and time.monotonic() < deadline:
        trader.join(timeout=0.01)
    running.kill()
    trader.join(timeout=10)
    running.restart()
    try:
        books = running.books()
        kept = {order["order_id"] for order in books["orders"]}
        assert len(answered) >= 40
        assert set(answered) <= kept
        assert len(kept) - len(answered) <= 1
        assert_money_adds_up(books, {("spot", "USDT"): 10_000, ("spot", "BTC"): 1, ("mix", "USDT"): 10_000})
        assert running.control("market")["quotes"]["BTCUSDT"]["last"] == "50000"
    finally:
        running.close()


def test_sigkill__at_rest_brings_back_the_same_books(tmp_path: Path, accounts_file: Path) -> None:
    running = start_simulator(tmp_path, accounts=accounts_file, clock="manual")
    exchange = connect(running, keys_of("alice"))
    try:
        running.control("price", {"symbol": BTC, "price": "50000"})
        exchange.create_order(BTC, "market", "sell", 0.01)
        exchange.create_order(BTC, "limit", "buy", 0.01, 45_000, {"clientOid": "rests"})
        exchange.create_order(BTC_SWAP, "market", "sell", 0.01)
        exchange.set_leverage(7, BTC_SWAP)
        before, market = running.books(), running.control("market")
        running.restart()
        assert running.books() == before
        assert running.control("market") == market
        running.control("price", {"symbol": BTC, "price": "44000"})
        order = exchange.fetch_canceled_and_closed_orders(BTC)[-1]
        assert (order["clientOrderId"], order["status"]) == ("rests", "closed")
        assert int(order["id"]) < int(exchange.create_order(BTC, "market", "sell", 0.01)["id"])
        assert exchange.fetch_leverage(BTC_SWAP)["longLeverage"] == 7
    finally:
        running.close()
        exchange.session.close()


def test_many_clients__at_once_leave_books_that_add_up(venue: RunningSimulator) -> None:
    def trade(number: int) -> None:
        exchange = connect(venue, keys_of("alice"))
        for at in range(15):
            side = "buy" if at % 2 else "sell"
            symbol = BTC if at % 3 else BTC_SWAP
            exchange.create_order(symbol, "market", side, 0.001, 50_000, {"clientOid": f"{number}of{at}"})
        exchange.session.close()

    clients = [threading.Thread(target=trade, args=(number,)) for number in range(6)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    books = venue.books("alice")
    assert len({order["order_id"] for order in books["orders"]}) == len(books["fills"]) == 90
    assert_money_adds_up(books, {("spot", "USDT"): 10_000, ("spot", "BTC"): 1, ("mix", "USDT"): 10_000})


def assert_money_adds_up(
    books: dict[str, list[dict[str, str]]], given_to: dict[tuple[str, str], int], account: str = "alice"
) -> None:
    """What an account holds is what it was given, plus its fills, minus its fees, to the last digit."""
    expected = {key: Decimal(amount) for key, amount in given_to.items()}
    for one in (row for row in books["fills"] if row["account"] == account):
        sign = 1 if one["side"] == "buy" else -1
        wallet = one["product"]
        moves = {(wallet, one["fee_coin"]): -Decimal(one["fee"])}
        if wallet == "spot":
            moves |= {("spot", "BTC"): sign * Decimal(one["size"]) + moves.get(("spot", "BTC"), ZERO)}
            moves |= {("spot", "USDT"): -sign * Decimal(one["quote"]) + moves.get(("spot", "USDT"), ZERO)}
        else:
            moves |= {("mix", "USDT"): Decimal(one["profit"]) - Decimal(one["fee"])}
        for key, amount in moves.items():
            expected[key] = expected.get(key, ZERO) + amount
    held = {
        (row["wallet"], row["coin"]): Decimal(row["available"]) + Decimal(row["frozen"])
        for row in books["balances"]
        if row["account"] == account
    }
    assert {key: held.get(key, ZERO) for key in expected} == expected


ORDER = st.fixed_dictionaries(
    {
        "product": st.sampled_from(["spot", "mix"]),
        "side": st.sampled_from(["buy", "sell"]),
        "orderType": st.sampled_from(["limit", "market"]),
        "force": st.sampled_from(["gtc", "ioc", "post_only"]),
        "price": st.integers(40_000, 60_000),
        "size": st.integers(1, 4000).map(lambda size: Decimal(size) / 10_000),
        "reduceOnly": st.sampled_from(["NO", "NO", "YES"]),
    }
)
STEP: st.SearchStrategy[tuple[str, dict[str, object]]] = st.one_of(
    st.tuples(st.just("foreign-order"), ORDER),
    st.tuples(st.just("price"), st.fixed_dictionaries({"price": st.integers(40_000, 60_000)})),
    st.tuples(st.just("cancel"), st.just({})),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEP, max_size=25))
def test_money__only_moves_by_fills_and_fees(
    tmp_path: Path, steps: list[tuple[str, dict[str, object]]]
) -> None:
    venue = fresh_venue(tmp_path)
    for name, body in steps:
        live = venue.floor.books.live.orders
        target = {"order_id": next(reversed(live), "1")} if name == "cancel" else {"symbol": BTC}
        given_body = {"account": "alice", **target, **body}
        if given_body.get("product") == "spot" and (given_body["orderType"], given_body["side"]) == (
            "market",
            "buy",
        ):
            given_body["size"] = Decimal(str(given_body["size"])) * 10_000
        control.answer(venue, control_request(name, given_body), "127.0.0.1")
        check_books(venue)
    venue.floor.books.close()


def test_reset__leaves_no_past_that_stale_data_could_show(tmp_path: Path) -> None:
    venue = fresh_venue(tmp_path)
    order = {"account": "alice", "symbol": "BTCUSDT", "orderType": "limit", "side": "buy", "size": "0.01"}
    control.answer(venue, control_request("foreign-order", {**order, "price": "45000"}), "127.0.0.1")
    books = venue.floor.books
    while_it_rested = time.monotonic_ns()
    assert len(books.as_of(while_it_rested).orders) == 1
    control.answer(venue, control_request("reset", {}), "127.0.0.1")
    assert books.as_of(while_it_rested).orders == {}
    books.close()


def fresh_venue(folder: Path) -> Venue:
    spec = AccountSpec(
        "alice",
        "key",
        "secret",
        "pass",
        spot={"USDT": Decimal(10_000), "BTC": Decimal(1)},
        mix={"USDT": Decimal(10_000)},
    )
    venue = Venue(
        SimulatorConfig(
            folder / "money", clock="manual", books_sync="off", accounts=(spec,), tick_interval_ms=1000
        )
    )
    control.answer(venue, control_request("reset", {}), "127.0.0.1")
    control.answer(venue, control_request("price", {"symbol": BTC, "price": 50_000}), "127.0.0.1")
    return venue


def control_request(name: str, body: dict[str, object]) -> Request:
    written = ",".join(f'"{key}":"{value}"' for key, value in body.items())
    return Request("POST", f"/control/{name}", body=f"{{{written}}}".encode())


def check_books(venue: Venue) -> None:
    live = venue.floor.books.live
    books = {
        "fills": [{name: str(getattr(row, name)) for name in row.__slots__} for row in live.fills.values()],
        "balances": [
            {name: str(getattr(row, name)) for name in row.__slots__} for row in live.balances.values()
        ],
    }
    assert_money_adds_up(books, {("spot", "USDT"): 10_000, ("spot", "BTC"): 1, ("mix", "USDT"): 10_000})
    assert all(
        row.available >= 0 and row.frozen >= 0 for row in live.balances.values() if row.wallet is Product.SPOT
    )
    frozen = sum((row.frozen for row in live.balances.values()), ZERO)
    assert frozen == sum((row.frozen for row in live.orders.values() if row.product is Product.SPOT), ZERO)
    swaps = [one for one in live.fills.values() if one.product is Product.MIX]
    held = sum((one.size if one.side.value == "buy" else -one.size for one in swaps), ZERO)
    assert held == sum((row.quantity for row in live.positions.values()), ZERO)


def change_and_fail(books: Books) -> None:
    with books.change():
        books.put(balance(2))
        books.put(Mark("new", Decimal(1)))
        raise errors.RejectedByVenue(venue="v", code="c", detail="d")


def test_change__that_fails_leaves_nothing(tmp_path: Path) -> None:
    books = Books(tmp_path / "books")
    with books.change():
        books.put(balance(1))
    with pytest.raises(errors.RejectedByVenue):
        change_and_fail(books)
    assert books.live.balances == {balance(1).key: balance(1)}
    assert books.live.marks == {}
    books.close()
    reopened = Books(tmp_path / "books")
    assert reopened.live.balances == {balance(1).key: balance(1)}
    reopened.close()


def test_full_disk__is_a_halt_and_what_was_committed_stays(tmp_path: Path) -> None:
    books = Books(tmp_path / "books")
    with books.change():
        books.put(balance(1))
    pages = books._file.execute("PRAGMA page_count").fetchone()[0]
    books._file.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(errors.DiskFull):
        change_much(books)
    assert books.live.marks == {}
    books.close()
    reopened = Books(tmp_path / "books")
    assert (reopened.live.balances, reopened.live.marks) == ({balance(1).key: balance(1)}, {})
    reopened.close()


def change_much(books: Books) -> None:
    with books.change():
        for at in range(2000):
            books.put(Mark(f"mark{at}", Decimal(at)))


def test_damaged_books__are_refused_with_a_sentence(tmp_path: Path) -> None:
    books = Books(tmp_path / "books")
    with books.change():
        books.put(balance(1))
    books._file.execute("UPDATE balances SET available = 'plenty'")
    books.close()
    with pytest.raises(errors.BadInput, match="cannot be read"):
        Books(tmp_path / "books")


def test_as_of__shows_each_older_state(tmp_path: Path) -> None:
    books = Books(tmp_path / "books", sync="off")
    moments = []
    for amount in range(5):
        with books.change():
            books.put(balance(amount))
        moments.append(time.monotonic_ns())
    shown = [books.as_of(moment).balances[balance(0).key].available for moment in moments]
    assert shown == list(range(5))
    assert books.as_of(0).balances == {}
    books.close()


def test_records__come_back_from_the_file_exactly(tmp_path: Path) -> None:
    books = Books(tmp_path / "books", sync="off")
    odd = replace(
        balance(0), available=Decimal("0.000000000000000001"), frozen=Decimal("123456789012345678.9")
    )
    with books.change():
        books.put(odd)
    books.close()
    reopened = Books(tmp_path / "books", sync="off")
    assert reopened.live.balances[odd.key] == odd
    reopened.close()
