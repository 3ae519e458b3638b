"""What components saved: the last few versions of each, every one with its digest. A damaged one is found when it is
read, and the one before it is still there."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from runtime.domain.identity import AccountId, BotId
from runtime.learning.memory import Codec, Saved
from runtime.store import queries
from runtime.store.pool import Fence, Row, Tx

_SQL = queries.load("components")

_ROWS_MAX = 1000

Counted = Mapping[str, int]  # by symbol, the number of the last trade that the component was told of


@dataclass(frozen=True, slots=True)
class SavedState:
    """`intact` says whether the bytes are those that were saved."""

    bot_id: BotId
    component: str
    version: int
    saved_at: datetime
    age_seconds: float
    saved: Saved
    intact: bool
    counted: Counted


@dataclass(frozen=True, slots=True)
class Listed:
    """The newest save of a component; `whole` counts the saves whose bytes are those that were written."""

    account: str
    bot: str
    component: str
    version: int
    saved_at: datetime
    age_seconds: float
    shape: int
    codec: str
    size: int
    sha256: str
    is_whole: bool
    kept: int
    whole: int


def load_components(tx: Tx) -> list[Listed]:
    return [Listed(*row) for row in tx.rows(_SQL["load_components"], {"count": _ROWS_MAX})]


def load_newest(tx: Tx, account_id: AccountId) -> list[SavedState]:
    return [_state(row) for row in tx.rows(_SQL["load_newest"], {"account_id": account_id})]


def load_before(tx: Tx, state: SavedState) -> SavedState | None:
    parameters = {"bot_id": state.bot_id, "component": state.component, "version": state.version}
    row = tx.row(_SQL["load_before"], parameters)
    return None if row is None else _state(row)


def record_state(
    tx: Tx, fence: Fence, bot_id: BotId, component: str, saved: Saved, *, counted: Counted, kept: int
) -> int:
    """The number of the new version. `kept` versions stay, this one with them."""
    parameters = {
        "account_id": fence.account_id,
        "epoch": fence.epoch,
        "bot_id": bot_id,
        "component": component,
        "kept": kept,
        "shape": saved.version,
        "codec": saved.codec,
        "body": saved.body,
        "digest": bytes.fromhex(saved.sha256),
        "counted": json.dumps(dict(counted)),
    }
    row = tx.row(_SQL["record_state"], parameters)
    assert row is not None, "the query says one row or raises"
    version: int = row[0]
    return version


def _state(row: Row) -> SavedState:
    bot_id, component, version, saved_at, age_seconds, shape, codec, body, digest, counted = row
    intact = hashlib.sha256(body).digest() == digest
    saved = Saved(shape, Codec(codec), bytes(body))
    return SavedState(BotId(bot_id), component, version, saved_at, age_seconds, saved, intact, counted)
