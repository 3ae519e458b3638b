"""How the verbs print what they found: a table for people, or one line of JSON with every digit, as text."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from runtime.domain import money


def amount(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def percent(share: Decimal | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def print_json(told: Mapping[str, object] | Sequence[object]) -> None:
    print(json.dumps(told, default=plain))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Words to the left, numbers to the right; nothing where there is nothing to show."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    words = [any(row[place][:1].isalpha() for row in rows) for place in range(len(head))]
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if place == 0 or is_word else cell.rjust(width)
            for place, (cell, width, is_word) in enumerate(zip(row, widths, words, strict=True))
        ]
        print("  ".join(cells).rstrip())
    print()


def plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{money.canonical(value):f}" if isinstance(value, Decimal) else str(value)
