"""The stream: a snapshot, then numbered changes; who comes back misses nothing and hears nothing twice."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from runtime.api.streaming import TOO_SLOW
from runtime.domain.identity import AccountId, BotId, UserId, user_id
from runtime.domain.order import Status
from tests.api.conftest import BERT
from tests.api.serving import Api, serving
from tests.database import Database, make_account, make_bot
from tests.store.desks import NOW, Desk, Names, make_fill, make_intent, open_desk, place

SECONDS_MAX = 15.0
ORDERS_MAX = 200


@pytest.fixture
def who() -> str:
    return f"carl-{uuid4().hex[:8]}"


@pytest.fixture
def live(api: Api, books: Database, who: str) -> Iterator[Desk]:
    """A desk of a user of its own, which writes as a desk does."""
    with desk_of(books, who) as desk:
        yield desk


@contextmanager
def desk_of(books: Database, name: str) -> Iterator[Desk]:
    tenant = user_id(name)
    books.rows("insert into users (user_id, name) values (%s, %s) on conflict do nothing", (tenant, name))
    account = make_account(books, tenant)
    names = Names(UserId(tenant), AccountId(account), BotId(make_bot(books, tenant, account)))
    with open_desk(books.secret("holdfast_bot"), names) as desk:
        yield desk


def hear(heard: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(heard.recv(timeout=SECONDS_MAX))
    return told


def hear_the_end(heard: Any) -> None:
    try:
        while True:
            heard.recv(timeout=SECONDS_MAX)
    except ConnectionClosed:
        return


def hear_until(heard: Any, noun: str, **wanted: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every message up to the one that says this, and the item."""
    messages = []
    while True:
        messages.append(hear(heard))
        for each in messages[-1].get("changes", ()):
            item = each.get("item", {})
            if each["noun"] == noun and all(item.get(name) == value for name, value in wanted.items()):
                return messages, item


def test_stream__says_what_is_and_then_what_changes(api: Api, live: Desk, who: str) -> None:
    with api.stream(api.token(who)) as heard:
        snapshot = hear(heard)
        assert (snapshot["type"], snapshot["sequence"], snapshot["orders"]) == ("snapshot", 0, [])
        assert [each["bot_id"] for each in snapshot["bots"]] == [str(live.bot_id)]
        ledger = live.ledger()
        order = place(ledger, make_intent(live.bot_id))
        hear_until(heard, "orders", order_id=str(order.order_id), status="submitted")
        ledger.record_fill(order, make_fill(order, 1, "1.5"), NOW)
        messages, fill = hear_until(heard, "fills", order_id=str(order.order_id))
        assert (fill["quantity"], fill["price"]) == ("1.5", "100")
        nouns = [each["noun"] for each in messages[-1]["changes"]]
        assert {"orders", "positions", "bots"} <= set(nouns), "one commit is one message"


def test_stream__tells_nobody_of_others(api: Api, live: Desk, who: str) -> None:
    with api.stream(api.token("bert")) as heard:
        snapshot = hear(heard)
        assert [each["bot_id"] for each in snapshot["bots"]] == [str(BERT.id("bot"))]
        place(live.ledger(), make_intent(live.bot_id))
        with pytest.raises(TimeoutError):
            heard.recv(timeout=1.0)


def test_stream__resumes_without_a_gap_or_a_repeat(api: Api, live: Desk, who: str) -> None:
    ledger = live.ledger()
    with api.stream(api.token(who)) as heard:
        begun = hear(heard)
        seen, _ = hear_until_order(heard, place(ledger, make_intent(live.bot_id)))
    missed = [place(ledger, make_intent(live.bot_id)) for _ in range(5)]
    last = seen[-1]["sequence"]
    with api.stream(api.token(who), {"stream": begun["stream"], "after": last}) as heard:
        messages, _ = hear_until_order(heard, missed[-1])
        numbers = [each["sequence"] for each in messages]
        assert numbers == [*range(last + 1, last + 1 + len(numbers))]
        told = [
            each["item"] for message in messages for each in message["changes"] if each["noun"] == "orders"
        ]
        assert {str(each.order_id) for each in missed} == {each["order_id"] for each in told}


