"""Two clocks: the wall clock that stamps orders and checks signatures, and the market clock that moves prices.

Reads the system's time; keeps the market clock's anchor in the books, so that a restart continues where the path was.
"""

import time
from decimal import Decimal
from typing import Literal

from runtime.simulator.books import Books
from runtime.simulator.records import Mark


class ServerTime:
    """The system's time, set ahead when a test does not want to wait for a window to pass."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


SERVER_TIME = ServerTime()
wall_ms = SERVER_TIME.now_ms


class MarketClock:
    """Market time is the wall clock times a speed since an anchor, or stands still until it is advanced."""

    def __init__(
        self, books: Books, *, mode: Literal["wall", "manual"], speed: Decimal, first_ms: int | None
    ) -> None:
        self._books = books
        self._mode = mode
        self._speed = speed
        if "market_anchor_ms" not in books.live.marks:
            now_ms = wall_ms()
            whole_minute_ms = now_ms - now_ms % 60_000
            self._anchor(
                first_ms if first_ms is not None else whole_minute_ms if mode == "manual" else now_ms
            )
        elif mode == "wall":
            self._anchor(self._elapsed(books.live.marks["market_speed"].value))

    def now_ms(self, *, ago_ms: int = 0) -> int:
        """Market time as it is, or as it was so long ago by the wall clock."""
        anchor = int(self._books.live.marks["market_anchor_ms"].value)
        return anchor if self._mode == "manual" else self._elapsed(self._speed) - int(ago_ms * self._speed)

    def now_second(self, *, ago_ms: int = 0) -> int:
        return self.now_ms(ago_ms=ago_ms) // 1000

    def advance(self, milliseconds: int) -> None:
        self._anchor(self.now_ms() + milliseconds)

    def _elapsed(self, speed: Decimal) -> int:
        marks = self._books.live.marks
        passed = wall_ms() - int(marks["market_anchor_wall_ms"].value)
        return int(marks["market_anchor_ms"].value) + int(passed * speed)

    def _anchor(self, market_ms: int) -> None:
        with self._books.change():
            self._books.put(Mark("market_anchor_ms", Decimal(market_ms)))
            self._books.put(Mark("market_anchor_wall_ms", Decimal(wall_ms())))
            self._books.put(Mark("market_speed", self._speed))
