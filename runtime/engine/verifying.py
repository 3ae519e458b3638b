"""Derives everything derived once more, from the fills, and walks the chain of events. There is no difference; if there
is one, it is printed."""

from collections.abc import Iterator

from runtime.domain import position as positions_of
from runtime.domain.fill import Fill
from runtime.domain.identity import AccountId, BotId
from runtime.domain.order import CHAIN_START, Event, Link, Status, event_digest, may_move
from runtime.domain.position import Position, Trade
from runtime.store import fills, orders, positions
from runtime.store.pool import Store, Tx

EVENTS_A_READ = 5000
SHOWN_MAX = 100


def verify(store: Store, account_id: AccountId) -> list[str]:
    """Every difference, one sentence each, all read from one instant of the ledger."""
    with store.snapshot("verify the ledger") as tx:
        return [*_chain(tx, account_id), *_orders(tx, account_id), *_positions(tx, account_id)]


def _chain(tx: Tx, account_id: AccountId) -> Iterator[str]:
    end, statuses = CHAIN_START, dict[object, Status]()
    while events := orders.load_events(tx, account_id, after=end.sequence, count=EVENTS_A_READ):
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
    journeys: dict[tuple[BotId, str], list[Trade]] = {}
    for trade in positions.load_trades(tx, account_id):
        journeys.setdefault((trade.bot_id, trade.symbol), []).append(trade)
    counted: dict[tuple[BotId, str], list[Fill]] = {}
    for fill in fills.load_account_fills(tx, account_id):
        counted.setdefault((fill.bot_id, fill.symbol), []).append(fill)
    for held in sorted({*kept, *journeys, *counted}, key=str):
        derived = positions_of.replay(*held, counted.get(held, []))
        yield from _differences(held, kept.get(held), derived.position, "position")
        yield from _differences(held, tuple(journeys.get(held, [])), derived.trades, "trades")


def _differences(
    held: tuple[BotId, str],
    kept: Position | tuple[Trade, ...] | None,
    derived: Position | tuple[Trade, ...],
    what: str,
) -> Iterator[str]:
    if kept != derived:
        yield f"the {what} of bot {held[0]} in {held[1]}: the ledger keeps {kept}, its fills make {derived}"
