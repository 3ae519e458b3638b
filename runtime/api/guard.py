"""What every request passes before anything reads it: a number, a limit on its size, and headers that browsers obey.

It speaks ASGI itself and knows no framework.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import uuid4

from runtime import errors
from runtime.telemetry import table
from runtime.telemetry.meters import Meters

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES_MAX = 65536
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_SECURE = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
_UNKEPT = [(b"cache-control", b"no-store")]


class Guard:
    def __init__(self, app: App, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, began_at = uuid4().hex, time.monotonic()
        scope.setdefault("state", {})["request_id"] = request_id
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > BODY_BYTES_MAX:
                raise errors.RequestTooLarge(limit=BODY_BYTES_MAX)
            return message

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_api = scope["path"].startswith(("/api/", "/metrics"))
                more = [*_SECURE, *(_UNKEPT if is_api else ()), (b"x-request-id", request_id.encode())]
                message["headers"] = [*message.get("headers", ()), *more]
                self._meters.count(table.API_REQUESTS, str(message["status"]))
                # 503 is the database's, which rings by itself.
                if message["status"] >= 500 and message["status"] != 503:
                    self._meters.count(table.API_FAULTS)
            await send(message)

        await self._app(scope, bounded, told)
        self._meters.observe(table.API_REQUEST_SECONDS, time.monotonic() - began_at)
