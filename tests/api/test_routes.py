"""Every route, taken from the table: it answers, a stranger sees nothing of it, an admin sees all."""

import inspect
import json
import re
from typing import Any, get_origin
from uuid import UUID

import httpx
import pytest

from runtime.api import routes, server, tokens
from runtime.store.paging import Page
from tests.api.conftest import ANNA, BERT, Named
from tests.api.serving import Api
from tests.database import Database
from tests.migrations.rows import insert, populate, rows_of

PATHS = [each.path for each in routes.READS]


def filled(path: str, tenant: Named) -> str:
    """With the ids of a tenant's first rows."""
    return re.sub(r"\{(\w+)_id\}", lambda found: str(tenant.id(found[1])), path)


def wanted(path: str, tenant: Named) -> dict[str, Any]:
    """What a route asks for that it cannot do without."""
    account, bot = str(tenant.id("account")), str(tenant.id("bot"))
    return {
        "/candles": {"account": account, "symbol": "BTC/USDT", "timeframe": "3m"},
        "/candles/series": {"account": account, "symbol": "BTC/USDT"},
        "/equity": {"bot": bot},
        "/internal/ranked-traders": {"scorer": "sample"},
        "/jobs": {"since": "2026-01-01T00:00:00Z"},
    }.get(path, {})


@pytest.mark.parametrize("path", PATHS)
def test_route__answers_its_tenant(api: Api, path: str) -> None:
    api.get(filled(path, ANNA), **wanted(path, ANNA))


def ids_of(tenant: Named) -> set[str]:
    """Every id among a tenant's rows that is no other tenant's."""
    found = {
        str(value) for row in rows_of(tenant).values() for value in row.values() if isinstance(value, UUID)
    }
    return found | {str(tenant.user_id)}


def answers(api: Api, path: str, asker: str, of: Named, role: tokens.Role = "viewer") -> httpx.Response:
    with api.client(asker, role) as client:
        return client.get(filled(path, of), params=wanted(path, of))


@pytest.mark.parametrize("path", PATHS)
def test_route__shows_nothing_of_another_tenant(api: Api, path: str) -> None:
    """Asked for one's own, and asked for the other's by its ids."""
    own, foreign = answers(api, path, "anna", ANNA), answers(api, path, "anna", BERT)
    assert own.status_code == 200
    assert foreign.status_code == (404 if "{" in path else 200), foreign.text
    for told in (own.text, foreign.text):
        shown = {each for each in ids_of(BERT) if each in told}
        # A refusal repeats what was asked for, and no more.
        assert shown <= {each for each in ids_of(BERT) if each in str(foreign.request.url)}
    asked_for = bool(wanted(path, BERT)) and path not in ("/jobs", "/internal/ranked-traders")
    if asked_for:
        assert foreign.json()["items"] == []


@pytest.mark.parametrize("path", PATHS)
def test_route__shows_nothing_to_a_tenant_without_rows(api: Api, path: str) -> None:
    told = answers(api, path, "nobody", ANNA)
    known = ids_of(ANNA) | ids_of(BERT)
    assert told.status_code in (200, 404)
    assert [each for each in known if each in told.text and each not in str(told.request.url)] == []


@pytest.mark.parametrize("path", PATHS)
def test_route__shows_an_admin_all_tenants(api: Api, path: str) -> None:
    for tenant in (ANNA, BERT):
        told = answers(api, path, "root", tenant, role="admin")
        assert told.status_code == 200, told.text
        if path in ("/bots", "/desks", "/orders", "/fills", "/positions", "/trades", "/commands", "/audit"):
            assert str(tenant.id("account")) in told.text or path == "/audit"
            assert len(told.json()["items"]) >= 2
    assert api.get("/settings", user="root", role="admin")["updated_at"] is None, "settings are one's own"


@pytest.mark.parametrize("path", PATHS)
def test_route__answers_nobody_without_a_token(api: Api, path: str) -> None:
    told = httpx.get(f"{api.url}/api/v1{filled(path, ANNA)}", params=wanted(path, ANNA))
    assert (told.status_code, told.json()["error"]["code"]) == (401, "NotSignedIn")


