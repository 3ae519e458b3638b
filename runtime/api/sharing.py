"""The same question of many: it is asked once for all who wait for its answer.

Everybody who looks at a tenant asks the same after each change. A question is never joined once it is being asked, for
it may have looked before somebody's change: who comes then waits for it, and is answered by the next, together with all
who came meanwhile. So an answer is never older than its question, unless its route says that it may be, and the costly
ones do not take every thread.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

KEPT_MAX = 100
Begin = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class _Turn:
    """An answer that is under way, and the one behind it."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    next: "asyncio.Task[Any] | None" = None


class Sharing:
    """It lives in one loop, and keeps a bounded number of answers, for as long as each may be said again."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Turn] = {}
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    async def ask(self, question: Hashable, begin: Begin, *, keep_seconds: float = 0.0) -> Any:
        if not keep_seconds:
            return await self._share(question, begin)
        until, told = self._kept.get(question, (0.0, None))
        if time.monotonic() >= until:
            told = await self._share(question, begin)
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            self._kept[question] = time.monotonic() + keep_seconds, told
        return told

    async def _share(self, question: Hashable, begin: Begin) -> Any:
        turn = self._under_way.get(question)
        if turn is None:
            return await self._ask(question, begin)
        if turn.next is None:
            turn.next = asyncio.create_task(self._follow(turn, question, begin))
        # One who leaves must not take the answer from the others.
        return await asyncio.shield(turn.next)

    async def _follow(self, turn: _Turn, question: Hashable, begin: Begin) -> Any:
        await turn.ended.wait()
        return await self._ask(question, begin)

    async def _ask(self, question: Hashable, begin: Begin) -> Any:
        turn = self._under_way[question] = _Turn()
        try:
            return await begin()
        finally:
            if self._under_way.get(question) is turn:
                del self._under_way[question]
            turn.ended.set()
