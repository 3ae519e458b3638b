"""What a step down would destroy: named in its SQL file, and counted over all tenants before anything is dropped."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from runtime import errors

_LOSES = re.compile(r"^-- loses: (.+)$", re.MULTILINE)


def losses(down_script: str) -> list[str]:
    """The tables whose rows the script destroys, as its `-- loses:` line names them."""
    found = _LOSES.search(down_script)
    return [name.strip() for name in found[1].split(",")] if found else []


def losses_of(revision_file: str) -> list[str]:
    return losses(Path(revision_file).with_suffix(".down.sql").read_text(encoding="utf-8"))


def refuse_losses(cursor: Any, tables: Sequence[str]) -> None:
    """Raise if one of them has a row. Their locks and their lifted row-level security last until the transaction ends,
    so nothing can be written between the count and the drop."""
    counts = {table: rows for table, rows in _count(cursor, tables) if rows} if tables else {}
    if counts:
        told = ", ".join(
            f"{table} ({rows} {'row' if rows == 1 else 'rows'})" for table, rows in counts.items()
        )
        raise errors.InvalidCommand(
            verb="rollback", detail=f"it would lose {told}; with --drop-data they are lost on purpose"
        )


def _count(cursor: Any, tables: Iterable[str]) -> Iterable[tuple[str, int]]:
    cursor.execute("set local role holdfast_owner")
    for table in tables:
        # Forced row-level security hides every row from the owner too; a count of nothing would let all be dropped.
        cursor.execute(f'alter table holdfast."{table}" no force row level security')
        cursor.execute(f'select count(*) from holdfast."{table}"')  # noqa: S608 - a name from our own file
        yield table, cursor.fetchone()[0]
    cursor.execute("reset role")
