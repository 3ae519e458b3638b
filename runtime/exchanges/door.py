"""The one door through which a client's requests leave.

Wraps a ccxt client's `fetch`. Promises: no request to a host that was not named, no new order that differs from what
was asked or that is late, and of every request whether it left and what came back. The line behind it asks once more
whether an order is late, when its bytes are about to be written.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from runtime.domain.identity import ClientOrderId
from runtime.domain.order import Side
from runtime.exchanges.answers import Reply, decode, pick
from runtime.exchanges.clock import VenueClock
from runtime.exchanges.line import Line
from runtime.exchanges.profiles import Profile
from runtime.exchanges.readings import Unreadable

BODY_LENGTH_MAX = 32_000_000
_ABSURD = re.compile(r"[0-9]{60}")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Withheld(Exception):
    """The request was not let out."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a new order must look like on the wire, and until when it may leave."""

    client_order_id: ClientOrderId
    side: Side
    size: Decimal  # in the venue's own unit
    price: Decimal
    send_before: datetime


class Door:
    def __init__(
        self,
        client: Any,
        profile: Profile,
        clock: VenueClock,
        origins: frozenset[tuple[str, str]],
        line: Line,
    ) -> None:
        self.reply: Reply | None = None
        self.body: object = None  # what the client made of the reply
        self._profile = profile
        self._clock = clock
        self._origins = origins
        self._line = line
        self._ticket: Ticket | None = None
        self._is_used = False
        self._last_read_seconds: float = 0
        self._fetch = client.fetch
        self._on_reply = client.on_rest_response
        client.fetch = self._guarded_fetch
        client.on_rest_response = self._note_reply
        client.milliseconds = clock.now_ms
        _silence(client)

    @property
    def left(self) -> bool:
        """Whether any byte of the newest request was handed to the network."""
        return self._line.left

    @contextmanager
    def admitting(self, ticket: Ticket) -> Iterator[None]:
        """Within, one order may leave: this one, once."""
        self._ticket, self._is_used, self.reply = ticket, False, None
        self._line.left = False
        try:
            yield
        finally:
            self._ticket = None

    def _guarded_fetch(
        self, url: str, method: str = "GET", headers: object = None, body: object = None
    ) -> Any:
        self.reply, self.body = None, None
        self._check_origin(url)
        if self._ticket is None:
            self._keep_pace()
        else:
            self._check_ticket(self._ticket, method, body)
            self._is_used = True
        self._line.begin(self._last_look if self._ticket else None)
        self.body = self._fetch(url, method, headers, body)
        self._check_success(self.body)
        return self.body

    def _note_reply(self, status: int, *rest: Any) -> str:
        self.reply = Reply(status, rest[4])
        # The client counts some numbers up one by one: an absurd one would keep it busy for ever.
        if len(self.reply.text) > BODY_LENGTH_MAX or _ABSURD.search(self.reply.text):
            raise Unreadable("reply", "it is absurdly long, or has an absurdly long number")
        noted: str = self._on_reply(status, *rest)
        return noted

    def _check_origin(self, url: str) -> None:
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc) not in self._origins:
            raise Withheld("a request was about to go to an address that is not this venue's")

    def _check_ticket(self, ticket: Ticket, method: str, body: object) -> None:
        if method != "POST" or self._is_used:
            raise Withheld("the client was about to send something else than this one order")
        sent = _parse_body(body)
        wire = self._profile.wire
        expected = {wire.quantity: ticket.size, wire.price: ticket.price}
        faults = [path for path, number in expected.items() if _number(pick(sent, path)) != number]
        if pick(sent, wire.client_id) != ticket.client_order_id:
            faults.append(wire.client_id)
        if wire.side and str(pick(sent, wire.side)).lower() != ticket.side.value:
            faults.append(wire.side)
        if faults:
            raise Withheld(f"the request would not say what was asked for: {', '.join(faults)}")
        self._last_look()

    def _last_look(self) -> None:
        if self._ticket is not None and self._clock.now() >= self._ticket.send_before:
            raise Withheld("its deadline passed before it could leave")

    def _check_success(self, body: object) -> None:
        """A reply with status 200 is still no answer without the venue's mark of success and a content."""
        if not self._profile.success:
            return
        if not isinstance(body, dict) or not any(
            str(pick(body, path)) in self._profile.success for path in self._profile.code_paths
        ):
            raise Unreadable("reply")
        if self._profile.payload and pick(body, self._profile.payload) is None:
            raise Unreadable("reply", "it has no content")

    def _keep_pace(self) -> None:
        """Reads at the live venue keep a short distance; an order never waits, and paper has no limit."""
        if all(scheme == "https" for scheme, _ in self._origins):
            wait = self._last_read_seconds + self._profile.request_gap_seconds - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self._last_read_seconds = time.monotonic()


def _parse_body(body: object) -> object:
    if not isinstance(body, str):
        return None
    parsed = decode(body)
    return dict(parse_qsl(body)) if parsed is None else parsed


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _silence(client: Any) -> None:
    """At level debug the client would log headers, keys among them, and its HTTP library every address."""
    quiet = logging.Logger("silent")
    quiet.disabled = True
    client.logger = quiet
    logging.getLogger("urllib3").setLevel(logging.INFO)
