"""Derives everything derived once more, from the fills, sums the trades up once more, and walks the chain of events.
There is no difference; if there is one, it is printed."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest

from runtime.domain import position as positions_of
from runtime.domain.fill import Fill
from runtime.domain.identity import AccountId, BotId
from runtime.domain.order import CHAIN_START, Event, Link, Status, event_digest, may_move
from runtime.domain.position import Position, Trade
from runtime.store import fills, orders, positions, reports
from runtime.store.pool import Store, Tx

ROWS_A_READ = 5000
SHOWN_MAX = 100


def verify(store: Store, account_id: AccountId) -> list[str]:
    """Every difference, one sentence each, all read from one instant of the ledger."""
    with store.snapshot("verify the ledger") as tx:
        return [
            *_chain(tx, account_id),
            *_orders(tx, account_id),
            *_positions(tx, account_id),
            *_performance(tx, account_id),
        ]


def _chain(tx: Tx, account_id: AccountId) -> Iterator[str]:
    end, statuses = CHAIN_START, dict[object, Status]()
    while events := orders.load_events(tx, account_id, after=end.sequence, count=ROWS_A_READ):
        for event in events:
            yield from _link(event, end, statuses)
            statuses[event.order_id] = event.after
            end = event.link


def _link(event: Event, end: Link, statuses: dict[object, Status]) -> Iterator[str]:
    where = f"order event {event.sequence}"
    if event.sequence != end.sequence + 1:
        yield f"{where} follows {end.sequence}: events between them are missing"
    if event.previous != end.digest:
        yield f"{where} does not continue the chain: an event before it was changed"
    digest = event_digest(
        event.previous, event.order_id, event.sequence, event.at, event.before, event.after, event.detail
    )
    if digest != event.digest:
        yield f"{where} was changed: its content does not have its digest"
    before = statuses.get(event.order_id)
    if event.before != before:
        yield f"{where} moves order {event.order_id} from {event.before}, which was {before}"
    if event.before is not None and event.before != event.after and not may_move(event.before, event.after):
        yield f"{where} moves order {event.order_id} from {event.before} to {event.after}, which is not a legal move"


def _orders(tx: Tx, account_id: AccountId) -> Iterator[str]:
    for name, row, event in orders.load_final_events(tx, account_id, SHOWN_MAX):
        yield f"order {name} is {row}, its last event says {event}"
    for name, said, summed in fills.load_filled_sums(tx, account_id, SHOWN_MAX):
        yield f"order {name} says {said} is filled, its fills add up to {summed}"


def _positions(tx: Tx, account_id: AccountId) -> Iterator[str]:
    kept = {(each.bot_id, each.symbol): each for each in positions.load_positions(tx, account_id)}
    for held in sorted({*kept, *fills.load_filled_positions(tx, account_id)}, key=str):
        replay = _Replay(Position(*held))
        made = replay.trades(_fills(tx, account_id, held))
        pairs = zip_longest(_trades(tx, account_id, held), made)
        found = (each for told, derived in pairs for each in _differences(held, told, derived, "trades"))
        yield from islice(found, SHOWN_MAX)
        # Counts to its end what was not shown: only then is the position all there.
        deque(found, maxlen=0)
        derived = replay.position if replay.position.fill_count else None
        yield from _differences(held, kept.get(held), derived, "position")


def _performance(tx: Tx, account_id: AccountId) -> Iterator[str]:
    for bot_id, symbol, day, kept, made in reports.load_wrong_days(tx, account_id, SHOWN_MAX):
        yield f"the performance of bot {bot_id} in {symbol} on {day}: the ledger keeps {kept}, its trades make {made}"
    for bot_id, symbol, kept, made in reports.load_wrong_lives(tx, account_id, SHOWN_MAX):
        yield f"the performance of bot {bot_id} in {symbol}: the ledger keeps {kept}, its days and trades make {made}"


class _Replay:
    """A position and its trades as the fills make them, one by one: a history may be longer than memory is large."""

    def __init__(self, position: Position) -> None:
        self.position = position

    def trades(self, counted: Iterable[Fill]) -> Iterator[Trade]:
        """Each when it is over, and at the end the one that is under way."""
        open_trade: Trade | None = None
        for fill in counted:
            applied = positions_of.apply(self.position, open_trade, fill)
            self.position = applied.position
            open_trade = positions_of.open_trade(applied.trades)
            yield from (each for each in applied.trades if each.closed_at is not None)
        if open_trade is not None:
            yield open_trade


def _fills(tx: Tx, account_id: AccountId, held: tuple[BotId, str]) -> Iterator[Fill]:
    last: Fill | None = None
    while page := fills.load_fills_after(tx, account_id, *held, after=last, count=ROWS_A_READ):
        yield from page
        last = page[-1]


def _trades(tx: Tx, account_id: AccountId, held: tuple[BotId, str]) -> Iterator[Trade]:
    last = 0
    while page := positions.load_trades_after(tx, account_id, *held, after=last, count=ROWS_A_READ):
        yield from page
        last = page[-1].number


def _differences(
    held: tuple[BotId, str], kept: Position | Trade | None, derived: Position | Trade | None, what: str
) -> Iterator[str]:
    if kept != derived:
        yield f"the {what} of bot {held[0]} in {held[1]}: the ledger keeps {kept}, its fills make {derived}"
