"""What a bot saw and thought, beside its orders: the kinds of it, what each must hold, and what each is worth.

Pure. `encode` is the border: what passes it can be stored by PostgreSQL and compared with what was there, and what does
not is refused with a sentence. Amounts are texts in the JSON; a float may only be a measurement inside an opaque part.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from uuid import UUID

from runtime import errors
from runtime.domain import money


class Kind(IntEnum):
    """The numbers stand in files: none is ever given to another kind."""

    DECISION = 1
    PREDICTION = 2
    PREDICTION_RESOLVED = 3
    PHANTOM = 4
    PHANTOM_CLOSED = 5
    BLOCKED_SIGNAL = 6
    CANDLES = 7
    MARKET_SNAPSHOT = 8
    EQUITY_MARK = 9
    RISK_MARK = 10
    ALLOCATION = 11
    SNAPSHOT = 12

    @property
    def word(self) -> str:
        return self.name.lower()


# What goes first when room is short, the least valuable first: candles can be asked of the venue again, marks follow
# from the ledger, and what a model or a person decided and why is nowhere else.
DROP_ORDER: tuple[tuple[Kind, ...], ...] = (
    (Kind.CANDLES,),
    (Kind.MARKET_SNAPSHOT,),
    (Kind.EQUITY_MARK, Kind.RISK_MARK, Kind.ALLOCATION, Kind.SNAPSHOT),
    (Kind.BLOCKED_SIGNAL,),
    (Kind.PREDICTION, Kind.PREDICTION_RESOLVED),
    (Kind.PHANTOM, Kind.PHANTOM_CLOSED),
    (Kind.DECISION,),
)
# Half of a spool is for everything; from there on one group after the other is kept out.
_SHARES: Mapping[Kind, tuple[int, int]] = {
    kind: (len(DROP_ORDER) + place, 2 * len(DROP_ORDER) - 1)
    for place, kinds in enumerate(DROP_ORDER)
    for kind in kinds
}

PAYLOAD_BYTES_MAX = 4 << 20
TEXT_LENGTH_MAX = 250_000
NAME_LENGTH_MAX = 200
ROUND_OF_CANDLES_MAX = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A NUL as JSON writes it, and not a backslash that is followed by these letters.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing to keep. `facts` are named as the columns of the kind's table."""

    kind: Kind
    at: datetime
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Record:
    """An observation as it comes back from the spool. `at_us` counts microseconds since 1970."""

    sequence: int
    kind: Kind
    at_us: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one spool in their order; its position moves in the transaction that writes them."""

    spool_id: UUID
    records: tuple[Record, ...]

    @property
    def last(self) -> int:
        return self.records[-1].sequence

    def halves(self) -> tuple["Batch", "Batch"]:
        middle = len(self.records) // 2
        return Batch(self.spool_id, self.records[:middle]), Batch(self.spool_id, self.records[middle:])


def room_for(kind: Kind, bytes_max: int) -> int:
    """How full a spool of this size may be for one more of this kind."""
    part, whole = _SHARES[kind]
    return bytes_max * part // whole


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def instant(at_us: int) -> datetime:
    return _EPOCH + at_us * _MICROSECOND


def encode(seen: Observation) -> bytes:
    """The facts as JSON, or InvalidObservation with what is wrong with them."""
    try:
        if seen.at.tzinfo is None:
            raise ValueError("its time has no zone")
        shape = _SHAPES[seen.kind]
        facts = {name: _checked(name, check, seen.facts.get(name)) for name, check in shape.items()}
        strangers = seen.facts.keys() - shape.keys()
        if strangers:
            raise ValueError(f"{min(strangers)!a:.60} is no fact of it")
        payload = _encode_json(facts).encode()
    except UnicodeEncodeError:
        raise _invalid(seen.kind, "it holds half of a surrogate pair, which UTF-8 cannot carry") from None
    except RecursionError:
        raise _invalid(seen.kind, "it is nested too deeply") from None
    except (ValueError, TypeError) as wrong:
        raise _invalid(seen.kind, f"{wrong!s:.300}") from None
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise _invalid(seen.kind, f"it has {len(payload)} bytes, over the limit of {PAYLOAD_BYTES_MAX}")
    if b"\\u0000" in payload and _NUL.search(payload):
        raise _invalid(seen.kind, "it holds a NUL, which PostgreSQL cannot store")
    return payload


def clipped(text: str | None) -> str | None:
    """A prompt or an answer as far as it is kept; its length is noted beside it, so that a cut shows."""
    return text if text is None or len(text) <= TEXT_LENGTH_MAX else text[:TEXT_LENGTH_MAX]


def _invalid(kind: Kind, detail: str) -> errors.InvalidObservation:
    return errors.InvalidObservation(kind=kind.word, detail=detail)


# --- what a fact may be --------------------------------------------------------------------------------------------

Check = Callable[[object], object]


def _checked(name: str, check: Check, value: object) -> object:
    try:
        return check(value)
    except ValueError as wrong:
        raise ValueError(f"{name} {wrong}") from None


def _amount(value: object) -> str:
    if not isinstance(value, Decimal):
        raise ValueError(f"is a {type(value).__name__}, not a Decimal")
    if not money.is_plausible(value):
        raise ValueError(f"is {value!s:.40}, not a finite, plausible number")
    return f"{money.canonical(money.exact(value)):f}"


def _positive(value: object) -> str:
    text = _amount(value)
    if text.startswith("-") or text == "0":
        raise ValueError(f"is {text}, not above zero")
    return text


def _unsigned(value: object) -> str:
    text = _amount(value)
    if text.startswith("-"):
        raise ValueError(f"is {text}, below zero")
    return text


def _name(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= NAME_LENGTH_MAX:
        raise ValueError(f"is not a text of 1 to {NAME_LENGTH_MAX} characters")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX:
        raise ValueError(f"is not a text of at most {TEXT_LENGTH_MAX} characters")
    return value


def _uuid(value: object) -> str:
    if not isinstance(value, UUID):
        raise ValueError(f"is a {type(value).__name__}, not a UUID")
    return str(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is a {type(value).__name__}, not a bool")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise ValueError("is not a whole number from 0 to 2147483647")
    return value


def _names(value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"is a {type(value).__name__}, not a list of texts")
    return [_name(each) for each in value]


def _uuids(value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"is a {type(value).__name__}, not a list of UUIDs")
    return [_uuid(each) for each in value]


def _opaque(value: object) -> object:
    """What is only given back as it was: the encoder walks it, and refuses what is no JSON."""
    return {} if value is None else value


def _candles(value: object) -> list[list[object]]:
    """Rows of (opened at, open, high, low, close, volume)."""
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= ROUND_OF_CANDLES_MAX:
        raise ValueError(f"are not 1 to {ROUND_OF_CANDLES_MAX} rows")
    return [_candle(row) for row in value]


def _candle(row: object) -> list[object]:
    if not isinstance(row, list | tuple) or len(row) != 6:
        raise ValueError("hold a row that has not six columns")
    opened_at, *prices, volume = row
    if not isinstance(opened_at, datetime) or opened_at.tzinfo is None:
        raise ValueError("hold a row whose time has no zone")
    return [microseconds(opened_at), *(_positive(price) for price in prices), _unsigned(volume)]


def _one_of(*words: str) -> Check:
    def check(value: object) -> object:
        if value not in words:
            raise ValueError(f"is {value!a:.40}, not one of {', '.join(words)}")
        return value

    return check


def _or_none(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


_SHAPES: Mapping[Kind, Mapping[str, Check]] = {
    Kind.DECISION: {
        "decision_id": _uuid,
        "bot_id": _uuid,
        "prompt": _or_none(_text),
        "prompt_length": _or_none(_count),
        "answer": _or_none(_text),
        "answer_length": _or_none(_count),
        "decisions": _opaque,
        "notes": _text,
        "success": _truth,
        "duration_ms": _count,
        "cause_keys": _names,
        "order_ids": _uuids,
    },
    Kind.PREDICTION: {
        "prediction_id": _uuid,
        "bot_id": _uuid,
        "symbol": _name,
        "model": _name,
        "horizon_seconds": _count,
        "direction": _one_of("up", "down", "flat"),
        "confidence": _or_none(_unsigned),
        "price": _positive,
        "target": _or_none(_positive),
        "features": _opaque,
    },
    Kind.PREDICTION_RESOLVED: {
        "prediction_id": _uuid,
        "outcome": _one_of("right", "wrong", "void"),
        "outcome_price": _or_none(_positive),
    },
    Kind.PHANTOM: {
        "phantom_id": _uuid,
        "bot_id": _uuid,
        "symbol": _name,
        "strategy": _name,
        "side": _one_of("buy", "sell"),
        "executed": _truth,
        "reason": _text,
        "score": _or_none(_amount),
        "cause_key": _or_none(_name),
        "opened_price": _positive,
        "take_profit": _or_none(_positive),
        "stop_loss": _or_none(_positive),
        "features": _opaque,
    },
    Kind.PHANTOM_CLOSED: {
        "phantom_id": _uuid,
        "closed_price": _positive,
        "outcome": _one_of("won", "lost", "expired", "void"),
        "result": _amount,
    },
    Kind.BLOCKED_SIGNAL: {"bot_id": _uuid, "reason": _name, "count": _count},
    Kind.CANDLES: {"symbol": _name, "timeframe": _name, "candles": _candles},
    Kind.MARKET_SNAPSHOT: {
        "symbol": _name,
        "bid": _positive,
        "ask": _positive,
        "last": _positive,
        "details": _opaque,
    },
    Kind.EQUITY_MARK: {
        "bot_id": _uuid,
        "equity": _amount,
        "realised_today": _amount,
        "unrealised": _amount,
    },
    Kind.RISK_MARK: {
        "bot_id": _uuid,
        "exposure": _unsigned,
        "drawdown": _unsigned,
        "breaker_tripped": _truth,
        "metrics": _opaque,
    },
    Kind.ALLOCATION: {
        "bot_id": _uuid,
        "asset": _name,
        "value": _amount,
        "share": _amount,
        "target_share": _or_none(_amount),
    },
    Kind.SNAPSHOT: {"bot_id": _uuid, "reason": _name, "state": _opaque},
}


def _plain(value: object) -> object:
    """What JSON has no word for, inside an opaque part."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"holds {value}, which is not a finite number")
        return f"{value:f}" if abs(value.adjusted()) < NAME_LENGTH_MAX else str(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | frozenset) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"it holds a {type(value).__name__}, which JSON cannot carry")


# One for all: `json.dumps` with such wishes makes a new one for every value. NaN and the infinities are refused.
_encode_json = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
).encode
