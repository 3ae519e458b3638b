"""The risk keeper: the best there was, how far below it we are, and how today went.

A day is one of UTC. Its loss begins at nothing when the day does and at no other time: starting again is no new day.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from runtime.domain import money
from runtime.domain.decision import Json
from runtime.domain.money import ZERO
from runtime.learning import memory
from runtime.learning.memory import Saved, number, require

VERSION = 1
RECENT_MAX = 10


@dataclass(slots=True)
class RiskKeeper:
    """`mark` tells it what the bot is worth, `close` how a trade ended."""

    peak: Decimal | None = None
    equity: Decimal | None = None
    wins: int = 0
    losses: int = 0
    gained: Decimal = ZERO
    lost: Decimal = ZERO
    streak: int = 0  # wins in a row, or losses as a negative number
    recent: deque[Decimal] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    day: date | None = None
    day_result: Decimal = ZERO
    name: str = "risk_keeper"
    asks: bool = field(default=False, compare=False)

    @property
    def drawdown(self) -> Decimal:
        """In the quote coin, below the best there was in this bot's whole life."""
        if self.peak is None or self.equity is None:
            return ZERO
        with money.precisely():
            return self.peak - self.equity

    def mark(self, equity: Decimal, _: datetime) -> None:
        self.equity = equity
        self.peak = equity if self.peak is None else max(self.peak, equity)

    def close(self, result: Decimal, at: datetime) -> None:
        """A trade ended with so much, after its fees."""
        today = at.astimezone(UTC).date()
        if self.day is None or today > self.day:
            self.day, self.day_result = today, ZERO
        with money.precisely():
            if today == self.day:  # what is told late of an earlier day does not begin that day anew
                self.day_result += result
            if result > 0:
                self.wins, self.gained = self.wins + 1, self.gained + result
                self.streak = max(self.streak, 0) + 1
            elif result < 0:
                self.losses, self.lost = self.losses + 1, self.lost - result
                self.streak = min(self.streak, 0) - 1
        self.recent.append(result)
        self.asks = True

    def result_on(self, day: date) -> Decimal:
        """Of trades that closed on a day, if it is the day of the newest one; nothing otherwise."""
        return self.day_result if self.day == day else ZERO

    def save(self) -> Saved:
        state: dict[str, Json] = {
            "peak": _text(self.peak),
            "equity": _text(self.equity),
            "wins": self.wins,
            "losses": self.losses,
            "gained": _text(self.gained),
            "lost": _text(self.lost),
            "streak": self.streak,
            "recent": [_text(each) for each in self.recent],
            "day": self.day.isoformat() if self.day else None,
            "day_result": _text(self.day_result),
        }
        return memory.write_json(state, version=VERSION)

    def load(self, saved: Saved) -> None:
        require(saved.version == VERSION, f"it has shape {saved.version}, and this program knows {VERSION}")
        state = memory.read_json(saved)
        require(isinstance(state, dict), "it is no table")
        assert isinstance(state, dict)
        loaded = _read(state)
        for each in self.__slots__:
            setattr(self, each, getattr(loaded, each))


def _read(state: dict[str, Json]) -> RiskKeeper:
    expected = {"peak", "equity", "wins", "losses", "gained", "lost", "streak", "recent", "day", "day_result"}
    require(set(state) == expected, "its fields are others")
    counts = {each: state[each] for each in ("wins", "losses", "streak")}
    require(all(type(each) is int for each in counts.values()), "its counts are no whole numbers")
    recent, day = state["recent"], state["day"]
    require(isinstance(recent, list) and len(recent) <= RECENT_MAX, "its recent trades are no short list")
    require(day is None or isinstance(day, str), "its day is none")
    assert isinstance(recent, list)
    try:
        on = date.fromisoformat(day) if isinstance(day, str) else None
    except ValueError as fault:
        raise memory.Unreadable(fault) from None
    return RiskKeeper(
        peak=None if state["peak"] is None else number(state["peak"]),
        equity=None if state["equity"] is None else number(state["equity"]),
        wins=_whole(counts["wins"]),
        losses=_whole(counts["losses"]),
        gained=number(state["gained"]),
        lost=number(state["lost"]),
        streak=_whole(counts["streak"]),
        recent=deque((number(each) for each in recent), maxlen=RECENT_MAX),
        day=on,
        day_result=number(state["day_result"]),
    )


def _whole(value: Json) -> int:
    assert isinstance(value, int)
    return value


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{money.canonical(amount):f}"
