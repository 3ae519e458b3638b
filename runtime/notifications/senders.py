"""How a notice becomes one request: to a webhook, or to a chat on Telegram.

Both take the address as a secret, and promise that no part of it is in what they say of a failure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from runtime.notifications.channel import Delivered, GivenUp, Outcome, TryAgain
from runtime.notifications.notices import Notice
from runtime.notifications.posting import NoReply, Reply, post
from runtime.settings import Secret

WITHIN_SECONDS = 10.0
# What Telegram takes in one message.
TEXT_LENGTH_MAX = 4096
_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class Webhook:
    """`text` is what chat programs show of it; everything else is for programs. `origin` says who tells."""

    url: Secret
    origin: Mapping[str, str]
    within_seconds: float = WITHIN_SECONDS

    def deliver(self, notice: Notice) -> Outcome:
        body = {
            "id": notice.notice_id,
            "kind": notice.kind,
            "at": notice.at.isoformat(),
            **self.origin,
            "text": notice.text,
            "facts": dict(notice.facts),
        }
        return outcome_of(post(self.url, body, within_seconds=self.within_seconds, key=notice.notice_id))


@dataclass(frozen=True, slots=True)
class Telegram:
    """The Bot API at `url`, as the bot that `token` names."""

    url: str
    token: Secret
    chat: int
    within_seconds: float = WITHIN_SECONDS

    def deliver(self, notice: Notice) -> Outcome:
        message = {"chat_id": self.chat, "text": notice.text[:TEXT_LENGTH_MAX]}
        return outcome_of(self.call("sendMessage", message, within_seconds=self.within_seconds))

    def call(self, method: str, body: Mapping[str, object], *, within_seconds: float) -> Reply | NoReply:
        """Telegram says in the body what others say in `Retry-After`."""
        address = Secret(f"{self.url}/bot{self.token.reveal()}/{method}")
        reply = post(address, body, within_seconds=within_seconds)
        if isinstance(reply, Reply) and reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Reply(reply.status, reply.retry_after_seconds or _asked_seconds(reply), reply.body)
        return reply


def outcome_of(reply: Reply | NoReply) -> Outcome:
    if isinstance(reply, NoReply):
        return TryAgain(reply.detail)
    if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    if reply.status in _LATER or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TryAgain(f"status {reply.status}", reply.retry_after_seconds)
    return GivenUp(f"status {reply.status}")


def said_in(reply: Reply) -> dict[str, Any]:
    """The object in its body; an empty one for anything else."""
    try:
        said = json.loads(reply.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _asked_seconds(reply: Reply) -> float | None:
    parameters = said_in(reply).get("parameters")
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return float(asked) if type(asked) is int and asked >= 0 else None
