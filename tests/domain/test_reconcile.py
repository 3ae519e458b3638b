"""Every way in which the ledger and the venue can differ, and what is said about it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import reconcile
from runtime.domain.identity import VenueOrderId
from runtime.domain.order import Order, Side, Status
from runtime.domain.reconcile import Finding, Ours, Reaction, Theirs
from tests.domain.samples import BTC, NOW, identity_of, make_order, shown, venue_fill

OURS = Ours(orders=(), trade_ids=frozenset(), quarantined=frozenset(), holdings={})
THEIRS = Theirs(open_orders=(), recent_orders=(), fills=(), holdings={}, asked_at=NOW)
PROVE, QUARANTINE, UNCLEAN = Reaction.PROVE, Reaction.QUARANTINE, Reaction.UNCLEAN
HALF = Decimal("0.5")
STRANGER = shown(make_order("stranger"), client_order_id=None)


def findings(ours: dict[str, Any], theirs: dict[str, Any], **tolerance: Decimal) -> list[Finding]:
    return list(reconcile.reconcile(replace(OURS, **ours), replace(THEIRS, **theirs), tolerance))


def said(ours: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[Reaction, str]]:
    return [(finding.reaction, finding.subject) for finding in findings(ours, theirs)]


def test_reconcile__two_empty_accounts_agree() -> None:
    assert said({}, {}) == []


@pytest.mark.parametrize("status", [Status.OPEN, Status.PARTIALLY_FILLED, Status.SUBMITTED])
def test_order__shown_as_the_ledger_has_it_is_no_finding(status: Status) -> None:
    mine = make_order(status=status)
    assert said({"orders": (mine,)}, {"open_orders": (shown(mine),)}) == []


@pytest.mark.parametrize(
    ("status", "filled", "change"),
    [
        (Status.OPEN, "0", {"filled_quantity": HALF}),
        (Status.OPEN, "0", {"status": Status.FILLED, "filled_quantity": Decimal(1)}),
        (Status.OPEN, "0", {"status": Status.CANCELLED}),
        (Status.SUBMITTED, "0", {"status": Status.OPEN}),
        (Status.PENDING, "0", {"status": Status.OPEN}),
        (Status.UNKNOWN, "0", {"status": Status.OPEN}),
        (Status.UNKNOWN, "0", {"status": Status.REJECTED}),
        (Status.FAILED, "0", {"status": Status.OPEN}),
        (Status.FAILED, "0", {"status": Status.CANCELLED}),
        (Status.REJECTED, "0", {"status": Status.FILLED, "filled_quantity": Decimal(1)}),
        (Status.CANCELLED, "0", {"filled_quantity": HALF}),
        (Status.CANCELLED, "0", {"status": Status.OPEN}),
    ],
)
def test_order__shown_otherwise_is_to_be_proved(status: Status, filled: str, change: dict[str, Any]) -> None:
    mine = make_order(status=status, filled_quantity=Decimal(filled))
    (finding,) = findings({"orders": (mine,)}, {"recent_orders": (shown(mine, **change),)})
    assert (finding.reaction, finding.subject, finding.order) == (PROVE, mine.client_order_id, mine)
    assert finding.venue_order is not None


@pytest.mark.parametrize("status", [Status.FAILED, Status.REJECTED, Status.UNKNOWN, Status.PENDING])
def test_order__without_a_venue_id_is_known_by_its_client_id(status: Status) -> None:
    """A venue that shows an order which it had denied contradicts our proof: it must not pass for foreign."""
    mine = make_order(status=status, venue_order_id=None)
    report = shown(mine, status=Status.OPEN, venue_order_id=VenueOrderId("v-late"))
    assert said({"orders": (mine,)}, {"open_orders": (report,)}) == [(PROVE, mine.client_order_id)]


def test_order__a_refusal_that_the_venue_shows_as_such_is_no_finding() -> None:
    mine = make_order(status=Status.REJECTED, venue_order_id=None)
    assert said({"orders": (mine,)}, {"recent_orders": (shown(mine),)}) == []


@pytest.mark.parametrize("status", [Status.FILLED, Status.CANCELLED, Status.EXPIRED])
def test_order__ended_here_and_there_with_the_same_fills_is_no_finding(status: Status) -> None:
    """Venues call an order that was cut off after a part cancelled or filled, as they please."""
    mine = make_order(status=status, filled_quantity=HALF)
    assert said({"orders": (mine,)}, {"recent_orders": (shown(mine, status=Status.CANCELLED),)}) == []


@pytest.mark.parametrize(
    "status", [Status.PENDING, Status.SUBMITTED, Status.OPEN, Status.PARTIALLY_FILLED, Status.UNKNOWN]
)
def test_order__that_the_venue_does_not_show_is_to_be_proved(status: Status) -> None:
    mine = make_order(status=status)
    (finding,) = findings({"orders": (mine,)}, {})
    assert (finding.reaction, finding.subject, finding.venue_order) == (PROVE, mine.client_order_id, None)


@pytest.mark.parametrize(
    "status", [Status.FILLED, Status.CANCELLED, Status.FAILED, Status.REJECTED, Status.EXPIRED]
)
def test_order__that_ended_and_is_not_shown_any_more_is_no_finding(status: Status) -> None:
    assert said({"orders": (make_order(status=status),)}, {}) == []


def test_order__of_a_stranger_is_quarantined_once() -> None:
    theirs = {"open_orders": (STRANGER,), "recent_orders": (STRANGER,)}
    assert said({}, theirs) == [(QUARANTINE, STRANGER.venue_order_id)]
    assert said({"quarantined": frozenset({STRANGER.venue_order_id})}, theirs) == []
    assert "not ours" in findings({}, theirs)[0].sentence


def test_order__that_bears_our_mark_and_is_not_in_the_ledger_hints_at_an_old_backup() -> None:
    ghost = shown(make_order("ghost"))
    (finding,) = findings({}, {"open_orders": (ghost,)})
    assert finding.reaction is QUARANTINE
    assert "older backup" in finding.sentence


def test_second_order__with_our_client_id_is_quarantined() -> None:
    """Several venues let a client id be used again after a fill."""
    mine = make_order(status=Status.FILLED, filled_quantity=Decimal(1))
    twin = shown(mine, venue_order_id=VenueOrderId("v-twin"), status=Status.OPEN, filled_quantity=Decimal(0))
    theirs = {"open_orders": (twin,), "recent_orders": (shown(mine),)}
    (finding,) = findings({"orders": (mine,)}, theirs)
    assert (finding.reaction, finding.subject, finding.order) == (QUARANTINE, "v-twin", mine)
    assert said({"orders": (mine,), "quarantined": frozenset({"v-twin"})}, theirs) == []


def test_second_order__does_not_stand_in_for_ours_that_is_missing() -> None:
    """The twin counted as our order being shown, and that ours had vanished was never looked into."""
    mine = make_order(status=Status.OPEN)
    twin = shown(mine, venue_order_id=VenueOrderId("v-twin"))
    ours = {"orders": (mine,), "quarantined": frozenset({"v-twin"})}
    assert said(ours, {"open_orders": (twin,)}) == [(PROVE, mine.client_order_id)]


@pytest.mark.parametrize("stale_first", [True, False])
def test_listings__of_which_one_lags_count_by_the_report_that_is_furthest_on(stale_first: bool) -> None:
    mine = make_order(status=Status.FILLED, filled_quantity=Decimal(1))
    done, stale = shown(mine), shown(mine, status=Status.OPEN, filled_quantity=Decimal(0))
    one, other = ((stale,), (done,)) if stale_first else ((done,), (stale,))
    assert said({"orders": (mine,)}, {"open_orders": one, "recent_orders": other}) == []


def test_fill__in_the_ledger_is_no_finding() -> None:
    mine = make_order(status=Status.FILLED, filled_quantity=Decimal(1))
    ours = {"orders": (mine,), "trade_ids": frozenset({(BTC, "7")})}
    assert said(ours, {"recent_orders": (shown(mine),), "fills": (venue_fill("7"),)}) == []


def test_fill__of_our_order_that_is_not_in_the_ledger_is_to_be_proved() -> None:
    mine = make_order(status=Status.OPEN)
    theirs = {"open_orders": (shown(mine),), "fills": (venue_fill("7"),)}
    (finding,) = findings({"orders": (mine,), "trade_ids": frozenset({("ETH/USDT", "7")})}, theirs)
    assert (finding.reaction, finding.subject) == (PROVE, mine.client_order_id)
    assert finding.venue_fill == venue_fill("7")


def test_fill__of_an_order_whose_answer_was_lost_is_ours() -> None:
    """The ledger did not know the venue's id yet, so the fill of an UNKNOWN order was set aside as a stranger's."""
    mine = make_order(status=Status.UNKNOWN, venue_order_id=None)
    report = shown(
        mine, status=Status.FILLED, filled_quantity=Decimal(1), venue_order_id=VenueOrderId("v-late")
    )
    theirs = {"recent_orders": (report,), "fills": (venue_fill("7", "v-late"),)}
    assert {reaction for reaction, _ in said({"orders": (mine,)}, theirs)} == {PROVE}


def test_fill__of_a_stranger_is_quarantined() -> None:
    fill = venue_fill("7", "v-stranger")
    (finding,) = findings({}, {"fills": (fill,)})
    assert (finding.reaction, finding.subject, finding.venue_fill) == (QUARANTINE, "7", fill)
    assert said({"quarantined": frozenset({"7"})}, {"fills": (fill,)}) == []


def test_fill__of_a_second_order_with_our_client_id_is_a_strangers() -> None:
    mine = make_order(status=Status.OPEN)
    twin = shown(mine, venue_order_id=VenueOrderId("v-twin"))
    theirs = {"open_orders": (shown(mine), twin), "fills": (venue_fill("7", "v-twin"),)}
    assert said({"orders": (mine,)}, theirs) == [(QUARANTINE, "v-twin"), (QUARANTINE, "7")]


@pytest.mark.parametrize(
    ("ours", "theirs", "unclean"),
    [
        ({"BTC": Decimal(1)}, {"BTC": Decimal(1)}, False),
        ({"BTC": Decimal(1)}, {"BTC": Decimal("1.001")}, False),
        ({"BTC": Decimal(1)}, {"BTC": Decimal("0.9989")}, True),
        ({"BTC": Decimal(1)}, {}, True),
        ({}, {"BTC": Decimal("-0.5")}, True),
        ({}, {"BTC": Decimal("0.001")}, False),
        ({"ETH": Decimal("0.001")}, {}, True),
        ({"ETH": Decimal(0)}, {}, False),
    ],
)
def test_holdings__may_differ_by_the_tolerance_and_no_more(
    ours: dict[str, Decimal], theirs: dict[str, Decimal], unclean: bool
) -> None:
    found = findings({"holdings": ours}, {"holdings": theirs}, BTC=Decimal("0.001"))
    assert [finding.reaction for finding in found] == [UNCLEAN] * unclean


VISIBLE = sorted(set(Status) - {Status.PENDING, Status.UNKNOWN, Status.FAILED})


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[Order, ...]:
    count = draw(st.integers(0, 6))
    return tuple(
        make_order(
            str(number),
            status=draw(st.sampled_from(VISIBLE)),
            side=draw(st.sampled_from(Side)),
            filled_quantity=Decimal(draw(st.integers(0, 10))) / 10,
            created_at=NOW + timedelta(seconds=draw(st.integers(0, 3))),
        )
        for number in range(count)
    )


@given(ledgers(), st.data())
def test_reconcile__a_ledger_compared_with_itself_has_no_findings(orders: tuple[Order, ...], data) -> None:
    reports = data.draw(st.permutations([shown(order) for order in orders]))
    cut = data.draw(st.integers(0, len(reports)))
    fills = tuple(venue_fill(str(n), order.venue_order_id or "") for n, order in enumerate(orders))
    holdings = {"BTC": Decimal(len(orders))}
    ours = {
        "orders": orders,
        "trade_ids": frozenset((BTC, fill.venue_trade_id) for fill in fills),
        "holdings": holdings,
    }
    theirs = {
        "open_orders": tuple(reports[:cut]),
        "recent_orders": tuple(reports),
        "fills": fills,
        "holdings": holdings,
    }
    assert said(ours, theirs) == []


@given(ledgers(), st.data())
def test_reconcile__what_is_ours_is_never_quarantined_and_what_is_not_always_is(orders, data) -> None:
    changed = [
        shown(
            order,
            status=data.draw(st.sampled_from(VISIBLE)),
            filled_quantity=data.draw(st.sampled_from([Decimal(0), HALF])),
        )
        for order in orders
    ]
    strange = [
        shown(make_order(f"s{n}"), client_order_id=identity_of("other"))
        for n in range(data.draw(st.integers(0, 3)))
    ]
    theirs = {"recent_orders": tuple(data.draw(st.permutations([*changed, *strange])))}
    found = said({"orders": orders}, theirs)
    assert {subject for reaction, subject in found if reaction is QUARANTINE} == {
        f"v-s{n}" for n in range(len(strange))
    }
    assert len(found) == len(set(found))
