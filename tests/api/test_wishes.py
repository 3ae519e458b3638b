"""What may be asked of desks: who may, in whose name it is written, and that the same wish is one row."""

import inspect
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, get_args
from uuid import uuid4

import pytest

from runtime.api import routes, wishes
from runtime.domain.wishes import CAPS
from tests.api.conftest import ANNA, BERT
from tests.api.serving import Api
from tests.database import Database

BOT = f"/bots/{ANNA.id('bot')}"
HOSTILE = "'); drop table orders; -- <script>alert(1)</script> \u202e ${jndi:ldap://x} %s %(bot)s {0} \\"


def commands(books: Database, key: str) -> list[tuple[Any, ...]]:
    asked = "select user_id, verb, arguments, requested_by, reason from commands where idempotency_key = %s"
    return books.rows(asked, (key,))


@pytest.mark.parametrize(
    ("verb", "written", "arguments"),
    [
        ("pause", "pause", {}),
        ("resume", "resume", {}),
        ("flatten", "flatten", {}),
        ("reset", "reset", {}),
        ("enable", "resume", {"enabled": "yes"}),
        ("disable", "pause", {"enabled": "no"}),
    ],
)
def test_wish__is_a_row_for_the_desk_with_who_and_why(
    api: Api, books: Database, verb: str, written: str, arguments: dict[str, str]
) -> None:
    key = uuid4().hex
    told = api.ask("POST", f"{BOT}/{verb}", key=key, json={"reason": HOSTILE})
    assert told.status_code == 202, told.text
    assert commands(books, key) == [(ANNA.user_id, written, arguments, "anna", HOSTILE)]
    command = api.get(f"/commands/{told.json()['command_id']}")
    assert (command["status"], command["outcome"], command["reason"]) == ("pending", None, HOSTILE)
    lines = [
        each for each in api.get("/audit")["items"] if each["facts"].get("command") == command["command_id"]
    ]
    assert [(each["actor"], each["action"]) for each in lines] == [("anna", f"asked for {written}")]


def test_wish__that_comes_again_is_the_same_answer_and_one_row(api: Api, books: Database) -> None:
    key, body = uuid4().hex, {"reason": "once"}
    first = api.ask("POST", f"{BOT}/pause", key=key, json=body)
    books.rows(
        "update commands set status = 'done', outcome = 'it rests', finished_at = now() where idempotency_key = %s",
        (key,),
    )
    again = api.ask("POST", f"{BOT}/pause", key=key, json=body)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert len(commands(books, key)) == 1
    assert api.get(f"/commands/{first.json()['command_id']}")["outcome"] == "it rests"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{BOT}/pause", {"reason": "another"}),
        (f"{BOT}/flatten", {"reason": "once"}),
        (f"{BOT}/disable", {"reason": "once"}),
    ],
)
def test_wish__another_one_under_the_same_key_is_refused(
    api: Api, books: Database, path: str, body: dict[str, str]
) -> None:
    key = uuid4().hex
    assert api.ask("POST", f"{BOT}/pause", key=key, json={"reason": "once"}).status_code == 202
    told = api.ask("POST", path, key=key, json=body)
    assert (told.status_code, told.json()["error"]["code"]) == (409, "KeyUsedBefore")
    assert len(commands(books, key)) == 1


def test_wish__from_many_at_once_is_one_row_and_one_answer(api: Api, books: Database) -> None:
    key = uuid4().hex

    def ask(_: int) -> tuple[int, bytes]:
        told = api.ask("POST", f"{BOT}/pause", key=key, json={"reason": "together"})
        return told.status_code, told.content

    with ThreadPoolExecutor(8) as many:
        told = set(many.map(ask, range(16)))
    assert len(told) == 1
    assert told.pop()[0] == 202
    assert len(commands(books, key)) == 1


