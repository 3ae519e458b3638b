"""An order's moves, and the chain of its events."""

from dataclasses import replace
from datetime import timedelta, timezone
from decimal import Decimal
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import identity, order
from runtime.domain.order import CHAIN_START, MOVES, RESTING, TERMINAL, UNSETTLED, Event, Link, Side, Status
from tests.domain.samples import BOT, NOW, make_order

ONE, TWO = identity.order_id(BOT, "one"), identity.order_id(BOT, "two")

# Written out a second time by hand: every pair that is not named here is forbidden.
LEGAL = {
    "pending": "submitted unknown rejected failed",
    "unknown": "open partially_filled filled cancelled expired submitted rejected failed",
    "submitted": "open partially_filled filled cancelled expired rejected unknown",
    "open": "partially_filled filled cancelled expired unknown",
    "partially_filled": "filled cancelled expired unknown",
    "filled": "",
    "cancelled": "filled",
    "expired": "filled",
    "rejected": "unknown",
    "failed": "unknown",
}


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_may_move__agrees_with_the_list(before: Status, after: Status) -> None:
    assert order.may_move(before, after) == (after.value in LEGAL[before.value].split())


def test_moves__name_every_status_once() -> None:
    assert set(MOVES) == set(Status)
    assert set(Status) == UNSETTLED | TERMINAL
    assert not UNSETTLED & TERMINAL
    assert RESTING < UNSETTLED


@pytest.mark.parametrize("status", sorted(UNSETTLED))
def test_moves__lead_from_every_unsettled_status_to_every_end_that_can_be_proved(status: Status) -> None:
    reached, waiting = set[Status](), [status]
    while waiting:
        here = waiting.pop()
        waiting.extend(MOVES[here] - reached)
        reached |= MOVES[here]
    assert reached >= {Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REJECTED, Status.FAILED}


@pytest.mark.parametrize(
    ("status", "filled", "more", "expected"),
    [
        (Status.OPEN, "0", "0.4", Status.PARTIALLY_FILLED),
        (Status.OPEN, "0", "1", Status.FILLED),
        (Status.PARTIALLY_FILLED, "0.4", "0.6", Status.FILLED),
        (Status.UNKNOWN, "0", "0.4", Status.PARTIALLY_FILLED),
        (Status.CANCELLED, "0", "0.4", Status.CANCELLED),
        (Status.CANCELLED, "0.4", "0.6", Status.FILLED),
        (Status.EXPIRED, "0", "1", Status.FILLED),
    ],
)
def test_after_fill__is_a_status_the_order_may_move_to_or_stay_in(
    status: Status, filled: str, more: str, expected: Status
) -> None:
    before = make_order(status=status, filled_quantity=Decimal(filled))
    after = order.after_fill(before, Decimal(more))
    assert after is expected
    assert after is status or order.may_move(status, after)


def test_side__has_a_sign_and_an_opposite() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY


def test_remaining__is_what_is_not_filled() -> None:
    assert make_order(filled_quantity=Decimal("0.4")).remaining == Decimal("0.6")


def digest_of(event: Event) -> bytes:
    return order.event_digest(
        event.previous, event.order_id, event.sequence, event.at, event.before, event.after, event.detail
    )


def test_chain__numbers_and_links_the_events_of_an_account() -> None:
    end, events = CHAIN_START, []
    for name in (ONE, TWO, ONE):
        events.append(order.chain(end, name, NOW, None, Status.PENDING, {"reason": "it began"}))
        end = events[-1].link
    assert [event.sequence for event in events] == [1, 2, 3]
    assert all(later.previous == earlier.digest for earlier, later in pairwise(events))
    assert events[0].previous == bytes(32)
    assert len({event.digest for event in events}) == 3


def test_chain__same_facts_in_another_order_are_the_same_event() -> None:
    first = order.chain(CHAIN_START, ONE, NOW, None, Status.PENDING, {"a": "1", "b": "2"})
    second = order.chain(CHAIN_START, ONE, NOW, None, Status.PENDING, {"b": "2", "a": "1"})
    assert first == second


def test_chain__the_zone_in_which_a_time_is_written_does_not_matter() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    here = order.chain(CHAIN_START, ONE, NOW, None, Status.PENDING, {})
    assert here.digest == order.chain(CHAIN_START, ONE, elsewhere, None, Status.PENDING, {}).digest


@pytest.mark.parametrize(
    "change",
    [
        {"previous": bytes(31) + b"\x01"},
        {"order_id": TWO},
        {"sequence": 2},
        {"at": NOW + timedelta(microseconds=1)},
        {"before": Status.UNKNOWN},
        {"after": Status.FAILED},
        {"detail": "{}"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_digest__covers_every_part_of_an_event(change: dict[str, object]) -> None:
    event = order.chain(CHAIN_START, ONE, NOW, None, Status.PENDING, {"reason": "it began"})
    assert digest_of(event) == event.digest
    changed: Event = replace(event, **change)  # type: ignore[arg-type]
    assert digest_of(changed) != event.digest


@given(st.dictionaries(st.text(), st.text(), max_size=4), st.dictionaries(st.text(), st.text(), max_size=4))
def test_digest__differs_where_the_facts_differ(left: dict[str, str], right: dict[str, str]) -> None:
    end = Link(7, bytes(32))
    first = order.chain(end, ONE, NOW, Status.OPEN, Status.FILLED, left)
    second = order.chain(end, ONE, NOW, Status.OPEN, Status.FILLED, right)
    assert (first.digest == second.digest) == (left == right)
