"""What one reply proves about an order that was sent: pure, by allow-list.

Accepted only with the venue's order id and our own client id; refused only by a code that the profile lists; everything
else is unproved. The raw reply is judged here, because the client's exceptions blur what the venue said.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runtime.domain.identity import ClientOrderId, VenueOrderId
from runtime.domain.market import Accepted, Answer, RefusedByVenue, Unproved
from runtime.exchanges.profiles import Profile
from runtime.exchanges.readings import Unreadable, identifier

TEXT_MAX = 200
SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it came: the status and the text of its body."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the venue said of itself in a reply; empty where it said nothing."""

    code: str
    message: str


def decode(text: str) -> object:
    """The JSON of a body, or None."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError, ArithmeticError):
        return None


def pick(body: object, path: str) -> object:
    """The value at a dotted path, or None; `*` stands for the only member of a table."""
    for step in path.split("."):
        if isinstance(body, Mapping) and step == "*":
            body = next(iter(body.values())) if len(body) == 1 else None
        elif isinstance(body, Mapping):
            body = body.get(step)
        elif isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        else:
            return None
    return body


def verdict(profile: Profile, reply: Reply, secrets: Iterable[str] = ()) -> Verdict:
    body = decode(reply.text)
    codes = (pick(body, path) for path in profile.code_paths)
    said = [str(each) for each in codes if isinstance(each, str | int) and not isinstance(each, bool)]
    faults = [each for each in said if each and each not in profile.success]
    messages = (pick(body, path) for path in profile.message_paths)
    spoken = next((each for each in messages if isinstance(each, str)), "")
    return Verdict(printable(faults[0].split(".")[0], secrets) if faults else "", printable(spoken, secrets))


def of_success(
    profile: Profile, client_order_id: ClientOrderId, unified: object, reply: Reply | None
) -> Answer:
    """The client returned without complaint; that proves nothing yet."""
    if reply is None or reply.status != 200 or not isinstance(unified, Mapping):
        return Unproved("the reply was empty or no JSON")
    try:
        venue_order_id = VenueOrderId(identifier(unified.get("id"), "order id"))
    except Unreadable:
        return Unproved("the reply names no order id")
    if profile.echoes_client_id and unified.get("clientOrderId") != client_order_id:
        return Unproved("the reply does not name our client order id")
    return Accepted(venue_order_id)


def of_failure(profile: Profile, reply: Reply | None, otherwise: str, secrets: Iterable[str] = ()) -> Answer:
    """The client complained after the request had left; `otherwise` is said if the venue's own words are missing."""
    if reply is None:
        return Unproved(otherwise)
    said = verdict(profile, reply, secrets)
    if not said.code:
        return Unproved(f"status {reply.status} without a code that we know how to read")
    if why(said, profile.duplicate_codes):
        return Unproved(f"the client order id is taken ({said.code}); it must be looked up")
    refused = why(said, profile.refusal_codes) or why(said, profile.rate_limit_codes)
    if refused and reply.status < SERVER_FAULT:
        return RefusedByVenue(said.code, said.message or refused)
    return Unproved(f"status {reply.status}, code {said.code}: {said.message}")


def why(said: Verdict, codes: Iterable[str]) -> str:
    """Why the code counts, or an empty text. An entry `code: words` asks for the words as well."""
    for code in codes:
        if code == said.code or (": " in code and f"{said.code}: {said.message}".startswith(code)):
            return str(codes[code]) if isinstance(codes, Mapping) else code
    return ""


def rows(profile: Profile, body: object) -> list[Any]:
    """The rows of a listing. A listing without its list is unreadable, never an empty one."""
    payload = pick(body, profile.payload) if profile.payload else body
    if isinstance(payload, Mapping):
        named = [name for name in profile.list_names if name in payload]
        if not named:
            raise Unreadable("list")
        payload = [] if payload[named[0]] is None else payload[named[0]]
    if not isinstance(payload, list):
        raise Unreadable("list")
    return payload


def printable(text: str, secrets: Iterable[str] = ()) -> str:
    """A venue's words, short, on one line, without anything of ours that must not be shown."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * TEXT_MAX])
    return " ".join(shown.split())[:TEXT_MAX]
