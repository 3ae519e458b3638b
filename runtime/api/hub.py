"""The stream: what each tenant's rows look like now, and every change since, numbered.

One thread hears for all clients; it is woken by a word, reads the tables and compares. A client gets a snapshot and
then changes, each message with a number; one that comes back says the last number that it saw and gets what it missed,
or a snapshot if that is too long ago or this process is another one. Nobody is waited for: whom a message cannot be
handed to at once is the server's to drop. It knows neither sockets nor tokens.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from runtime import errors, logs
from runtime.domain.identity import UserId
from runtime.domain.order import UNSETTLED
from runtime.settings import Secret
from runtime.store import bot_pages, changes, holding_pages, operation_pages, order_pages, paging
from runtime.store.holding_pages import Position
from runtime.store.paging import LIMIT_MAX, Page
from runtime.store.pool import Store, Tx

MESSAGES_KEPT = 1000
SHOWN = 100
# A lease that runs out is a change that nobody writes.
LOOK_SECONDS = 2.0
# So many words at once are one change; a person sees no difference.
GATHER_SECONDS = 0.02
_IDLE_SECONDS = 300.0
_BACK_OFF_SECONDS = 0.5

Deliver = Callable[[str], None]
Encode = Callable[[object], str]
Items = dict[Any, object]
SMALL = ("bots", "desks", "positions", "commands", "quarantine", "reconciliations")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "orders": ("orders", "positions", "bots"),
    "bots": ("bots", "desks"),
    "commands": ("commands",),
    "quarantine": ("quarantine", "bots", "desks"),
    "reconciliations": ("reconciliations", "desks"),
}


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a client was: in which stream, and the last message that it saw."""

    stream: str
    after: int


class _Feed:
    """One tenant's picture, its numbered messages and its clients."""

    def __init__(self, encode: Encode) -> None:
        self.stream = uuid4().hex
        self.sequence = 0
        # In the order in which they came.
        self.clients: dict[Deliver, None] = {}
        self.idle_seconds = 0.0
        self._encode = encode
        self._ends: changes.Ends = {}
        self._shown: dict[str, Items] = {noun: {} for noun in (*SMALL, "orders", "fills")}
        self._kept: deque[tuple[int, str]] = deque(maxlen=MESSAGES_KEPT)

    def begin(self, tx: Tx) -> None:
        self._ends = changes.load_ends(tx)
        for noun in SMALL:
            self._shown[noun] = dict(_READERS[noun](tx))
        newest = order_pages.load_orders(tx, limit=SHOWN).items
        open_ones = order_pages.load_orders(tx, unsettled=True, limit=SHOWN).items
        self._shown["orders"] = {each.order_id: each for each in (*newest[::-1], *open_ones[::-1])}
        fills = order_pages.load_fills(tx, limit=SHOWN).items[::-1]
        self._shown["fills"] = {_fill_key(each): each for each in fills}

    def refresh(self, tx: Tx, nouns: Iterable[str]) -> None:
        changed: list[dict[str, object]] = []
        ends, shown = self._ends, dict(self._shown)
        try:
            for noun in nouns:
                changed += self._moves(tx) if noun == "orders" else self._compare(tx, noun)
        except errors.BotError:
            # What was seen here was told to nobody: it has to be found again, or it would be a gap.
            self._ends, self._shown = ends, shown
            raise
        if changed:
            self.sequence += 1
            self._send({"type": "changes", "sequence": self.sequence, "changes": changed})

    def snapshot(self) -> str:
        shown = {noun: [*items.values()] for noun, items in self._shown.items()}
        return self._encode({"type": "snapshot", "stream": self.stream, "sequence": self.sequence, **shown})

    def missed(self, resume: Resume) -> list[str] | None:
        """What came after that message; None if it cannot be said any more."""
        first = self._kept[0][0] if self._kept else self.sequence + 1
        if resume.stream != self.stream or not first - 1 <= resume.after <= self.sequence:
            return None
        return [text for number, text in self._kept if number > resume.after]

    def _send(self, message: dict[str, object]) -> None:
        text = self._encode(message)
        self._kept.append((self.sequence, text))
        for deliver in [*self.clients]:
            deliver(text)

    def _moves(self, tx: Tx) -> list[dict[str, object]]:
        # An account that came since begins at its first event.
        self._ends = {**dict.fromkeys(changes.load_ends(tx), 0), **self._ends}
        told: list[dict[str, object]] = []
        more = True
        while more:
            moves = changes.load_moves(tx, self._ends)
            self._ends, more = moves.ends, moves.more
            self._remember("orders", {each.order_id: each for each in moves.orders})
            self._remember("fills", {_fill_key(each): each for each in moves.fills})
            told += [{"noun": "fills", "item": each} for each in moves.fills]
            told += [{"noun": "orders", "item": each} for each in moves.orders]
        return told

    def _remember(self, noun: str, fresh: Items) -> None:
        """The newest stay in the picture; an order that has not ended stays as long as it has not."""
        kept = {key: item for key, item in self._shown[noun].items() if key not in fresh} | fresh
        ended = [key for key, item in kept.items() if not _is_unsettled(item)]
        for key in ended[: max(0, len(ended) - SHOWN)]:
            del kept[key]
        self._shown[noun] = kept

    def _compare(self, tx: Tx, noun: str) -> list[dict[str, object]]:
        before, now = self._shown[noun], dict(_READERS[noun](tx))
        self._shown[noun] = now
        gone = [{"noun": noun, "gone": before[key]} for key in before if key not in now]
        return [
            *(
                {"noun": noun, "item": item}
                for key, item in now.items()
                if not _is_same(before.get(key), item)
            ),
            *(gone if noun in ("positions", "quarantine") else ()),
        ]


