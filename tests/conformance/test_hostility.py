"""Replies that lie, clocks that jump, and texts that must not leak."""

import logging
import time
import traceback
from collections.abc import Callable

import pytest

from runtime import errors
from runtime.domain.market import Accepted
from tests.conformance.conftest import CANARIES, Open
from tests.conformance.rig import Rig

HOSTILE = (
    "missing_fields",
    "wrong_types",
    "huge_numbers",
    "nul",
    "truncated_accepted",
    "empty_success_accepted",
    "http_5xx_accepted",
    "drop_after",
)
READS: dict[str, tuple[tuple[str, str], Callable[[Rig], object]]] = {
    "open orders": (
        ("unfilled-orders", "orders-pending"),
        lambda rig: rig.exchange.fetch_open_orders((rig.symbol,)),
    ),
    "history": (
        ("history-orders", "orders-history"),
        lambda rig: list(rig.exchange.fetch_order_history(rig.symbol, rig.earlier(hours=1))),
    ),
    "fills": (
        ("fills", "fills"),
        lambda rig: rig.exchange.fetch_fills(rig.symbol, since=rig.earlier(hours=1)),
    ),
    "balances": (("assets", "accounts"), lambda rig: rig.exchange.fetch_balances()),
    "quotes": (("tickers", "ticker"), lambda rig: rig.exchange.fetch_quotes((rig.symbol,))),
    "candles": (("candles", "candles"), lambda rig: rig.exchange.fetch_candles(rig.symbol, "1m", 3)),
    "markets": (("symbols", "contracts"), lambda rig: rig.exchange.connect((rig.symbol,))),
    "clock": (("time", "time"), lambda rig: rig.exchange.measure_clock()),
    "positions": (("all-position", "all-position"), lambda rig: rig.exchange.fetch_positions((rig.symbol,))),
}


# Candles are lists without names, and the simulator spoils named fields only; tests/exchanges spoils those.
NAMED_FIELDS = ("missing_fields", "wrong_types", "huge_numbers", "nul")
SPOILT = [(read, kind) for read in READS for kind in HOSTILE if read != "candles" or kind not in NAMED_FIELDS]


@pytest.mark.parametrize(("read", "kind"), SPOILT)
def test_unreadable_reply__is_an_error_and_never_an_absence(rig: Rig, read: str, kind: str) -> None:
    if read == "positions" and rig.is_spot:
        assert rig.exchange.fetch_positions((rig.symbol,)) == ()  # asks nobody, so nobody can spoil it
        return
    _fill_the_books(rig)
    routes, ask = READS[read]
    rig.fault(kind, routes[0] if rig.is_spot else routes[1], times=-1)
    with pytest.raises((errors.VenueUnavailable, errors.VenueUnsafe)) as caught:
        ask(rig)
    if read != "markets":
        assert isinstance(caught.value, errors.VenueUnavailable)


@pytest.mark.parametrize(
    "name", ["orderId", "clientOid", "size", "status", "state", "baseVolume", "side", "cTime"]
)
@pytest.mark.parametrize("kind", ["missing_fields", "wrong_types", "nul"])
def test_one_spoilt_field__never_hides_an_order(rig: Rig, kind: str, name: str) -> None:
    intent = rig.intent()
    rig.accepted(intent)
    pending = "unfilled-orders" if rig.is_spot else "orders-pending"
    rig.fault(kind, pending, fields=[name], times=-1)
    try:
        shown = rig.exchange.fetch_open_orders((rig.symbol,))
    except errors.VenueUnavailable:
        return
    assert [order.client_order_id for order in shown] == [intent.client_order_id]


def test_lookup__of_a_spoilt_order_is_an_error_and_never_none(rig: Rig) -> None:
    intent = rig.intent()
    rig.accepted(intent)
    for kind in HOSTILE:
        rig.fault(kind, "orderInfo" if rig.is_spot else "detail")
        with pytest.raises(errors.VenueUnavailable):
            rig.exchange.fetch_order(rig.symbol, client_order_id=intent.client_order_id, venue_order_id=None)


def test_rate_limited_read__says_so(rig: Rig) -> None:
    rig.fault("rate_limit", "*", times=1)
    with pytest.raises(errors.RateLimited):
        rig.exchange.fetch_balances()


def test_wall_clock__that_jumps_moves_neither_our_time_nor_our_signature(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rig.exchange.now()
    for jump in (-7200, 7200):
        wall, wall_ns = time.time, time.time_ns
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda shift=jump, read=wall: read() + shift)
            patch.setattr(time, "time_ns", lambda shift=jump, read=wall_ns: read() + shift * 10**9)
            assert abs((rig.exchange.now() - before).total_seconds()) < 30
            assert isinstance(rig.exchange.submit(rig.intent()), Accepted)
            assert len(rig.exchange.fetch_open_orders((rig.symbol,))) > 0


def test_machine_with_a_wrong_clock__trades_by_the_venues(
    rig: Rig, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() - 3600 * 10**9)
    exchange = open_at(rig.profile)
    exchange.connect((rig.symbol,))
    late = Rig(rig.profile, exchange, rig.venue, rig.symbol)
    assert abs(exchange.now() - rig.exchange.now()).total_seconds() < 2
    assert isinstance(exchange.submit(late.intent()), Accepted)


def test_secrets__are_in_no_error_answer_or_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = [repr(rig.exchange), repr(rig.profile)]
    for kind in HOSTILE:
        rig.fault(kind, hold_seconds=1.2)
        seen.append(repr(rig.exchange.submit(rig.intent())))
        for routes, ask in READS.values():
            rig.fault(kind, routes[0] if rig.is_spot else routes[1])
            seen.append(_outcome(rig, ask))
    rig.venue.control("faults", method="DELETE")
    for echoed in CANARIES:
        rig.fault("code_refused", code="40725", message=f"your {echoed} is odd")
        seen.append(repr(rig.exchange.submit(rig.intent())))
    told = "\n".join([*seen, caplog.text])
    leaked = [word for word in (*CANARIES, rig.venue.url, "ACCESS-SIGN") if word in told]
    assert leaked == []
    assert len(told) > 1000


def _outcome(rig: Rig, ask: Callable[[Rig], object]) -> str:
    try:
        return repr(ask(rig))
    except errors.BotError as fault:
        return "".join(traceback.format_exception(fault)) + repr(fault)


def _fill_the_books(rig: Rig) -> None:
    """An open order, an ended one, a fill and a position: something that could be mistaken for nothing."""
    rig.accepted(rig.intent())
    rig.accepted(rig.intent(price="51000"))