def test_wish__of_a_viewer_or_for_a_stranger_changes_nothing(api: Api, books: Database) -> None:
    before = books.rows("select count(*) from commands")
    told = api.ask("POST", f"{BOT}/pause", role="viewer", json={})
    assert (told.status_code, told.json()["error"]["facts"]["needed"]) == (403, "operator")
    stranger = f"/bots/{BERT.id('bot')}/pause"
    assert api.ask("POST", stranger, json={}).status_code == 404
    assert api.ask("POST", f"/orders/{BERT.id('order')}/cancel", json={}).status_code == 404
    decided = {"account_id": str(BERT.id("account")), "venue_id": "foreign 1"}
    assert api.ask("POST", "/quarantine/ignore", json=decided).status_code == 404
    adopted = {"account_id": str(ANNA.id("account")), "venue_id": "foreign 1", "bot_id": str(BERT.id("bot"))}
    assert api.ask("POST", "/quarantine/adopt", json=adopted).status_code == 404
    assert books.rows("select count(*) from commands") == before


def test_wish__of_an_admin_is_written_in_the_name_of_whom_it_concerns(api: Api, books: Database) -> None:
    key = uuid4().hex
    told = api.ask("POST", f"/bots/{BERT.id('bot')}/pause", user="root", role="admin", key=key, json={})
    assert told.status_code == 202, told.text
    assert commands(books, key) == [(BERT.user_id, "pause", {}, "root", "")]


def test_quarantine__is_decided_and_an_order_taken_back(api: Api, books: Database) -> None:
    key = uuid4().hex
    body = {"account_id": str(ANNA.id("account")), "venue_id": "foreign 1", "bot_id": str(ANNA.id("bot"))}
    assert api.ask("POST", "/quarantine/adopt", key=key, json={**body, "reason": "mine"}).status_code == 202
    assert commands(books, key) == [(ANNA.user_id, "adopt", {"venue_id": "foreign 1"}, "anna", "mine")]
    key = uuid4().hex
    assert api.ask("POST", f"/orders/{ANNA.id('order')}/cancel", key=key, json={}).status_code == 202
    assert commands(books, key) == [(ANNA.user_id, "cancel", {"client_order_id": "hf1"}, "anna", "")]


NEW_RISK = {"resume", "enable", "reset"}


