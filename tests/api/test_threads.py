"""The threads that work for the loop: what they are asked comes back, and a defect takes none of them away."""

import asyncio
import threading

import pytest

from runtime import errors
from runtime.api.threads import Threads


def test_run__gives_back_what_the_call_says_from_a_thread_of_its_own() -> None:
    async def ask() -> None:
        threads = Threads(2)
        threads.start()
        here = threading.get_ident()
        assert [await threads.run(pow, 2, number) for number in range(5)] == [1, 2, 4, 8, 16]
        assert await threads.run(threading.get_ident) != here
        threads.stop()

    asyncio.run(ask())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_run__tells_an_error_and_survives_a_defect() -> None:
    def refuse() -> None:
        raise errors.NotFound(noun="bot", key="x")

    async def ask() -> None:
        threads = Threads(1)
        threads.start()
        for _ in range(3):
            with pytest.raises(errors.NotFound):
                await threads.run(refuse)
            with pytest.raises(ZeroDivisionError):
                await threads.run(divmod, 1, 0)
        assert await threads.run(divmod, 7, 2) == (3, 1)
        threads.stop()

    before = {*threading.enumerate()}
    asyncio.run(ask())
    # Their last words are said when they are gone, and belong to this test.
    for each in {*threading.enumerate()} - before:
        each.join(10)


def test_run__whose_asker_left_is_worked_off_and_told_to_nobody() -> None:
    async def ask() -> None:
        threads, may_end = Threads(1), threading.Event()
        threads.start()
        left = asyncio.ensure_future(threads.run(may_end.wait, 10))
        left.cancel()
        next_one = threads.run(divmod, 7, 2)
        may_end.set()
        assert await next_one == (3, 1)
        assert left.cancelled()
        threads.stop()

    asyncio.run(ask())
