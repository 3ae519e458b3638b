"""What bots thought, as it is shown: decisions, predictions, signals, and what their components remember."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from runtime import errors
from runtime.domain import gate as gates
from runtime.store import paging, queries
from runtime.store.paging import LIMIT, LIMIT_MAX, Page
from runtime.store.pool import Tx

_SQL = queries.load("thought_pages")
VERSIONS = 10
# What is larger is told by its size and digest alone.
_SHOWN_BYTES_MAX = 65536
# A decision or a signal is noted by another clock than its order.
_AROUND = timedelta(minutes=10)
_SIGNALS_MAX = 10


@dataclass(frozen=True, slots=True)
class Decision:
    """A prompt or an answer that was too long is cut; its length says so."""

    decision_id: UUID
    bot_id: UUID
    at: datetime
    prompt: str | None
    prompt_length: int | None
    answer: str | None
    answer_length: int | None
    decisions: Any
    notes: str
    success: bool
    duration_ms: int
    cause_keys: list[str]
    order_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class Prediction:
    prediction_id: UUID
    bot_id: UUID
    at: datetime
    symbol: str
    model: str
    horizon_seconds: int
    direction: str
    confidence: str | None
    price: str
    target: str | None
    features: Any
    outcome: str | None
    outcome_price: str | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Phantom:
    """A signal, followed as if it had been taken. `result` is a share of the price at which it opened."""

    phantom_id: UUID
    bot_id: UUID
    at: datetime
    symbol: str
    strategy: str
    side: str
    executed: bool
    reason: str
    score: str | None
    cause_key: str | None
    opened_price: str
    take_profit: str | None
    stop_loss: str | None
    features: Any
    closed_at: datetime | None
    closed_price: str | None
    outcome: str | None
    result: str | None


@dataclass(frozen=True, slots=True)
class Model:
    """`examples_seen` is how many the bot had when it was trained; what came since counts towards the next one."""

    bot_id: UUID
    name: str
    version: int
    sha256: str
    size: int
    place: str
    codec: str
    metrics: dict[str, Any]
    training_size: int
    examples_seen: int
    promoted: bool
    previous: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Gated:
    """A bot with a gate, as it was told; `examples` is how many of its signals ended, `seen` how many had at the last
    training of its model, which was at `trained_at`."""

    bot_id: UUID
    bot: str
    strategy: str
    parameters: dict[str, Any]
    examples: int
    seen: int | None
    trained_at: datetime | None


@dataclass(frozen=True, slots=True)
class Component:
    """`state` is the JSON that was saved, as text; null where it is no JSON, or large."""

    bot_id: UUID
    component: str
    version: int
    saved_at: datetime
    shape: int
    codec: str
    bytes: int
    digest: str
    epoch: int
    counted: dict[str, int]
    state: str | None


def load_decisions(
    tx: Tx, *, bot: UUID | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[Decision]:
    """What bots were asked, answered and did, the newest first."""
    return paging.read(tx, _SQL["load_decisions"], {"bot": bot}, limit=limit, after=after, build=Decision)


def load_decision(tx: Tx, decision_id: UUID) -> Decision:
    """One decision: what a bot was asked, answered and did."""
    row = tx.row(_SQL["load_decision"], {"decision_id": decision_id})
    if row is None:
        raise errors.NotFound(noun="decision", key=decision_id)
    return Decision(*row)


def load_cause(tx: Tx, bot: UUID, order_id: UUID, at: datetime) -> Decision | None:
    parameters = {"bot": bot, "order_id": order_id, "since": at - _AROUND, "until": at + _AROUND}
    row = tx.row(_SQL["load_cause"], parameters)
    return None if row is None else Decision(*row)


def load_predictions(
    tx: Tx,
    *,
    bot: UUID | None = None,
    symbol: str | None = None,
    model: str | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Prediction]:
    """What models expected and what came of it, the newest first."""
    parameters = {"bot": bot, "symbol": symbol, "model": model}
    return paging.read(tx, _SQL["load_predictions"], parameters, limit=limit, after=after, build=Prediction)


def load_phantoms(
    tx: Tx,
    *,
    bot: UUID | None = None,
    symbol: str | None = None,
    executed: bool | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Page[Phantom]:
    """Every signal, taken or not, and what became of it, the newest first."""
    parameters = {"bot": bot, "symbol": symbol, "executed": executed}
    return paging.read(tx, _SQL["load_phantoms"], parameters, limit=limit, after=after, build=Phantom)


def load_signals(tx: Tx, bot: UUID, key: str, at: datetime) -> list[Phantom]:
    around = {"since": at - _AROUND, "until": at + _AROUND, "count": _SIGNALS_MAX}
    return [Phantom(*row) for row in tx.rows(_SQL["load_signals"], {"bot": bot, "key": key, **around})]


def load_models(
    tx: Tx, *, bot: UUID | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[Model]:
    """What was trained: of each name the promoted version and the newest ones, the newest first."""
    query, parameters = _SQL["load_models"], {"bot": bot, "versions": VERSIONS}
    return paging.read_named(tx, query, parameters, limit=limit, after=after, build=Model)


def load_gated(tx: Tx, *, bot: UUID | None, limit: int, after: str | None) -> Page[Gated]:
    """Which bots learn, and how far each is to its next training."""
    names = {"parameter": gates.PARAMETER, "model": gates.model_name("%s")}
    query, parameters = _SQL["load_gated"], {"bot": bot, **names}
    return paging.read_named(tx, query, parameters, limit=limit, after=after, build=Gated)


def every_gated(tx: Tx) -> Iterator[Gated]:
    return paging.every(lambda after: load_gated(tx, bot=None, limit=LIMIT_MAX, after=after))


def load_components(
    tx: Tx, *, bot: UUID | None = None, limit: int = LIMIT, after: str | None = None
) -> Page[Component]:
    """What the components of bots saved last."""
    query, parameters = _SQL["load_components"], {"bot": bot, "bytes": _SHOWN_BYTES_MAX}
    return paging.read_named(tx, query, parameters, limit=limit, after=after, build=Component)
