"""PostgreSQL goes away under the API and comes back: who follows the stream is told, and misses nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from websockets.exceptions import ConnectionClosed

from runtime import errors
from runtime.api.streaming import AWAY
from runtime.domain.order import Order
from runtime.settings import Secret
from runtime.store import schema
from tests.api.serving import serving
from tests.api.test_stream import desk_of, hear, hear_until_order
from tests.database import Database
from tests.engine.test_store_lost import Switch
from tests.postgres_server import fresh_database, session_server
from tests.store.desks import Desk, make_intent, place

CONNECTIONS_MAX = 10
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def switch() -> Iterator[Switch]:
    """A server of its own, which no other test misses."""
    with session_server(durable=True) as server:
        yield Switch(server)


@pytest.fixture
def ledger(switch: Switch) -> Database:
    url = fresh_database(switch.server)
    schema.upgrade(Secret(url))
    return Database(switch.server, str(conninfo_to_dict(url)["dbname"]))


def hear_type(heard: Any, wanted: str) -> list[dict[str, Any]]:
    """Every message up to the first of this type, which is the last."""
    messages = [hear(heard)]
    while messages[-1]["type"] != wanted:
        messages.append(hear(heard))
    return messages


def numbers(messages: list[dict[str, Any]]) -> list[int]:
    return [each["sequence"] for each in messages if each["type"] == "changes"]


def placed_again(desk: Desk) -> Order:
    """Each connection from before is found broken once, as a desk finds it."""
    for _ in range(CONNECTIONS_MAX):
        try:
            return place(desk.ledger(), make_intent(desk.bot_id))
        except errors.StoreUnavailable:
            continue
    raise AssertionError("PostgreSQL is back, and the desk's pool is not")


def test_stream__over_a_restart_of_postgresql_tells_everybody_and_leaves_no_gap(
    switch: Switch, ledger: Database, tmp_path: Path
) -> None:
    with desk_of(ledger, "carl") as desk, serving(tmp_path, ledger.url("holdfast_api")) as api:
        token = api.token("carl")
        with api.stream(token) as stayed, api.stream(token) as left:
            begun, _ = hear(stayed), hear(left)
            seen, _ = hear_until_order(stayed, place(desk.ledger(), make_intent(desk.bot_id)))
            left.close()
            switch.off()
            told = hear_type(stayed, "away")
            assert told[-1]["since"]
            with api.stream(token, {"stream": begun["stream"], "after": begun["sequence"]}) as came:
                missed = hear_type(came, "away")
                assert numbers(missed) == numbers(seen) + numbers(told), "what was known is told all the same"
            with api.stream(api.token("nobody else")) as stranger, pytest.raises(ConnectionClosed) as closed:
                hear(stranger)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == AWAY
            switch.on()
            back = hear_type(stayed, "back")
            order = placed_again(desk)
            after, item = hear_until_order(stayed, order)
            assert item["order_id"] == str(order.order_id)
        heard = numbers(seen) + numbers(told) + numbers(back) + numbers(after)
        assert heard == [*range(1, len(heard) + 1)]
        with api.stream(token, {"stream": begun["stream"], "after": heard[0]}) as again:
            resumed, _ = hear_until_order(again, order)
            assert numbers(resumed)[: len(heard) - 1] == heard[1:]
            assert not {"snapshot", "away"} & {each["type"] for each in resumed}