@dataclass(slots=True)
class Hub:
    """Every tenant's feed that somebody looks at, or did a short while ago."""

    store: Store
    address: Secret
    encode: Encode
    _feeds: dict[UserId, _Feed] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _looked_at_monotonic: float = 0.0
    _away_since: datetime | None = None  # None: PostgreSQL answers

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(LOOK_SECONDS * 2)

    def join(self, tenant: UserId, resume: Resume | None, deliver: Deliver) -> Callable[[], object]:
        """Hand over what the client needs now and every change from there on. What is given back ends it."""
        with self._lock:
            feed = self._feeds.get(tenant)
            if feed is None:
                feed = _Feed(self.encode)
                with self.store.of(tenant).snapshot("begin a stream") as tx:
                    feed.begin(tx)
                self._feeds[tenant] = feed
            missed = feed.missed(resume) if resume is not None else None
            for text in [feed.snapshot()] if missed is None else missed:
                deliver(text)
            if self._away_since is not None:
                deliver(self._standing())
            feed.clients[deliver] = None
        # Without the lock, which is held while the tables are read: who leaves must not wait for that.
        return lambda: feed.clients.pop(deliver, None)

    def count(self) -> int:
        return sum(len(feed.clients) for feed in [*self._feeds.values()])

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with changes.listening(self.address) as ear:
                    # Whatever was said while nobody heard it is found by looking.
                    self._refresh({tenant: {"orders", *SMALL} for tenant in [*self._feeds]})
                    self._note(None)
                    while not self._stop.is_set():
                        self._hear(ear)
            except errors.BotError as fault:
                # Whatever it is, everybody who looks depends on this thread: it says so and tries again.
                logs.warning("the stream hears nothing", error=type(fault).__name__, detail=str(fault))
                self._note(datetime.now(UTC))
                self._stop.wait(_BACK_OFF_SECONDS)

    def _note(self, away_since: datetime | None) -> None:
        """Tell everybody, once, that what they see grows old, or that it does no more. It has no number: whoever comes
        back is told how it is then."""
        if (away_since is None) == (self._away_since is None):
            return
        with self._lock:
            self._away_since = away_since
            for feed in self._feeds.values():
                for deliver in [*feed.clients]:
                    deliver(self._standing())

    def _standing(self) -> str:
        since = self._away_since
        return self.encode({"type": "back"} if since is None else {"type": "away", "since": since})

    def _hear(self, ear: changes.Listening) -> None:
        words = ear.words(LOOK_SECONDS)
        if words:
            self._stop.wait(GATHER_SECONDS)
            words += ear.words(0)
        wanted: dict[UserId, set[str]] = {}
        for word in words:
            whose = [UserId(word.tenant)] if word.tenant is not None else [*self._feeds]
            for tenant in whose:
                wanted.setdefault(tenant, set()).update(_WORDS.get(word.noun, ()))
        now = time.monotonic()
        if now - self._looked_at_monotonic >= LOOK_SECONDS:
            self._looked_at_monotonic = now
            self._forget_idle()
            for tenant in [*self._feeds]:
                wanted.setdefault(tenant, set()).update(("bots", "desks"))
        self._refresh(wanted)

    def _refresh(self, wanted: Mapping[UserId, set[str]]) -> None:
        for tenant, nouns in wanted.items():
            with self._lock:
                feed = self._feeds.get(tenant)
                if feed is None:
                    continue
                with self.store.of(tenant).snapshot("look for changes") as tx:
                    feed.refresh(tx, sorted(nouns))

    def _forget_idle(self) -> None:
        with self._lock:
            for tenant, feed in [*self._feeds.items()]:
                feed.idle_seconds = 0.0 if feed.clients else feed.idle_seconds + LOOK_SECONDS
                if feed.idle_seconds > _IDLE_SECONDS:
                    del self._feeds[tenant]


