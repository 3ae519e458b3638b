"""Columns into objects: whole, in order, and never shifted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from runtime import errors
from runtime.domain.identity import BotId
from runtime.store import columns, orders, positions
from tests.database import Database, make_bot
from tests.store.desks import NOW, Desk, make_fill, make_intent, place, write


@dataclass(frozen=True, slots=True)
class Pair:
    left: str
    right: Decimal


def test_build__makes_what_the_constructor_makes() -> None:
    made = columns.build(Pair, [["a", "b"], map(Decimal, columns.split("1.5,2"))])
    assert made == [Pair("a", Decimal("1.5")), Pair("b", Decimal(2))]


@pytest.mark.parametrize(
    "wrong", [[["a", "b"], [Decimal(1)]], [["a"]], [["a"], [Decimal(1)], ["one too many"]]]
)
def test_build__columns_that_do_not_fit_each_other_are_refused(wrong: list[list[object]]) -> None:
    with pytest.raises(errors.BrokenInvariant, match="do not fit"):
        columns.build(Pair, wrong)


def test_known__parses_each_once_and_an_empty_one_to_none() -> None:
    parsed = list[str]()

    def parse(text: str) -> datetime:
        parsed.append(text)
        return datetime.fromisoformat(text)

    known = columns.Known(parse)
    told = columns.split("2026-03-01 00:00:00+00,,2026-03-01 00:00:00+00")
    first, nothing, again = columns.look_up(told, known)
    assert (first, nothing) == (again, None)
    assert parsed == ["2026-03-01 00:00:00+00"]


def test_load_unsettled__more_than_come_at_once_are_whole_and_in_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "COUNT", 3)
    # Some of the same instant; written newest first.
    intents = [
        make_intent(
            desk.bot_id, created_at=NOW - timedelta(seconds=number // 2), quantity=Decimal(number + 1)
        )
        for number in range(10)
    ]
    write(desk, *intents)
    with desk.store.transaction("look") as tx:
        told = orders.load_unsettled(tx, desk.account_id)
    wanted = sorted(intents, key=lambda intent: (intent.created_at, intent.order_id))
    assert [(each.order_id, each.quantity) for each in told] == [
        (each.order_id, each.quantity) for each in wanted
    ]


def test_load_positions__more_than_come_at_once_are_whole(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "COUNT", 2)
    ledger = desk.ledger()
    for number in range(1, 6):
        bot_id = make_bot(database, desk.names.tenant, desk.account_id, name=f"bot {number}")
        order = place(ledger, make_intent(BotId(bot_id)))
        ledger.record_fill(order, make_fill(order, number, "1.5"), NOW)
    with desk.store.transaction("look") as tx:
        told = positions.load_positions(tx, desk.account_id)
    assert told == sorted(ledger.positions(), key=lambda each: each.bot_id)
