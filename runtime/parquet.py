"""Learning data as Parquet: columns with types, money as exact decimals. The one place that knows Arrow.

It writes to what it is given, a group of rows at a time, and seeks nowhere: a pipe will do.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO

from runtime import errors

GROUP_ROWS = 20_000
# As PostgreSQL keeps an amount.
_DIGITS, _PLACES = 38, 18
_AMOUNTS = ("score", "opened_price", "take_profit", "stop_loss", "closed_price", "result")
_TEXTS = ("phantom_id", "bot", "symbol", "strategy", "side", "reason", "outcome")
_INSTANTS = ("at", "closed_at")

Learnt = tuple[Mapping[str, Any], Any]


def load() -> Any:
    """The library, or a sentence that says how to have it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise errors.LibraryMissing(
            what="Parquet", library="pyarrow", remedy="Run `make parquet`, or take csv or jsonl."
        ) from None
    return pyarrow


def write(library: Any, out: BinaryIO, features: Mapping[str, bool], rows: Iterable[Learnt]) -> None:
    """`features` says of each name whether it is a number wherever it is known; what is not is text or JSON."""
    schema = _schema(library, features)
    source = iter(rows)
    with library.parquet.ParquetWriter(library.PythonFile(out, mode="w"), schema) as writer:
        while group := list(islice(source, GROUP_ROWS)):
            lines = [dict(_line(facts, known, features)) for facts, known in group]
            writer.write_table(library.Table.from_pylist(lines, schema=schema))


def _schema(library: Any, features: Mapping[str, bool]) -> Any:
    amount = library.decimal128(_DIGITS, _PLACES)
    kinds = {
        **dict.fromkeys(_TEXTS, library.string()),
        **dict.fromkeys(_AMOUNTS, amount),
        **dict.fromkeys(_INSTANTS, library.timestamp("us", tz="UTC")),
        "executed": library.bool_(),
    }
    seen = {
        f"feature.{name}": library.float64() if is_number else library.string()
        for name, is_number in features.items()
    }
    return library.schema(list({**kinds, **seen}.items()))


def _line(facts: Mapping[str, Any], known: Any, features: Mapping[str, bool]) -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        yield name, str(value) if name in _TEXTS and value is not None else value
    held = known if isinstance(known, dict) else {}
    for name, is_number in features.items():
        value = held.get(name)
        yield f"feature.{name}", _number(name, value) if is_number else _text(value)


def _number(name: str, value: Any) -> float | None:
    """Features were floats where they were numbers; the store reads every number exactly."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        detail = f"the feature {name:.60} became something else than a number while it was read; ask again"
        raise errors.InvalidCommand(verb="learning-data", detail=detail)
    return float(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, default=float)
