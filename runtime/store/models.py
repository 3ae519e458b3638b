"""Models as they stand in PostgreSQL: versions of a name of a bot's, each with the digest of its bytes, one promoted.

A version, its artefact and its promotion are one statement, fenced as every write of a desk is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from runtime.domain.identity import BotId
from runtime.learning.memory import Codec, Saved
from runtime.store import queries
from runtime.store.pool import Fence, Tx

_SQL = queries.load("models")
DATABASE = "database"
_ROWS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Artefact:
    """Bytes by their content. `body` is there if they lie in the database."""

    sha256: str
    size: int
    place: str  # database, folder or bucket
    body: bytes | None


@dataclass(frozen=True, slots=True)
class ModelRow:
    bot_id: BotId
    name: str
    version: int
    sha256: str
    size: int
    place: str
    shape: int
    codec: Codec
    metrics: Mapping[str, Decimal]
    training_size: int
    examples_seen: int
    promoted: bool
    previous: int | None
    created_at: datetime
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Listed:
    """A model with whose it is."""

    bot: str
    account: str
    model: ModelRow


def record_model(
    tx: Tx,
    fence: Fence,
    bot_id: BotId,
    name: str,
    saved: Saved,
    artefact: Artefact,
    **facts: Any,
) -> int:
    """The number of the new version. `facts` are metrics, training_size, examples_seen and promoted."""
    parameters = {
        "account_id": fence.account_id,
        "epoch": fence.epoch,
        "bot_id": bot_id,
        "name": name,
        "digest": bytes.fromhex(artefact.sha256),
        "size": artefact.size,
        "place": artefact.place,
        "body": artefact.body,
        "shape": saved.version,
        "codec": saved.codec,
        **facts,
        "metrics": json.dumps(facts["metrics"], allow_nan=False),
    }
    row = tx.row(_SQL["record_model"], parameters)
    assert row is not None, "the query says one row or raises"
    version: int = row[0]
    return version


def promote_model(tx: Tx, fence: Fence, bot_id: BotId, name: str, version: int, *, is_way_back: bool) -> None:
    """BrokenInvariant where there is no such version."""
    parameters = {
        "account_id": fence.account_id,
        "epoch": fence.epoch,
        "bot_id": bot_id,
        "name": name,
        "version": version,
        "is_way_back": is_way_back,
    }
    tx.rows(_SQL["promote_model"], parameters)


def load_usable(tx: Tx, bot_id: BotId, name: str, count: int) -> list[ModelRow]:
    """The promoted one, then those that were promoted before, the newest first."""
    return [
        _model(row) for row in tx.rows(_SQL["load_usable"], {"bot_id": bot_id, "name": name, "count": count})
    ]


def load_model(tx: Tx, bot_id: BotId, name: str, version: int) -> ModelRow | None:
    row = tx.row(_SQL["load_model"], {"bot_id": bot_id, "name": name, "version": version})
    return None if row is None else _model(row)


def load_models(tx: Tx, versions: int) -> list[Listed]:
    """Of every bot and name: the promoted version, and the newest ones."""
    rows = tx.rows(_SQL["load_models"], {"versions": versions, "count": _ROWS_MAX})
    return [Listed(bot, account, _model(row)) for bot, account, *row in rows]


def load_seen(tx: Tx, bot_id: BotId, name: str) -> int | None:
    row = tx.row(_SQL["load_seen"], {"bot_id": bot_id, "name": name})
    return None if row is None else row[0]


def load_body(tx: Tx, sha256: str) -> bytes | None:
    row = tx.row(_SQL["load_body"], {"digest": bytes.fromhex(sha256)})
    return None if row is None or row[0] is None else bytes(row[0])


def record_alias(tx: Tx, bot_id: BotId, alias: str, name: str, *, actor: str) -> bool:
    """Whether it is new."""
    parameters = {"bot_id": bot_id, "alias": alias, "name": name, "actor": actor}
    return bool(tx.rows(_SQL["record_alias"], parameters)[0][0])


def _model(row: Sequence[Any]) -> ModelRow:
    bot_id, name, version, digest, size, place, shape, codec, metrics, *rest = row
    return ModelRow(
        BotId(bot_id), name, version, bytes(digest).hex(), size, place, shape, Codec(codec), metrics, *rest
    )
