"""What the ledger knows of all desks and bots of the tenant, as one picture."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from runtime.domain.status import BotStatus, DeskStatus, PositionStatus
from runtime.store import queries
from runtime.store.leases import Holder
from runtime.store.pool import Row, Tx

_SQL = queries.load("status")
ROWS_MAX = 1000


def load_desks(tx: Tx, is_dead: Callable[[Holder], bool]) -> tuple[DeskStatus, ...]:
    """`is_dead` tells whether a lease's holder is proved to have ended, though its lease has not."""
    held = defaultdict(list)
    for bot_id, symbol, quantity, average in tx.rows(_SQL["load_positions"], {"count": ROWS_MAX}):
        held[bot_id].append(PositionStatus(symbol, quantity, average, None))
    bots = defaultdict(list)
    for account_id, bot_id, *facts in tx.rows(_SQL["load_bots"], {"count": ROWS_MAX}):
        bots[account_id].append(_bot(facts, tuple(held[bot_id])))
    rows = tx.rows(_SQL["load_desks"], {"count": ROWS_MAX})
    return tuple(_desk(row, tuple(bots[row[0]]), is_dead) for row in rows)


def _bot(facts: Sequence[Any], positions: tuple[PositionStatus, ...]) -> BotStatus:
    name, strategy, state, reason, equity, ticked_at, ticks, open_orders, fills, realised, *ages = facts
    saved_at, trained_at = ages
    return BotStatus(
        name=name,
        strategy=strategy,
        state=state,
        halt_reason=reason,
        equity=equity,
        equity_at=ticked_at,
        ticked_at=ticked_at,
        ticks=ticks,
        positions=positions,
        open_orders=open_orders,
        fills=fills,
        realised=realised,
        saved_at=saved_at,
        trained_at=trained_at,
    )


def _desk(row: Row, bots: tuple[BotStatus, ...], is_dead: Callable[[Holder], bool]) -> DeskStatus:
    _, name, venue, kind, *held, epoch, expires_at, in_time, summary, recovered_at, unknown, quarantined = row
    holder = Holder(*held) if epoch else None
    return DeskStatus(
        account=name,
        venue=venue,
        market=kind,
        lease_holder=f"{holder.host}/{holder.pid}" if holder else "nobody",
        lease_epoch=epoch or 0,
        lease_expires_at=expires_at,
        alive=in_time and holder is not None and not is_dead(holder),
        last_recovery=summary or "none yet",
        recovered_at=recovered_at,
        bots=bots,
        unknown_orders=unknown,
        quarantined=quarantined,
    )
