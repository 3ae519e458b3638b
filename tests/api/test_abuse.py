"""The whole OpenAPI document against whatever schemathesis can think of, and questions that are meant badly."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from runtime.api import server
from tests.api.conftest import ANNA
from tests.api.serving import Api, serving
from tests.database import Database

SCHEMA = schemathesis.openapi.from_dict(server.describe())
OPERATIONS: dict[str, Any] = {}
for found in SCHEMA.get_all_operations():
    operation: Any = found.ok()  # type: ignore[union-attr]
    OPERATIONS[operation.label] = operation
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8
HOSTILE = [
    "'; drop table orders; --",
    '"; select pg_sleep(10); --',
    "%(bot)s",
    "{0.__class__}",
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "BTC/USDT\x00",
    "\u202eTDSU/CTB",
    "x" * 10_000,
    "1e400",
    "-1",
    "NaN",
    "9" * 400,
    "[" * 5000,
]


@pytest.mark.parametrize("label", OPERATIONS)
def test_openapi__every_answer_is_as_it_says(api: Api, label: str) -> None:
    headers = {"Authorization": f"Bearer {api.token(role='operator')}"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=api.url, headers=headers, checks=CHECKS)

    ask()


@pytest.mark.parametrize(
    "path", ["/orders", "/candles", "/predictions", "/equity", "/jobs", "/scoring-runs", "/audit"]
)
def test_questions__that_are_meant_badly_are_refused_or_find_nothing(
    api: Api, books: Database, path: str
) -> None:
    names = (
        "symbol",
        "status",
        "bot",
        "after",
        "limit",
        "timeframe",
        "model",
        "scorer",
        "since",
        "account",
        "points",
    )
    before = books.rows("select count(*) from orders")
    with api.client() as client:
        for value in HOSTILE:
            for name in names:
                wish = {
                    "account": str(ANNA.id("account")),
                    "symbol": "a",
                    "timeframe": "a",
                    "bot": str(ANNA.id("bot")),
                }
                told = client.get(path, params={**(wish if path == "/candles" else {}), name: value})
                assert told.status_code in (200, 400, 422, 414, 431), (name, value[:50], told.text[:500])
    assert books.rows("select count(*) from orders") == before


def test_body__of_10_megabytes_is_cut_off(api: Api) -> None:
    try:
        told = api.ask(
            "POST", f"/bots/{ANNA.id('bot')}/pause", content=b'{"reason": "' + b"x" * 10_000_000 + b'"}'
        )
        assert told.status_code == 413
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # it would not listen to the end
    assert httpx.get(f"{api.url}/api/v1/health").status_code == 200


def test_requests__that_are_too_many_are_told_to_wait(books: Database, tmp_path: Any) -> None:
    with serving_slowly(tmp_path, books) as api, api.client() as client:
        answers = [client.get("/session") for _ in range(30)]
        assert {each.status_code for each in answers} == {200, 429}
        refused = next(each for each in answers if each.status_code == 429)
        assert (refused.json()["error"]["code"], refused.headers["retry-after"]) == ("TooManyRequests", "1")
        assert httpx.get(f"{api.url}/api/v1/health").status_code == 200
        with api.client("bert") as other:
            assert other.get("/session").status_code == 200, "one user's haste is no other's"
        strangers = [httpx.get(f"{api.url}/api/v1/bots").status_code for _ in range(30)]
        assert set(strangers) == {401, 429}


def serving_slowly(folder: Any, books: Database) -> Any:
    return serving(folder, books.url("holdfast_api"), HOLDFAST_API_REQUESTS_PER_SECOND="2")
