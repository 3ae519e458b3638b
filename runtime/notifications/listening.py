"""Listens to one chat on Telegram: long polling, with an offset that survives a restart.

It may touch the network and one small file. It promises that nobody but the configured chat is obeyed, and that a
message counts as dealt with only once `obey` came back: after a crash it is obeyed again, under the same key.
"""

import contextlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from runtime import errors, logs
from runtime.notifications.channel import Delivered, GivenUp, TryAgain
from runtime.notifications.posting import NoReply
from runtime.notifications.senders import Telegram, outcome_of, said_in
from runtime.telemetry import table
from runtime.telemetry.meters import Meters

POLL_SECONDS = 25
PAUSE_SECONDS_MAX = 60.0
COMMAND = re.compile(r"/([a-z_]{1,32})(?:@[A-Za-z0-9_]+)?(?:\s+(.*))?", re.DOTALL)
NAME = re.compile(r"[A-Za-z0-9_]{1,32}")


@dataclass(frozen=True, slots=True)
class Asked:
    """`key` is the same however often Telegram hands out this message."""

    verb: str
    words: tuple[str, ...]
    by: str
    key: str


@dataclass(slots=True)
class Listener:
    """`obey` gives back the answer; where PostgreSQL is away it raises a Retry, and is asked again."""

    api: Telegram
    obey: Callable[[Asked], str]
    answer: Callable[[str], None]
    offset_file: Path
    meters: Meters
    poll_seconds: int = POLL_SECONDS
    first_pause_seconds: float = 1.0
    _offset: int | None = None
    _pause_seconds: float = 0.0
    _complained_of: int | None = None
    _loaded: bool = field(default=False)

    def turn(self) -> float:
        """Ask once for messages and deal with them; how long to wait before the next time."""
        if not self._loaded:
            self._offset, self._loaded = load_offset(self.offset_file), True
        asked: dict[str, object] = {"timeout": self.poll_seconds, "allowed_updates": ["message"]}
        if self._offset is not None:
            asked["offset"] = self._offset
        reply = self.api.call("getUpdates", asked, within_seconds=self.poll_seconds + self.api.within_seconds)
        match outcome_of(reply):
            case Delivered():
                return self._deal_with(
                    said_in(reply).get("result") if not isinstance(reply, NoReply) else None
                )
            case GivenUp(detail):
                if detail in _HOPELESS:
                    fault = f"HOLDFAST_TELEGRAM_TOKEN is not one that Telegram knows ({detail})."
                    raise errors.BadSettings(count=1, faults=fault)
                return self._later(detail, 0)
            case TryAgain(detail, after_seconds):
                return self._later(detail, after_seconds or 0)

    def _later(self, detail: str, asked_seconds: float) -> float:
        if not self._pause_seconds:
            logs.warning("Telegram cannot be heard", detail=detail)
        self._pause_seconds = min(max(2 * self._pause_seconds, self.first_pause_seconds), PAUSE_SECONDS_MAX)
        return max(self._pause_seconds, asked_seconds)

    def _deal_with(self, updates: Any) -> float:
        if not isinstance(updates, list):
            return self._later("an answer that is none", 0)
        for update in updates:
            number = update.get("update_id") if isinstance(update, dict) else None
            if type(number) is not int:
                return self._later("a message without a number", 0)
            try:
                self._hear(update.get("message"))
            except errors.Retry as fault:
                if self._complained_of != number:
                    self._complained_of = number
                    self.answer(f"Not done yet, and tried again: {fault}")
                return self._later(str(fault), 0)
            self._offset = number + 1
            save_offset(self.offset_file, self._offset)
        if self._pause_seconds:
            logs.info("Telegram is heard again")
        self._pause_seconds = 0.0
        return 0.0

    def _hear(self, message: Any) -> None:
        chat = _part(message, "chat").get("id")
        if type(chat) is not int or chat != self.api.chat:
            self.meters.count(table.MESSAGES_IGNORED)
            logs.warning("a message of another chat is ignored", chat=chat if type(chat) is int else "none")
            return
        found = COMMAND.fullmatch(str(message.get("text", "")).strip())
        if found is None:
            return
        who, sender = _part(message, "from"), "telegram"
        if type(who.get("id")) is int:
            sender += f":{who['id']}"
        if isinstance(who.get("username"), str) and NAME.fullmatch(who["username"]):
            sender += f":{who['username']}"
        words = tuple((found[2] or "").split())
        key = f"telegram:{chat}:{message.get('message_id')}"
        self.answer(self.obey(Asked(found[1], words, sender, key)))


_HOPELESS = (f"status {HTTPStatus.UNAUTHORIZED}", f"status {HTTPStatus.NOT_FOUND}")


def _part(message: Any, name: str) -> dict[str, Any]:
    part = message.get(name) if isinstance(message, dict) else None
    return part if isinstance(part, dict) else {}


def load_offset(path: Path) -> int | None:
    """Without one Telegram hands out what it holds: harmless, since keys tell a repetition."""
    try:
        offset = json.loads(path.read_text(encoding="ascii"))["offset"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as fault:
        logs.warning("the place in the chat cannot be read", error=type(fault).__name__)
        return None
    return offset if type(offset) is int else None


def save_offset(path: Path, offset: int) -> None:
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="ascii") as file:
            json.dump({"offset": offset}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as fault:
        logs.warning("the place in the chat cannot be kept", error=type(fault).__name__)
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
