"""The short way of reads, without a server: what fits is read as its route wants it, the rest is left to others."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from runtime.api import routes, server
from runtime.api.parts import Parts
from runtime.api.reading import Question

READER = server.reader_of(cast(Parts, None))
BOT = "7f2b6a52-5d8f-4b6e-9b53-0d6f0a3f9d11"


def find(path: str, query: str = "", method: str = "GET") -> Question | None:
    scope: dict[str, Any] = {"type": "http", "method": method, "path": f"/api/v1{path}"}
    return READER.find({**scope, "query_string": query.encode()})


def test_find__reads_parameters_as_what_the_function_wants() -> None:
    found = find("/orders", f"bot={BOT}&limit=7&symbol=BTC%2FUSDT&status=open&unheard=of")
    assert found is not None
    assert found.read.path == "/orders"
    assert found.given == {"bot": UUID(BOT), "limit": 7, "symbol": "BTC/USDT", "status": "open"}
    told = find("/equity", f"bot={BOT}&since=2026-03-01T00:00:00Z")
    assert told is not None
    assert told.given["since"] == datetime(2026, 3, 1, tzinfo=UTC)


def test_find__takes_the_last_of_several_and_the_address_before_a_parameter_of_its_name() -> None:
    twice = find("/orders", "limit=1&limit=2")
    assert twice is not None
    assert twice.given == {"limit": 2}
    named = find(f"/bots/{BOT}", "bot_id=another")
    assert named is not None
    assert named.given == {"bot_id": UUID(BOT)}


@pytest.mark.parametrize("read", routes.READS, ids=lambda read: read.path)
def test_find__knows_every_read_of_the_table(read: routes.Read) -> None:
    path = "/".join(BOT if part.startswith("{") else part for part in read.path.split("/"))
    needs = {
        "/candles": f"account={BOT}&symbol=a&timeframe=1m",
        "/candles/series": f"account={BOT}&symbol=a",
        "/equity": f"bot={BOT}",
        "/internal/ranked-traders": "scorer=a",
    }
    found = find(path, needs.get(read.path, ""))
    assert found is not None
    assert found.read is read
    if read.path in needs:
        assert find(path) is None, "what has to be said is not"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/orders", "limit=0"),
        ("/orders", "limit=501"),
        ("/orders", "limit="),
        ("/orders", "bot=x"),
        ("/orders", "status=odd"),
        ("/orders", "symbol=%00"),
        ("/positions", "open=perhaps"),
        ("/equity", f"bot={BOT}&since=yesterday"),
        ("/bots/x", ""),
        ("/bots/", ""),
        (f"/bots/{BOT}/", ""),
        (f"/bots/{BOT}/pause", ""),
        ("/nowhere", ""),
        ("/health", ""),
    ],
)
def test_find__leaves_to_the_framework_what_does_not_fit(path: str, query: str) -> None:
    assert find(path, query) is None


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT"])
def test_find__knows_no_method_but_get(method: str) -> None:
    assert find("/bots", method=method) is None