def _is_same(before: object, now: object) -> bool:
    """A desk that only goes on says so by its bots."""
    if isinstance(before, bot_pages.Desk) and isinstance(now, bot_pages.Desk):
        still = replace(before, renewed_at=now.renewed_at, expires_at=now.expires_at, ticked_at=now.ticked_at)
        return still == now
    return before == now


def _fill_key(fill: order_pages.Fill) -> tuple[object, ...]:
    return fill.account_id, fill.symbol, fill.venue_trade_id


def _is_unsettled(item: object) -> bool:
    return isinstance(item, order_pages.Order) and item.status in UNSETTLED


def _bots(tx: Tx) -> Iterator[tuple[Any, object]]:
    return ((each.bot_id, each) for each in bot_pages.every_bot(tx))


def _desks(tx: Tx) -> Iterator[tuple[Any, object]]:
    # An age is another one at every look; whoever shows it counts from the instant.
    for each in bot_pages.every_desk(tx):
        yield each.account_id, replace(each, tick_age_seconds=None)


def _positions(tx: Tx) -> Iterator[tuple[Any, object]]:
    def load(after: str | None) -> Page[Position]:
        return holding_pages.load_positions(tx, open=True, limit=LIMIT_MAX, after=after)

    return (((each.bot_id, each.symbol), each) for each in paging.every(load))


def _commands(tx: Tx) -> Iterator[tuple[Any, object]]:
    return ((each.command_id, each) for each in operation_pages.load_commands(tx, limit=SHOWN).items)


def _quarantine(tx: Tx) -> Iterator[tuple[Any, object]]:
    found = operation_pages.load_quarantine(tx, waiting=True, limit=SHOWN).items
    return (((each.account_id, each.kind, each.venue_id), each) for each in found)


def _reconciliations(tx: Tx) -> Iterator[tuple[Any, object]]:
    found = operation_pages.load_reconciliations(tx, limit=SHOWN).items
    return ((each.reconciliation_id, each) for each in found)


_READERS: Mapping[str, Callable[[Tx], Iterator[tuple[Any, object]]]] = {
    "bots": _bots,
    "desks": _desks,
    "positions": _positions,
    "commands": _commands,
    "quarantine": _quarantine,
    "reconciliations": _reconciliations,
}
