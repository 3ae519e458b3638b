"""Spools for tests: small segments, observations that tell each other apart, and what comes out of a folder."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from runtime.domain import observation
from runtime.domain.observation import Kind, Observation, Record
from runtime.spool.spool import Spool

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOT = UUID("7e0c8a52-0c39-4f53-8a54-3f29d0c3a111")
SEGMENT_BYTES = 4096


def open_spool(path: Path, **wishes: Any) -> Spool:
    return Spool(path, **{"segment_bytes": SEGMENT_BYTES, **wishes})


def blocked(number: int) -> Observation:
    """The shortest there is; its time and its facts hold the number."""
    facts = {"bot_id": BOT, "reason": f"reason {number}", "count": number}
    return Observation(Kind.BLOCKED_SIGNAL, AT + timedelta(seconds=number), facts)


def candle(number: int) -> Observation:
    row = (AT + timedelta(minutes=number), *[Decimal(number + 1)] * 4, Decimal(number))
    return Observation(Kind.CANDLES, AT, {"symbol": "BTC/USDT", "timeframe": "1m", "candles": [row]})


def decision(**changes: Any) -> Observation:
    facts = {
        "decision_id": BOT,
        "bot_id": BOT,
        "prompt": "what now?",
        "prompt_length": 9,
        "answer": "wait",
        "answer_length": 4,
        "decisions": [],
        "notes": "",
        "success": True,
        "duration_ms": 12,
        "cause_keys": [],
        "order_ids": [],
    }
    return Observation(Kind.DECISION, AT, facts | changes)


def fill(spool: Spool, numbers: Sequence[int]) -> None:
    for number in numbers:
        spool.append(blocked(number))


def drained(spool: Spool, batch_max: int = 100) -> Iterator[Record]:
    """Everything that is there, confirmed batch by batch."""
    while batch := spool.drain(batch_max):
        yield from batch.records
        spool.confirm(batch.last)


def numbers_of(records: Sequence[Record]) -> list[int]:
    """The numbers of `blocked` observations, each checked to be what was appended."""
    found = []
    for each in records:
        number = int((observation.instant(each.at_us) - AT).total_seconds())
        assert each.kind is Kind.BLOCKED_SIGNAL
        assert each.payload == observation.encode(blocked(number))
        found.append(number)
    return found


def contents(spool: Spool) -> list[int]:
    return numbers_of(list(drained(spool)))


def segments(path: Path) -> list[Path]:
    return sorted(path.glob("*.spool"))


def set_aside(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in sorted(path.glob("*.corrupt")))
