"""Phantoms as they stand in PostgreSQL: the open ones, how they close, what is counted of them, what is learnt from.

They are recorded out of the spool, as every observation; they close here, all that end in a tick in one round trip.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from runtime.domain import observation
from runtime.domain.identity import AccountId, BotId
from runtime.domain.order import Side
from runtime.domain.phantom import ROLLING, Close, Phantom, Statistics
from runtime.store import queries
from runtime.store.pool import Row, Store, Tx

_SQL = queries.load("phantoms")
_PAGE = 5000
# What a row of learning data has before its features.
LEARNT = (
    "phantom_id",
    "at",
    "bot",
    "symbol",
    "strategy",
    "side",
    "executed",
    "reason",
    "score",
    "opened_price",
    "take_profit",
    "stop_loss",
    "closed_at",
    "closed_price",
    "outcome",
    "result",
)


def load_open(tx: Tx, account_id: AccountId, count: int) -> list[Phantom]:
    """The oldest, of every bot on the account."""
    rows = tx.rows(_SQL["load_open"], {"account_id": account_id, "count": count})
    return [_phantom(row) for row in rows]


def close(tx: Tx, closes: Sequence[Close]) -> set[UUID]:
    """Which of them have an outcome now; the rest did not come out of the spool yet. The first outcome stands."""
    told = [
        {
            "phantom_id": str(each.phantom_id),
            "at_us": observation.microseconds(each.at),
            "closed_price": f"{each.price:f}",
            "outcome": str(each.outcome),
            "result": f"{each.result:f}",
        }
        for each in closes
    ]
    return {phantom_id for (phantom_id,) in tx.rows(_SQL["close"], {"rows": json.dumps(told)})}


def load_statistics(tx: Tx, bot_id: BotId | None = None) -> tuple[Statistics, dict[str, Statistics]]:
    """Of all together, and by strategy; of all bots unless one is named."""
    rows = tx.rows(_SQL["load_statistics"], {"bot_id": bot_id, "rolling": ROLLING})
    counted = {name: _statistics(numbers) for name, *numbers in rows}
    return counted.pop(None, Statistics()), {name: counted[name] for name in sorted(counted)}


def load_blocked(tx: Tx, bot_id: BotId | None = None) -> list[tuple[str, int]]:
    """How often which reason kept a bot from a signal, the most frequent first."""
    return [(reason, count) for reason, count in tx.rows(_SQL["load_blocked"], {"bot_id": bot_id})]


def load_features(tx: Tx) -> dict[str, bool]:
    """The names of all features, each with whether it is a number wherever it is known."""
    return dict(tx.rows(_SQL["load_features"]))


def iterate_learning(store: Store) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every phantom that was judged, with its features, oldest first, a page at a time."""
    after: tuple[datetime | None, UUID | None] = (None, None)
    while True:
        with store.single("load learning data") as tx:
            wanted = {"after_at": after[0], "after_id": after[1], "count": _PAGE}
            page = tx.rows(_SQL["load_learning"], wanted)
        for *facts, features in page:
            yield dict(zip(LEARNT, facts, strict=True)), features
        if len(page) < _PAGE:
            return
        phantom_id, at, *_ = page[-1]
        after = at, phantom_id


def count_judged(tx: Tx, bot_id: BotId, strategy: str) -> int:
    row = tx.row(_SQL["count_judged"], {"bot_id": bot_id, "strategy": strategy})
    return 0 if row is None else int(row[0])


def load_examples(tx: Tx, bot_id: BotId, strategy: str, count: int) -> list[tuple[dict[str, Any], bool]]:
    """The newest signals that were judged, oldest first: what was seen, and whether their way brought something."""
    rows = tx.rows(_SQL["load_examples"], {"bot_id": bot_id, "strategy": strategy, "count": count})
    return [(features if isinstance(features, dict) else {}, won) for features, won in reversed(rows)]


def _phantom(row: Row) -> Phantom:
    phantom_id, bot_id, at, symbol, side, opened_price, take_profit, stop_loss = row
    return Phantom(
        phantom_id=phantom_id,
        bot_id=BotId(bot_id),
        at=at,
        symbol=symbol,
        side=Side(side),
        opened_price=opened_price,
        take_profit=take_profit,
        stop_loss=stop_loss,
    )


def _statistics(numbers: Sequence[int]) -> Statistics:
    total, executed, open_, won, lost, expired, void, right, *last = numbers
    judged_executed, right_executed, rolling, right_rolling = last
    return Statistics(
        total=total,
        executed=executed,
        open=open_,
        won=won,
        lost=lost,
        expired=expired,
        void=void,
        right=right,
        judged_executed=judged_executed,
        right_executed=right_executed,
        rolling=rolling,
        right_rolling=right_rolling,
    )
