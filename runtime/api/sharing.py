"""The same question of many: it is asked once for all who wait for its answer.

Everybody who looks at a tenant asks the same after each change. A question is never joined once it is being asked, for
it may have looked before somebody's change: who comes then waits for it, and is answered by the next, together with all
who came meanwhile. So an answer is never older than its question, and the costly ones do not take every thread.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

Begin = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class _Turn:
    """An answer that is under way, and the one behind it."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    next: "asyncio.Task[Any] | None" = None


class Sharing:
    """It lives in one loop, and keeps nothing of what is answered."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Turn] = {}

    async def ask(self, question: Hashable, begin: Begin) -> Any:
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
