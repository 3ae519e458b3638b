"""The desk's picture of its ledger: what is unsettled, what is held, where the chain of events ends.

Every change goes to PostgreSQL first and into this picture only when it is committed. Whoever cannot be sure that a
commit happened throws the picture away and loads it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from runtime import errors, logs
from runtime.domain import money
from runtime.domain import position as positions_of
from runtime.domain.decision import Memory
from runtime.domain.fill import Fill
from runtime.domain.identity import BotId, OrderId, VenueOrderId
from runtime.domain.order import Event, Intent, Link, Order, Status, after_fill, chain
from runtime.domain.position import Applied, Position, Trade, open_trade
from runtime.store import fills, orders, positions
from runtime.store.pool import Fence, Store

Held = tuple[BotId, str]


class Ledger:
    def __init__(self, store: Store, fence: Fence) -> None:
        self._store = store
        self._fence = fence
        self._orders: dict[OrderId, Order] = {}
        self._positions: dict[Held, Position] = {}
        self._trades: dict[Held, Trade] = {}
        self._end: Link
        self.last_order_at: dict[Held, datetime] = {}
        self.in_doubt: set[Held] = set()  # what an intent was written for whose commit nobody confirmed
        self.duplicates_prevented = 0

    def load(self, cooldown_since: datetime) -> None:
        account = self._fence.account_id
        with self._store.transaction("load the ledger") as tx:
            unsettled = orders.load_unsettled(tx, account)
            held = positions.load_positions(tx, account)
            journeys = positions.load_open_trades(tx, account)
            self._end = orders.load_chain_end(tx, account)
            self.last_order_at = orders.load_last_times(tx, account, cooldown_since)
        self._orders = {order.order_id: order for order in unsettled}
        self._positions = {(each.bot_id, each.symbol): each for each in held}
        self._trades = {(each.bot_id, each.symbol): each for each in journeys}
        self.in_doubt.clear()

    def unsettled(self, *statuses: Status) -> tuple[Order, ...]:
        """The orders that are not settled, oldest first; of these statuses if named."""
        return tuple(order for order in self._orders.values() if not statuses or order.status in statuses)

    def position(self, bot_id: BotId, symbol: str) -> Position:
        return self._positions.get((bot_id, symbol)) or Position(bot_id, symbol)

    def positions(self) -> tuple[Position, ...]:
        return tuple(self._positions.values())

    def closed_trades(self, bot_id: BotId, symbols: Sequence[str] | None = None) -> dict[str, int]:
        """By symbol, the number of the newest trade that is over; of all that the bot ever held if none are named."""
        wanted = [symbol for bot, symbol in self._positions if bot == bot_id] if symbols is None else symbols
        return {
            symbol: self.position(bot_id, symbol).trade_count - ((bot_id, symbol) in self._trades)
            for symbol in wanted
        }

    def record_intents(
        self, bot_id: BotId, intents: Sequence[Intent], *, memory: Memory | None, trigger_reason: str
    ) -> tuple[Order, ...]:
        """Write them down; the orders that may be sent now. An intent that stood there before is never sent again.

        Without a memory the bot's own stays as it is.
        """
        fresh = tuple(intents)
        meant = {(bot_id, intent.symbol) for intent in intents}
        self.in_doubt |= meant
        while fresh:
            try:
                self._write_intents(bot_id, fresh, memory, trigger_reason)
                break
            except errors.AlreadyRecorded:
                fresh = self._without_known(fresh)
        self.in_doubt -= meant
        for intent in fresh:
            self._orders[intent.order_id] = Order.of(intent)
            self.last_order_at[(bot_id, intent.symbol)] = intent.created_at
        return tuple(self._orders[intent.order_id] for intent in fresh)

    def advance(
        self,
        order: Order,
        after: Status,
        at: datetime,
        facts: Mapping[str, str],
        *,
        venue_order_id: VenueOrderId | None = None,
        cancel_requested: bool = False,
    ) -> Order:
        """Move an order and note why."""
        event = chain(self._end, order.order_id, at, order.status, after, facts)
        with self._store.single("move an order") as tx:
            orders.advance_order(
                tx,
                self._fence,
                event,
                venue_order_id=venue_order_id,
                cancel_requested_at=at if cancel_requested else None,
            )
        moved = replace(
            order,
            status=after,
            venue_order_id=venue_order_id or order.venue_order_id,
            cancel_requested=cancel_requested or order.cancel_requested,
        )
        return self._keep(moved, event)

    def record_fill(self, order: Order, fill: Fill, at: datetime) -> Order:
        """Count a fill of an order, once. The order as it stands afterwards."""
        held = (fill.bot_id, fill.symbol)
        current = self.position(*held)
        after = after_fill(order, fill.quantity)
        facts = {"fill": fill.venue_trade_id, "quantity": f"{fill.quantity:f}", "price": f"{fill.price:f}"}
        event = chain(self._end, order.order_id, at, order.status, after, facts)
        voided: tuple[Trade, ...] = ()
        if current.follows(fill):
            applied = positions_of.apply(current, self._trades.get(held), fill)
        else:
            applied, voided = self._replayed(fill, current)
        with self._store.single("record a fill") as tx:
            fresh = fills.record_fill(tx, self._fence, fill, event, applied, voided=voided)
        if not fresh:
            return order
        self._positions[held] = applied.position
        journey = open_trade(applied.trades)
        if journey is None:
            self._trades.pop(held, None)
        else:
            self._trades[held] = journey
        return self._keep(
            replace(
                order, status=after, filled_quantity=money.canonical(order.filled_quantity + fill.quantity)
            ),
            event,
        )

    def _write_intents(
        self, bot_id: BotId, intents: Sequence[Intent], memory: Memory | None, trigger_reason: str
    ) -> None:
        end, events = self._end, list[Event]()
        for intent in intents:
            facts = {"key": intent.key, "reason": intent.reason}
            events.append(chain(end, intent.order_id, intent.created_at, None, Status.PENDING, facts))
            end = events[-1].link
        with self._store.single("write down the intents") as tx:
            orders.record_intents(
                tx,
                self._fence,
                bot_id,
                uuid4(),
                intents,
                events,
                memory=memory,
                trigger_reason=trigger_reason,
            )
        self._end = end

    def _without_known(self, intents: Sequence[Intent]) -> tuple[Intent, ...]:
        with self._store.single("look for intents written before") as tx:
            known = orders.load_known_ids(tx, [intent.order_id for intent in intents])
        if not known:
            raise errors.BrokenInvariant(detail="an intent is refused as known, and is not in the ledger")
        self.duplicates_prevented += len(known)
        logs.info("intents known already, not sent again", count=len(known))
        return tuple(intent for intent in intents if intent.order_id not in known)

    def _replayed(self, fill: Fill, current: Position) -> tuple[Applied, tuple[Trade, ...]]:
        """A fill that came late changes the trades after it, so all of them are derived anew."""
        with self._store.single("load the fills of a position") as tx:
            known = fills.load_position_fills(tx, fill.bot_id, fill.symbol)
        applied = positions_of.replay(fill.bot_id, fill.symbol, [*known, fill])
        left_over = [
            replace(applied.trades[-1], number=number)
            for number in range(applied.position.trade_count + 1, current.trade_count + 1)
        ]
        return applied, tuple(left_over)

    def _keep(self, order: Order, event: Event) -> Order:
        self._end = event.link
        if order.is_settled:
            self._orders.pop(order.order_id, None)
        else:
            self._orders[order.order_id] = order
        return order
