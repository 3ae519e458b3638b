"""Phantoms in PostgreSQL: closed in one round trip and once, counted as the domain counts, and paged for learning."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime.domain import phantom
from runtime.domain.order import Side
from runtime.domain.phantom import ROLLING, Close, Outcome, Phantom, Statistics, Told
from runtime.store import phantoms
from tests.database import Database, make_bot
from tests.proxy import Proxy
from tests.store.desks import NOW, SYMBOL, Desk


def insert(database: Database, desk: Desk, **changes: Any) -> UUID:
    phantom_id = changes.get("phantom_id") or uuid4()
    row: dict[str, Any] = {
        "user_id": desk.names.tenant,
        "phantom_id": phantom_id,
        "bot_id": desk.bot_id,
        "at": NOW,
        "symbol": SYMBOL,
        "strategy": "grid",
        "side": "buy",
        "executed": True,
        "reason": "",
        "opened_price": Decimal(100),
        "take_profit": Decimal(101),
        "features": '{"rsi": 41.25}',
        **changes,
    }
    names = ", ".join(row)
    database.rows(
        f"insert into phantoms ({names}) values ({', '.join(['%s'] * len(row))})", list(row.values())
    )
    return UUID(str(phantom_id))


def ended(outcome: Outcome, result: str, minutes: int = 0) -> dict[str, Any]:
    return {
        "closed_at": NOW + timedelta(minutes=minutes),
        "closed_price": Decimal(101),
        "outcome": str(outcome),
        "result": Decimal(result),
    }


def an_end(phantom_id: UUID, price: str = "101") -> Close:
    return Close(
        phantom_id=phantom_id, at=NOW, price=Decimal(price), outcome=Outcome.WON, result=Decimal("0.01")
    )


def close(desk: Desk, *ends: Close) -> set[UUID]:
    with desk.store.single("close phantoms") as tx:
        return phantoms.close(tx, ends)


def load_open(desk: Desk, count: int = 10) -> list[Phantom]:
    with desk.store.single("load the open phantoms") as tx:
        return phantoms.load_open(tx, desk.account_id, count)


def test_load_open__has_the_oldest_of_this_account(database: Database, desk: Desk, other_desk: Desk) -> None:
    young = insert(database, desk, at=NOW + timedelta(hours=1))
    old = insert(database, desk, side="sell", stop_loss=Decimal(102))
    insert(database, desk, **ended(Outcome.WON, "0.01"))
    insert(database, other_desk)
    assert [each.phantom_id for each in load_open(desk)] == [old, young]
    (first,) = load_open(desk, 1)
    assert first == Phantom(
        phantom_id=old,
        bot_id=desk.bot_id,
        at=NOW,
        symbol=SYMBOL,
        side=Side.SELL,
        opened_price=Decimal(100),
        take_profit=Decimal(101),
        stop_loss=Decimal(102),
    )


def test_close__tells_what_has_an_end_and_the_first_one_stands(database: Database, desk: Desk) -> None:
    first, second, unknown = insert(database, desk), insert(database, desk), uuid4()
    assert close(desk, an_end(first), an_end(unknown)) == {first}
    assert close(desk, an_end(first, "999"), an_end(second, "102")) == {first, second}
    rows = database.rows("select phantom_id, closed_price, outcome, result, closed_at from phantoms")
    assert {row[0]: row[1:] for row in rows} == {
        first: (Decimal(101), "won", Decimal("0.01"), NOW),
        second: (Decimal(102), "won", Decimal("0.01"), NOW),
    }


def test_close__of_a_hundred_is_one_round_trip(database: Database, line: tuple[Proxy, Desk]) -> None:
    proxy, desk = line
    ids = [insert(database, desk) for _ in range(5)]
    for _ in range(3):  # the first one also prepares the statement
        with proxy.counting() as trips:
            close(desk, *map(an_end, ids), *(an_end(uuid4()) for _ in range(95)))
            assert trips() == 1


def test_close__reaches_nothing_of_another_tenant(database: Database, desk: Desk, other_desk: Desk) -> None:
    theirs = insert(database, other_desk)
    assert close(desk, an_end(theirs)) == set()
    assert database.rows("select outcome from phantoms") == [(None,)]


def test_statistics__are_what_the_domain_counts(database: Database, desk: Desk, other_desk: Desk) -> None:
    dice, told = random.Random(11), list[Told]()
    second = make_bot(database, desk.names.tenant, desk.account_id)
    by_bot: dict[UUID, list[Told]] = {desk.bot_id: [], UUID(str(second)): []}
    for number in range(4 * ROLLING):
        outcome = dice.choice([None, *Outcome])
        result = {
            Outcome.WON: "0.01",
            Outcome.LOST: "-0.01",
            Outcome.EXPIRED: dice.choice(["0.002", "0", "-0.003"]),
        }
        end = {} if outcome is None else ended(outcome, result.get(outcome, "0"), number // 3)
        one: dict[str, Any] = {"strategy": dice.choice(["grid", "momentum"]), "executed": dice.random() < 0.5}
        bot_id = dice.choice(list(by_bot))
        phantom_id = insert(database, desk, bot_id=bot_id, **one, **end)
        told.append(
            Told(
                phantom_id=phantom_id,
                **one,
                closed_at=end.get("closed_at"),
                outcome=outcome,
                result=end.get("result"),
            )
        )
        by_bot[bot_id].append(told[-1])
    insert(database, other_desk, **ended(Outcome.WON, "0.01"))
    wanted: list[tuple[UUID | None, list[Told]]] = [(None, told), *by_bot.items()]
    for of_bot, expected in wanted:
        with desk.store.single("count") as tx:
            of_all, by_strategy = phantoms.load_statistics(tx, of_bot)  # type: ignore[arg-type]
        assert of_all == phantom.count(expected)
        assert by_strategy == phantom.count_by_strategy(expected)
    assert phantom.count(told).rolling == ROLLING, "some are older than what rolls"


def test_statistics__of_nothing_are_no_claim(desk: Desk) -> None:
    with desk.store.single("count") as tx:
        assert phantoms.load_statistics(tx) == (Statistics(), {})


def test_learning_data__has_every_judged_one_once_across_pages(
    database: Database, desk: Desk, other_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phantoms, "_PAGE", 3)
    same_instant = [insert(database, desk, **ended(Outcome.WON, "0.01")) for _ in range(7)]
    insert(database, desk)
    insert(database, desk, **ended(Outcome.VOID, "0"))
    insert(database, other_desk, features='{"theirs": 1}', **ended(Outcome.WON, "0.01"))
    found = list(phantoms.iterate_learning(desk.store))
    assert [facts["phantom_id"] for facts, _ in found] == sorted(same_instant)
    assert found[0][1] == {"rsi": Decimal("41.25")}
    with desk.store.single("look") as tx:
        assert phantoms.load_features(tx) == {"rsi": True}
