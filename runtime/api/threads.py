"""A few threads that work for the loop: each call becomes something to wait for.

The standard library's executor does the same and takes twice as long to hand a call over and its answer back: it makes
a lock and two futures for each, and for a small question that is as much as PostgreSQL takes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any

from runtime import errors


@dataclass(frozen=True, slots=True)
class _Job:
    loop: asyncio.AbstractEventLoop
    promised: "asyncio.Future[Any]"
    call: Callable[..., Any]
    arguments: tuple[Any, ...]

    def keep(self, told: Any) -> None:
        if not self.promised.done():  # whoever asked may have left
            self.promised.set_result(told)

    def refuse(self, fault: BaseException) -> None:
        if not self.promised.done():
            self.promised.set_exception(fault)


class Threads:
    def __init__(self, count: int) -> None:
        self.count = count
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def start(self) -> None:
        for _ in range(self.count):
            self._begin()

    def stop(self) -> None:
        """What was begun is ended; nobody waits for it."""
        for _ in range(self.count):
            self._jobs.put(None)

    def run(self, call: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        job = _Job(loop, loop.create_future(), call, arguments)
        self._jobs.put(job)
        return job.promised

    def _begin(self) -> None:
        Thread(target=self._work, name="read", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                told = job.call(*job.arguments)
            except errors.BotError as fault:
                job.loop.call_soon_threadsafe(job.refuse, fault)
            except BaseException as defect:
                # It ends this thread, whose last words stand in the log; another one takes its place.
                self._begin()
                job.loop.call_soon_threadsafe(job.refuse, defect)
                raise
            else:
                job.loop.call_soon_threadsafe(job.keep, told)