def every_wish() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Of each POST in the table, and each verb that it takes: the verb, the address, a body."""
    bodies: dict[type, dict[str, str]] = {
        wishes.Decided: {
            "account_id": str(ANNA.id("account")),
            "venue_id": "foreign 1",
            "bot_id": str(ANNA.id("bot")),
        },
    }
    for each in routes.WISHES:
        verb = inspect.signature(each.act, eval_str=True).parameters.get("verb")
        for said in get_args(verb.annotation) if verb else (each.path.rpartition("/")[2],):
            path = each.path.replace("{verb}", said)
            yield (
                said,
                re.sub(r"\{(\w+)_id\}", lambda found: str(ANNA.id(found[1])), path),
                bodies.get(each.body, {}),
            )


@pytest.mark.parametrize(("verb", "path", "body"), [*every_wish()])
def test_disabled_user__may_ask_for_whatever_begins_nothing_new(
    api: Api, books: Database, verb: str, path: str, body: dict[str, str]
) -> None:
    before, key = uuid4().hex, uuid4().hex
    first = api.ask("POST", path, key=before, json=body)
    assert first.status_code == 202, first.text
    books.rows("update users set enabled = false where user_id = %s", (ANNA.user_id,))
    try:
        told = api.ask("POST", path, key=key, json=body)
        of_admin = api.ask("POST", path, user="root", role="admin", json=body)
        again = api.ask("POST", path, key=before, json=body)
    finally:
        books.rows("update users set enabled = true where user_id = %s", (ANNA.user_id,))
    assert (again.status_code, again.json()) == (202, first.json()), "what was asked before stays asked"
    if verb in NEW_RISK:
        assert (told.status_code, told.json()["error"]["code"]) == (409, "UserDisabled")
        assert of_admin.status_code == 409
        assert commands(books, key) == []
    else:
        assert (told.status_code, of_admin.status_code) == (202, 202)
        assert len(commands(books, key)) == 1


def test_disabled_user__sees_everything_and_may_still_say_what_they_wish(api: Api, books: Database) -> None:
    books.rows("update users set enabled = false where user_id = %s", (BERT.user_id,))
    try:
        for each in routes.READS:
            if "{" not in each.path:
                with api.client("bert") as client:
                    assert client.get(each.path).status_code in (200, 422), each.path
        saved = api.ask("PUT", "/settings", user="bert", json={"risk_profile": "conservative"})
        assert (saved.status_code, saved.json()["enabled"]) == (200, False)
        assert api.get("/settings", user="bert") == saved.json()
    finally:
        books.rows("update users set enabled = true where user_id = %s", (BERT.user_id,))
    assert api.get("/settings", user="bert")["enabled"]


def test_settings__are_saved_whole_with_who_did(api: Api) -> None:
    wish = {"risk_profile": "conservative", "settings": {"note": HOSTILE, "most": 3}}
    saved = api.ask("PUT", "/settings", json=wish).json()
    assert {name: saved[name] for name in wish} == wish
    assert api.get("/settings") == saved
    assert api.get("/audit", limit=1)["items"][0]["action"] == "user settings"
    assert api.ask("PUT", "/settings", user="unknown", json=wish).status_code == 404


BAD_BODIES = {
    "empty": b"",
    "no JSON": b"{",
    "another type": b"[]",
    "unknown name": b'{"reson": "x"}',
    "NUL": b'{"reason": "a\\u0000b"}',
    "lone surrogate": b'{"reason": "\\ud800"}',
    "number": b'{"reason": 1e400}',
    "deep": b'{"reason": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "not UTF-8": b'{"reason": "\xff\xfe"}',
    "70 kB": b'{"reason": "' + b"x" * 70_000 + b'"}',
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_body__that_cannot_be_meant_is_refused(api: Api, books: Database, name: str) -> None:
    key = uuid4().hex
    told = api.ask("POST", f"{BOT}/pause", key=key, content=BAD_BODIES[name])
    assert told.status_code == (413 if name == "70 kB" else 422), told.text
    assert commands(books, key) == []


BAD_SETTINGS = [
    b"1e400",
    b"NaN",
    b"-Infinity",
    b'{"a": {"b": [1, -1e999]}}',
    b'"\\u0000"',
    b'{"\\u0000": 1}',
    b"{" * 5000,
]


@pytest.mark.parametrize("cap", ["many", "-1", "NaN", 1.5, [], "1e400"])
def test_settings__caps_that_no_desk_could_use_are_refused(api: Api, cap: object) -> None:
    body = {"risk_profile": "balanced", "settings": {"order_quote_max": cap, "daily_loss_quote_max": "-2"}}
    refused = api.ask("PUT", "/settings", json=body)
    assert refused.status_code == 422
    sentence = refused.json()["error"]["sentence"]
    assert "order_quote_max" in sentence
    assert "daily_loss_quote_max" in sentence
    assert (
        api.ask("PUT", "/settings", json={**body, "settings": {"order_quote_max": "100"}}).status_code == 200
    )


@pytest.mark.parametrize("value", BAD_SETTINGS)
def test_settings__what_json_can_say_and_postgresql_cannot_hold_is_refused(api: Api, value: bytes) -> None:
    body = b'{"risk_profile": "balanced", "settings": {"a": ' + value + b"}}"
    assert api.ask("PUT", "/settings", content=body).status_code == 422


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "é"])
def test_key__that_is_missing_or_odd_is_refused(api: Api, key: str) -> None:
    with api.client(role="operator") as client:
        headers = {"Idempotency-Key": key.encode()} if key else {}
        told = client.post(f"{BOT}/pause", headers=headers, json={})  # type: ignore[arg-type]
    assert told.status_code == 422
    assert json.loads(told.content)["error"]["code"] == "InvalidRequest"


# --- what holds for all bots of a user -------------------------------------------------------------------------------


def test_wishes__change_what_is_named_and_leave_the_rest_with_who_and_why(api: Api, books: Database) -> None:
    own = {"risk_profile": "balanced", "settings": {"note": "mine", "share": 0.5, "order_quote_max": "90"}}
    assert api.ask("PUT", "/settings", json=own).status_code == 200
    body = {"caps": {"order_quote_max": None, "daily_loss_quote_max": "7.50"}, "reason": HOSTILE}
    told = api.ask("PUT", "/settings/wishes", json=body).json()
    assert (told["risk_profile"], told["enabled"]) == ("balanced", True)
    asked = "select settings from user_settings where user_id = %s"
    kept = {"note": "mine", "share": Decimal("0.5"), "daily_loss_quote_max": "7.5"}
    assert books.rows(asked, (ANNA.user_id,)) == [(kept,)]
    line = api.get("/audit", limit=1)["items"][0]
    assert (line["actor"], line["action"], line["facts"]["reason"]) == ("anna", "user settings", HOSTILE)
    assert line["facts"]["before"]["settings"]["order_quote_max"] == "90"


def test_wishes__an_operator_stops_new_risk_on_all_bots_and_allows_it_again(api: Api) -> None:
    for enabled, refused in ((False, 409), (True, 202)):
        told = api.ask("PUT", "/settings/wishes", user="bert", json={"enabled": enabled, "reason": "holiday"})
        assert (told.status_code, told.json()["enabled"]) == (200, enabled)
        line = api.get("/audit", user="bert", limit=1)["items"][0]
        assert line["action"] == ("user enabled" if enabled else "user disabled")
        again = api.ask("POST", f"/bots/{BERT.id('bot')}/resume", user="bert", json={})
        assert again.status_code == refused


@pytest.mark.parametrize(
    "body",
    [
        {"caps": {"order_quote_max": "-1"}},
        {"caps": {"order_quote_max": "1e400"}},
        {"caps": {"leverage": "1"}},
        {"risk_profile": "reckless"},
        {"enabled": "no"},
        {"profile": "balanced"},
    ],
)
def test_wishes__that_nobody_could_follow_are_refused(api: Api, body: dict[str, Any]) -> None:
    before = api.get("/settings")
    assert api.ask("PUT", "/settings/wishes", json=body).status_code == 422
    assert api.get("/settings") == before


def test_wishes__are_no_viewers_to_change_and_need_a_user(api: Api) -> None:
    body = {"risk_profile": "conservative"}
    assert api.ask("PUT", "/settings/wishes", role="viewer", json=body).status_code == 403
    assert api.ask("PUT", "/settings/wishes", user="unknown", json=body).status_code == 404


def test_limits__say_what_wishes_make_of_them_and_what_others_would(api: Api, books: Database) -> None:
    limits = {
        "position_quote_max": "1000", "order_quote_max": "100.5", "open_orders_max": 3, "daily_loss_quote_max": "50",
        "cooldown_seconds": 0, "price_collar_ratio": "0.05",
    }  # fmt: skip
    books.rows("update bots set limits = %s where user_id = %s", (json.dumps(limits), ANNA.user_id))
    wish = {"risk_profile": "conservative", "caps": dict.fromkeys(limits.keys() & set(CAPS)), "enabled": True}
    assert api.ask("PUT", "/settings/wishes", json=wish).status_code == 200
    (told,) = api.get("/settings/limits", risk_profile="aggressive", order_quote_max="120")["items"]
    assert (told["bot_id"], told["fault"]) == (str(ANNA.id("bot")), None)
    assert {each["name"]: (each["told"], each["now"], each["then"]) for each in told["bounds"]} == {
        "order_quote_max": ("100.5", "50.25", "120"),
        "position_quote_max": ("1000", "500", "1500"),
        "daily_loss_quote_max": ("50", "25", "50"),
        "drawdown_quote_max": (None, None, None),
    }
    (told,) = api.get("/settings/limits")["items"]
    assert {each["then"] for each in told["bounds"]} == {None}


def test_limits__that_cannot_be_used_say_so(api: Api, books: Database) -> None:
    books.rows("update bots set limits = '{}' where user_id = %s", (BERT.user_id,))
    (told,) = api.get("/settings/limits", user="bert")["items"]
    assert told["bounds"] == []
    assert "order_quote_max" in told["fault"]


@pytest.mark.parametrize(
    "asked", [{"order_quote_max": "5"}, {"risk_profile": "balanced", "order_quote_max": "NaN"}]
)
def test_limits__questions_that_make_no_sense_are_refused(api: Api, asked: dict[str, str]) -> None:
    with api.client() as client:
        assert client.get("/settings/limits", params=asked).status_code == 422
