"""What is left of a bot's days and lives. A day is summarised by the retention job, a life when a bot is reset.

Nothing here is written twice under one name: a command that a crash cut short archives the same life once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from runtime.domain.identity import BotId
from runtime.store import queries
from runtime.store.pool import Fence, Tx

_SQL = queries.load("summaries")


@dataclass(frozen=True, slots=True)
class Summary:
    """`kind` is day or life; money in `facts` is text."""

    bot: str
    account: str
    kind: str
    name: str
    from_at: datetime
    to_at: datetime
    written_at: datetime
    facts: Mapping[str, Any]

    def told(self) -> dict[str, Any]:
        return asdict(self)


def load(tx: Tx, kind: str, bot: str | None, count: int) -> list[Summary]:
    return [Summary(*row) for row in tx.rows(_SQL["load"], {"kind": kind, "bot": bot, "count": count})]


def record_life(tx: Tx, fence: Fence, bot_id: BotId, name: str) -> None:
    parameters = {"account_id": fence.account_id, "epoch": fence.epoch, "bot_id": bot_id, "name": name}
    tx.rows(_SQL["record_life"], parameters)