def test_route__is_closed_if_it_is_none_of_the_table(api: Api) -> None:
    """Everything that the server knows, whoever added it: health and signing in are all that is open."""
    for path, methods in server.describe()["paths"].items():
        for method in methods:
            told = httpx.request(method, api.url + re.sub(r"\{\w+\}", str(ANNA.id("bot")), path), json={})
            is_open = (path, method) in (("/api/v1/health", "get"), ("/api/v1/session", "put"))
            assert (told.status_code == 401) != is_open, (method, path, told.text)
    for path in ("/metrics", "/api/v1/openapi.json"):
        assert httpx.get(api.url + path).status_code == 401


@pytest.fixture(scope="module")
def paul(books: Database) -> Named:
    """A tenant with several rows in every list."""
    tenant = Named("paul")
    with books.connect() as connection:
        populate(connection, tenant)
        for number in range(1, 6):
            recovered = {"kind": "recovery", "reconciliation_id": tenant.id("recovery", number)}
            insert(connection, "reconciliations", {**rows_of(tenant, number)["reconciliations"], **recovered})
        for number in range(2, 6):
            rows = {**rows_of(tenant, number)}
            # Of a bot the newest allocation is shown, and the newest save of each component.
            at = rows_of(tenant)["allocations"]["at"]
            rows["allocations"] = {**rows["allocations"], "at": at, "asset": f"COIN{number}"}
            rows["component_states"] = {**rows["component_states"], "component": f"keeper {number}"}
            for table, row in rows.items():
                if table not in ("users", "user_settings"):
                    insert(connection, table, row)
        gate = json.dumps({"gate": {"probability_min": "0.4"}})
        connection.execute("update bots set parameters = %s where user_id = %s", (gate, tenant.user_id))
    return tenant


LISTS = [
    each.path
    for each in routes.READS
    if get_origin(inspect.signature(each.act, eval_str=True).return_annotation) is Page
]


@pytest.mark.parametrize("path", LISTS)
def test_pages__are_read_on_by_their_cursor_without_a_gap_or_a_repeat(
    api: Api, paul: Named, path: str
) -> None:
    whole = api.get(path, user="paul", limit=500, **wanted(path, paul))
    assert len(whole["items"]) >= 5
    assert whole["next"] is None
    seen: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        page = api.get(path, user="paul", limit=2, **after, **wanted(path, paul))
        assert len(page["items"]) <= 2
        seen += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    # How long ago a desk ticked is another figure at each look.
    assert [{**each, "tick_age_seconds": None} for each in seen] == [
        {**each, "tick_age_seconds": None} for each in whole["items"]
    ]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("after", ["x", "W10=", "WzFd", "WyJcdTAwMDAiXQ==", "WyJcdWQ4MDAiXQ=="])
def test_pages__a_cursor_that_is_not_ours_is_refused(api: Api, path: str, after: str) -> None:
    with api.client() as client:
        told = client.get(path, params={**wanted(path, ANNA), "after": after})
    assert (told.status_code, told.json()["error"]["code"]) == (422, "InvalidRequest")


def test_order__tells_its_whole_story(api: Api) -> None:
    told = api.get(f"/orders/{ANNA.id('order')}")
    assert [each["status_after"] for each in told["events"]] == ["pending"]
    assert [each["venue_trade_id"] for each in told["fills"]] == ["trade 1"]
    assert told["decision"]["decision_id"] == str(ANNA.id("decision"))
    assert told["trade"]["symbol"] == "BTC/USDT"


def test_answers__carry_what_a_browser_must_obey(api: Api) -> None:
    with api.client() as client:
        told = client.get("/bots")
        page = client.get(f"{api.url}/")
    assert "'unsafe-inline'" not in told.headers["content-security-policy"]
    assert told.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in told.headers
    assert "server" not in told.headers
    assert page.headers["content-security-policy"] == told.headers["content-security-policy"]


def test_health__says_that_it_lives_and_metrics_what_was_asked(api: Api) -> None:
    assert httpx.get(f"{api.url}/api/v1/health").json() == {"alive": True}
    with api.client() as client:
        assert "holdfast_api_requests_total" in client.get(f"{api.url}/metrics").text


def test_ready__says_why_not(api: Api) -> None:
    told = api.get("/ready")
    assert not told["ready"]
    assert any("quarantine" in each for each in told["reasons"])
    assert any("no process trades it" in each for each in told["reasons"])
