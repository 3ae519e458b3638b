"""Hears what the process logs, and hands what people should know to every channel.

It keeps no history and reads nothing but the events it is given. It promises that hearing never waits and never raises,
and that the same thing is told once in a while, not in every tick.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from runtime.notifications import notices
from runtime.notifications.channel import Channel
from runtime.notifications.notices import BOT_EVENT, TELLINGS, Kind, Notice

# The same case is told again only after this.
REPEAT_AFTER = timedelta(minutes=15)
CASES_MAX = 1000


def _now() -> datetime:
    return datetime.now(UTC)


class Notifier:
    """`origin` stands before every text: people watch more than one desk."""

    def __init__(self, channels: Sequence[Channel], origin: str, now: Callable[[], datetime] = _now) -> None:
        self._channels = channels
        self._origin = origin
        self._now = now
        self._told_at: dict[tuple[object, ...], datetime] = {}
        self._day: date | None = None
        self._bots: dict[str, Mapping[str, object]] = {}
        self._counts: Counter[Kind] = Counter()

    def hear(self, event: str, facts: Mapping[str, object]) -> None:
        """Given to the log as a listener of `notices.EVENTS`; called in whatever thread says them."""
        now = self._now()
        if event == BOT_EVENT:
            self._note_bot(now, facts)
            return
        telling = TELLINGS[event]
        case = (telling.kind, *(facts.get(name) for name in telling.subject))
        if not self._is_fresh(case, now):
            return
        self.tell(telling.kind, telling.say(facts), facts)

    def tell(self, kind: Kind, text: str, facts: Mapping[str, object]) -> None:
        self._counts[kind] += 1
        notice = Notice(kind, self._now(), f"[{self._origin}] {text}", facts)
        for channel in self._channels:
            channel.offer(notice)

    def _is_fresh(self, case: tuple[object, ...], now: datetime) -> bool:
        told_at = self._told_at.get(case)
        if told_at is not None and now - told_at < REPEAT_AFTER:
            return False
        self._told_at.pop(case, None)  # so that the oldest stands first
        self._told_at[case] = now
        if len(self._told_at) > CASES_MAX:
            del self._told_at[next(iter(self._told_at))]
        return True

    def _note_bot(self, now: datetime, facts: Mapping[str, object]) -> None:
        """The first line after midnight closes the day before with what was known of it."""
        today = now.date()
        if self._day is not None and today != self._day:
            counts, self._counts = self._counts, Counter()
            day, bots, self._bots = self._day.isoformat(), self._bots, {}
            self.tell(Kind.DAILY_SUMMARY, notices.summary(day, bots, counts), {"day": day, "bots": bots})
            self._counts.clear()
        self._day = today
        self._bots[str(facts.get("bot"))] = facts
