"""What bots saw and thought: batches out of a spool, each in one transaction with the position up to which it was read.

What a batch holds is the JSON that the domain's border let pass; PostgreSQL takes it apart, so nothing of it is parsed
here. A batch that was written before, or a part of one, is written no second time.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from runtime.domain.identity import AccountId
from runtime.domain.observation import Batch, Kind, Record
from runtime.store import queries
from runtime.store.pool import Tx

_SQL = queries.load("observations")
_LOCK_POSITION, _MOVE_POSITION = _SQL["lock_position"], _SQL["move_position"]
# In this order: what closes or resolves something may stand in the same batch as what it is about.
_WRITES: Mapping[Kind, str] = {
    Kind.DECISION: _SQL["record_decisions"],
    Kind.PREDICTION: _SQL["record_predictions"],
    Kind.PREDICTION_RESOLVED: _SQL["resolve_predictions"],
    Kind.PHANTOM: _SQL["record_phantoms"],
    Kind.PHANTOM_CLOSED: _SQL["close_phantoms"],
    Kind.BLOCKED_SIGNAL: _SQL["count_blocked_signals"],
    Kind.CANDLES: _SQL["record_candles"],
    Kind.MARKET_SNAPSHOT: _SQL["record_market_snapshots"],
    Kind.EQUITY_MARK: _SQL["record_equity_marks"],
    Kind.RISK_MARK: _SQL["record_risk_marks"],
    Kind.ALLOCATION: _SQL["record_allocations"],
    Kind.SNAPSHOT: _SQL["record_snapshots"],
}


def record_batch(tx: Tx, account_id: AccountId, batch: Batch) -> int:
    """How many of its records were new. The transaction must be one of several statements."""
    ((position,),) = tx.rows(_LOCK_POSITION, {"spool_id": batch.spool_id})
    by_kind: dict[Kind, list[Record]] = {}
    for each in batch.records:
        if each.sequence > position:
            by_kind.setdefault(each.kind, []).append(each)
    for kind, statement in _WRITES.items():
        if kind in by_kind:
            tx.rows(statement, {"rows": _as_json(by_kind[kind]), "account_id": account_id})
    if by_kind:
        tx.rows(_MOVE_POSITION, {"spool_id": batch.spool_id, "sequence": batch.last})
    return sum(map(len, by_kind.values()))


def skip_batch(tx: Tx, batch: Batch) -> None:
    """Pass over records that cannot be written: the position moves as if they were."""
    tx.rows(_LOCK_POSITION, {"spool_id": batch.spool_id})
    tx.rows(_MOVE_POSITION, {"spool_id": batch.spool_id, "sequence": batch.last})


def load_position(tx: Tx, spool_id: UUID) -> int:
    """0 if nothing of it was ever written."""
    row = tx.row(_SQL["load_position"], {"spool_id": spool_id})
    return 0 if row is None else int(row[0])


def _as_json(records: Iterable[Record]) -> str:
    """One array of all payloads, each with its time put in front; a payload is an object that has facts."""
    rows = (b'{"at_us":%d,%b' % (each.at_us, each.payload[1:]) for each in records)
    return f"[{b','.join(rows).decode()}]"
