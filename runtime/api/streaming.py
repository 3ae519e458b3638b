"""One client of the stream: what waits for it, and when it is dropped.

The loop sends what the hub's thread hands over. A client for whom too much waits is dropped with a reason, and so is
one whose token ran out. It knows the loop and no framework.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from runtime import errors
from runtime.api.hub import Hub, Resume
from runtime.api.tokens import Principal
from runtime.telemetry import table
from runtime.telemetry.meters import Meters

CLIENTS_MAX = 1000
QUEUE_MAX = 200
QUEUE_LETTERS_MAX = 4_000_000
HELLO_SECONDS = 5.0
# For its clients: sign in again, come back, and twice: come back later.
NOT_SIGNED_IN, TOO_SLOW, TOO_MANY, AWAY = 4401, 4408, 4429, 4503

Gone = tuple[type[Exception], ...]


class Socket(Protocol):
    async def send_text(self, data: str) -> None: ...

    async def receive_text(self) -> str: ...

    async def close(self, code: int, reason: str) -> None: ...


@dataclass(slots=True)
class _Client:
    """What waits to be sent to one client. It is filled by the hub's thread and emptied by the loop."""

    loop: asyncio.AbstractEventLoop
    waiting: "asyncio.Queue[str]" = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))
    slow: asyncio.Event = field(default_factory=asyncio.Event)
    letters: int = 0

    def deliver(self, text: str) -> None:
        with suppress(RuntimeError):  # the loop ended first
            self.loop.call_soon_threadsafe(self._put, text)

    def _put(self, text: str) -> None:
        if self.waiting.full() or self.letters > QUEUE_LETTERS_MAX:
            self.slow.set()
        elif not self.slow.is_set():  # a message after one that was left out would be a gap
            self.letters += len(text)
            self.waiting.put_nowait(text)

    async def take(self) -> str:
        text = await self.waiting.get()
        self.letters -= len(text)
        return text


async def follow(
    socket: Socket, hub: Hub, principal: Principal, resume: Resume | None, meters: Meters, *, gone: Gone
) -> None:
    """Until the client leaves, is too slow, or its token ends. `gone` is what says that it left."""
    if hub.count() >= CLIENTS_MAX:
        await socket.close(TOO_MANY, "there are too many clients")
        return
    client = _Client(asyncio.get_running_loop())
    try:
        leave = await asyncio.to_thread(hub.join, principal.user, resume, client.deliver)
    except errors.BotError as fault:
        await socket.close(AWAY, str(fault)[:120])
        return
    sending, hearing = (
        asyncio.create_task(_send(socket, client, gone)),
        asyncio.create_task(_hear(socket, gone)),
    )
    slow = asyncio.create_task(client.slow.wait())
    left_seconds = (principal.expires_at - datetime.now(UTC)).total_seconds()
    tasks = (sending, hearing, slow)
    try:
        await asyncio.wait(tasks, timeout=max(left_seconds, 0.0), return_when=asyncio.FIRST_COMPLETED)
        has_left = sending.done() or hearing.done()
    finally:
        leave()
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not has_left:
        await _drop(socket, client, meters, gone)


def farewell(refusal: Exception) -> tuple[int, str]:
    """How one is sent away who did not get in: the code and the reason."""
    match refusal:
        case TimeoutError():
            return TOO_SLOW, "it did not say in time who it is"
        case errors.TooManyRequests():
            return TOO_MANY, str(refusal)[:120]
        case _:
            return NOT_SIGNED_IN, str(refusal)[:120]


async def _drop(socket: Socket, client: _Client, meters: Meters, gone: Gone) -> None:
    code, reason = NOT_SIGNED_IN, "its token ran out"
    if client.slow.is_set():
        meters.count(table.STREAM_CLIENTS_DROPPED)
        code, reason = TOO_SLOW, "it took its messages too slowly"
    with suppress(TimeoutError, *gone):
        async with asyncio.timeout(HELLO_SECONDS):
            await socket.close(code, reason)


async def _send(socket: Socket, client: _Client, gone: Gone) -> None:
    with suppress(*gone):
        while True:
            await socket.send_text(await client.take())


async def _hear(socket: Socket, gone: Gone) -> None:
    """Nothing more is expected of a client; it is heard so that its leaving is."""
    with suppress(*gone):
        while True:
            await socket.receive_text()
