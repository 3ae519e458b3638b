"""Many who ask the same: one asks for them, never with an answer that is older than a question."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from runtime import errors
from runtime.api.sharing import KEPT_MAX, Sharing


@dataclass
class Ledger:
    """Something that changes; each look at it sees what it is when it begins, and lasts until it is let go on."""

    value: int = 0
    looks: list[asyncio.Event] = field(default_factory=list)

    async def look(self) -> int:
        seen, may_end = self.value, asyncio.Event()
        self.looks.append(may_end)
        await may_end.wait()
        return seen


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0)


def test_ask__of_many_at_once_is_done_for_all_who_wait() -> None:
    async def ask() -> None:
        ledger, sharing = Ledger(), Sharing()
        first = asyncio.create_task(sharing.ask("x", ledger.look))
        await until(lambda: len(ledger.looks) == 1)
        ledger.value = 1
        others = [asyncio.create_task(sharing.ask("x", ledger.look)) for _ in range(5)]
        another = asyncio.create_task(sharing.ask("y", ledger.look))
        await until(lambda: len(ledger.looks) == 2)
        assert not any(each.done() for each in others), "they may not have what was looked up before them"
        for look in range(3):
            await until(lambda look=look: len(ledger.looks) > look)  # type: ignore[misc]
            ledger.looks[look].set()
        assert await asyncio.gather(first, *others, another) == [0, 1, 1, 1, 1, 1, 1]
        assert len(ledger.looks) == 3
        assert sharing._under_way == {}

    asyncio.run(ask())


def test_ask__of_what_may_be_older_is_answered_again_until_it_is_too_old() -> None:
    async def ask() -> None:
        ledger, sharing = Ledger(), Sharing()

        async def look() -> int:
            ledger.value += 1
            return ledger.value

        assert [await sharing.ask("x", look, keep_seconds=3600) for _ in range(3)] == [1, 1, 1]
        assert await sharing.ask("y", look, keep_seconds=3600) == 2, "another question is another answer"
        assert [await sharing.ask("z", look, keep_seconds=1e-9) for _ in range(2)] == [3, 4]
        assert await sharing.ask("x", look) == 5
        for number in range(KEPT_MAX * 2):
            await sharing.ask(number, look, keep_seconds=3600)
        assert len(sharing._kept) <= KEPT_MAX

    asyncio.run(ask())


def test_ask__by_one_who_leaves_is_still_answered_to_the_others() -> None:
    async def ask() -> None:
        ledger, sharing = Ledger(), Sharing()
        first = asyncio.create_task(sharing.ask("x", ledger.look))
        await until(lambda: len(ledger.looks) == 1)
        left, stays = (asyncio.create_task(sharing.ask("x", ledger.look)) for _ in range(2))
        await until(lambda: sharing._under_way["x"].next is not None)
        left.cancel()
        first.cancel()
        await until(lambda: len(ledger.looks) == 2)
        ledger.looks[1].set()
        assert await stays == 0

    asyncio.run(ask())


def test_ask__that_fails_fails_for_all_who_waited_and_for_nobody_after() -> None:
    async def fail() -> int:
        raise errors.NotFound(noun="bot", key="x")

    async def ask() -> None:
        ledger, sharing = Ledger(), Sharing()
        first = asyncio.create_task(sharing.ask("x", ledger.look))
        await until(lambda: len(ledger.looks) == 1)
        waiting = [asyncio.create_task(sharing.ask("x", fail)) for _ in range(2)]
        await until(lambda: sharing._under_way["x"].next is not None)
        ledger.looks[0].set()
        assert await first == 0
        for each in waiting:
            with pytest.raises(errors.NotFound):
                await each
        later = asyncio.create_task(sharing.ask("x", ledger.look))
        await until(lambda: len(ledger.looks) == 2)
        ledger.looks[1].set()
        assert await later == 0

    asyncio.run(ask())