def hear_until_order(heard: Any, order: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return hear_until(heard, "orders", order_id=str(order.order_id), status=str(Status.SUBMITTED))


@pytest.mark.parametrize("resume", [{"stream": "another", "after": 0}, {"stream": None, "after": 10**9}])
def test_stream__of_another_process_or_time_begins_anew(
    api: Api, live: Desk, who: str, resume: dict[str, Any]
) -> None:
    with api.stream(api.token(who)) as heard:
        begun = hear(heard)
    with api.stream(api.token(who), {**resume, "stream": resume["stream"] or begun["stream"]}) as heard:
        assert hear(heard)["type"] == "snapshot"


def test_stream__goes_on_after_the_api_was_killed(books: Database, tmp_path: Path) -> None:
    url = books.url("holdfast_api")
    with desk_of(books, "dora") as desk:
        ledger = desk.ledger()
        with serving(tmp_path, url) as first, first.stream(first.token("dora")) as heard:
            begun = hear(heard)
            first.kill()
            hear_the_end(heard)
        order = place(ledger, make_intent(desk.bot_id))
        resume = {"stream": begun["stream"], "after": begun["sequence"]}
        with serving(tmp_path, url) as again, again.stream(again.token("dora"), resume) as heard:
            snapshot = hear(heard)
            assert [each["order_id"] for each in snapshot["orders"]] == [str(order.order_id)]
            hear_until_order(heard, place(ledger, make_intent(desk.bot_id)))


def test_stream__drops_a_client_that_does_not_read(api: Api, live: Desk, who: str) -> None:
    """Its buffers fill, then what waits for it; the others hear all the same."""
    ledger = live.ledger()
    wordy = "a reason that takes room " * 10_000
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", int(api.url.rpartition(":")[2])))
    unread: dict[str, Any] = {"sock": narrow, "max_queue": 1, "ping_interval": None}
    with api.stream(api.token(who), **unread) as slow, api.stream(api.token(who)) as quick:
        for _ in range(ORDERS_MAX):
            hear_until_order(quick, place(ledger, make_intent(live.bot_id, reason=wordy)))
            if "holdfast_stream_clients_dropped_total 1.0" in metrics(api):
                break
        else:
            pytest.fail("it was never dropped")
        assert slow.protocol.close_code is None or slow.protocol.close_code == TOO_SLOW
    with api.stream(api.token(who)) as again:
        assert hear(again)["type"] == "snapshot"


def metrics(api: Api) -> str:
    with api.client() as client:
        return client.get(f"{api.url}/metrics").text


HELLOS = ["", "{}", '{"token": ""}', '{"token": 1}', "[]", '{"token": "a.b.c"}', "x" * 20000, "[" * 9000]


@pytest.mark.parametrize("hello", HELLOS)
def test_stream__hears_nobody_who_does_not_sign_in(api: Api, hello: str) -> None:
    with connect(f"{api.url.replace('http', 'ws')}/api/v1/stream") as heard:
        heard.send(hello)
        with pytest.raises(ConnectionClosed) as closed:
            heard.recv(timeout=SECONDS_MAX)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (4401, 1009)


def test_stream__sends_nobody_away_for_being_slow_to_say_who_they_are(api: Api) -> None:
    with connect(f"{api.url.replace('http', 'ws')}/api/v1/stream") as heard:
        with pytest.raises(ConnectionClosed) as closed:
            heard.recv(timeout=SECONDS_MAX)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4408


def test_stream__goes_on_when_its_ear_was_cut_off(api: Api, live: Desk, who: str, books: Database) -> None:
    """As after a restart of PostgreSQL: every session is gone, what was written meanwhile is found by looking."""
    ledger = live.ledger()
    with api.stream(api.token(who)) as heard:
        hear(heard)
        books.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename = 'holdfast_api'",
            (books.name,),
        )
        order = place(ledger, make_intent(live.bot_id))
        hear_until_order(heard, order)
