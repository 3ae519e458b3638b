"""What stands before ministack's server: calls of ECS are ours, and of services that it lacks there is one answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from deploy.rehearsal.cloud import calls, sessions
from deploy.rehearsal.cloud.ecs import Document, Ecs

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

BODY_KIND = b"application/x-amz-json-1.1"
ECS, QUOTAS = "AmazonEC2ContainerServiceV20141113", "ServiceQuotasV20190624"
SESSIONS = "AmazonSSM.StartSession"
QUOTA_VCPUS = 64.0


class Front:
    def __init__(self, behind: App, ecs: Ecs) -> None:
        self._behind = behind
        self._ecs = ecs

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ())) if scope["type"] == "http" else {}
        target = headers.get(b"x-amz-target", b"").decode()
        service, _, operation = target.partition(".")
        if service not in (ECS, QUOTAS) and target != SESSIONS:
            await self._behind(scope, receive, send)
            return
        given = json.loads(await _body(receive) or b"{}")
        if service == ECS:
            status, answer = await asyncio.to_thread(calls.answer, self._ecs, operation, given)
        elif target == SESSIONS:
            status, answer = await asyncio.to_thread(sessions.start, self._ecs, given)
        else:
            status, answer = _quota(operation, given)
        content = [(b"content-type", BODY_KIND)]
        await send({"type": "http.response.start", "status": status, "headers": content})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def _quota(operation: str, given: Document) -> tuple[int, Document]:
    if operation != "GetServiceQuota":
        return 400, {"__type": "NoSuchResourceException", "message": f"The rehearsal has no {operation}."}
    return 200, {"Quota": {**given, "Value": QUOTA_VCPUS}}


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
    return body
