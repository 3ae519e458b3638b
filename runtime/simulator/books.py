"""The venue's durable books: SQLite below, plain dictionaries above, equal whenever no change is under way.

Owns one file. Promises: what a change wrote is committed before `change` returns, a change that fails leaves nothing,
and an older state within the remembered past can be shown as it was.
"""

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from runtime import errors
from runtime.simulator.records import Account, Balance, Fill, Mark, Opening, Order, Position, Record, Terms

Row = TypeVar("Row", bound=Record)
TABLES: dict[str, type[Record]] = {
    "accounts": Account,
    "openings": Opening,
    "balances": Balance,
    "orders": Order,
    "fills": Fill,
    "positions": Position,
    "terms": Terms,
    "marks": Mark,
}
TABLE_OF: dict[type[Record], str] = {kind: name for name, kind in TABLES.items()}
REMEMBERED_CHANGES_MAX = 20_000
REMEDY = "Choose another with --books, or stop the simulator that uses it."
LOCK_SECONDS_MAX = 2
FIRST_ID = 1_300_000_000_000_000_000


@dataclass(slots=True)
class Shelf:
    """One state of the books, by record key; what queries read. `opened` are the orders that are still open."""

    accounts: dict[str, Account] = field(default_factory=dict)
    openings: dict[str, Opening] = field(default_factory=dict)
    balances: dict[str, Balance] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: dict[str, Fill] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    terms: dict[str, Terms] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    opened: dict[str, Order] = field(default_factory=dict)

    def table(self, name: str) -> dict[str, Record]:
        return cast("dict[str, Record]", getattr(self, name))


class Books:
    """The live shelf, and the file under it."""

    def __init__(self, folder: Path, *, sync: Literal["full", "off"] = "full") -> None:
        self.live = Shelf()
        self._touched: dict[tuple[str, str], None] = {}
        self._changes: deque[tuple[int, str, str, Record | None]] = deque(maxlen=REMEMBERED_CHANGES_MAX)
        self._uncommitted = 0
        self._cleared: set[str] = set()
        self._folder = folder
        with self._translated():
            folder.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(
                folder / "books.sqlite3",
                timeout=LOCK_SECONDS_MAX,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            with self._translated():
                self._prepare(sync)
                self._load()
        except errors.Halt:
            self._file.close()
            raise

    def put(self, row: Record) -> None:
        """Write a record, new or changed; only within `change`."""
        name = TABLE_OF[type(row)]
        self._remember(name, row.key)
        self.live.table(name)[row.key] = row
        if isinstance(row, Order):
            self._index(row)

    def drop(self, kind: type[Record], key: str) -> None:
        name = TABLE_OF[kind]
        self._remember(name, key)
        self.live.table(name).pop(key, None)
        if kind is Order:
            self.live.opened.pop(key, None)

    def next_id(self) -> str:
        mark = self.live.marks.get("sequence") or Mark("sequence", Decimal(FIRST_ID))
        self.put(Mark("sequence", mark.value + 1))
        return str(int(mark.value) + 1)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Everything put within is committed together, or none of it is."""
        try:
            yield
            self._commit()
        except BaseException:
            self._undo_uncommitted()
            raise
        finally:
            self._touched.clear()
            self._cleared.clear()
            self._uncommitted = 0

    def clear(self, kinds: tuple[type[Record], ...]) -> None:
        """Drop every record of these kinds with one statement each; only within `change`."""
        for kind in kinds:
            name = TABLE_OF[kind]
            self._cleared.add(name)
            for key in list(self.live.table(name)):
                self.drop(kind, key)

    def forget_past(self) -> None:
        """As if it had always been as it is now."""
        self._changes.clear()

    def as_of(self, moment_ns: int) -> Shelf:
        """The state at a moment of the monotonic clock, as far back as changes are remembered."""
        past = Shelf(**{name: dict(self.live.table(name)) for name in TABLES})  # type: ignore[arg-type]
        for at, name, key, before in reversed(self._changes):
            if at <= moment_ns:
                break
            if before is None:
                past.table(name).pop(key, None)
            else:
                past.table(name)[key] = before
        past.opened = _opened(past.orders)
        return past

    def as_of_age(self, milliseconds: int) -> Shelf:
        return self.as_of(time.monotonic_ns() - milliseconds * 1_000_000)

    def close(self) -> None:
        self._file.close()

    def _remember(self, name: str, key: str) -> None:
        self._changes.append((time.monotonic_ns(), name, key, self.live.table(name).get(key)))
        self._uncommitted += 1
        self._touched[name, key] = None

    def _index(self, order: Order) -> None:
        if order.is_open:
            self.live.opened[order.order_id] = order
        else:
            self.live.opened.pop(order.order_id, None)

    def _undo_uncommitted(self) -> None:
        while self._uncommitted and self._changes:
            _, name, key, before = self._changes.pop()
            self._uncommitted -= 1
            if before is None:
                self.live.table(name).pop(key, None)
                self.live.opened.pop(key, None)
            else:
                self.live.table(name)[key] = before
                if isinstance(before, Order):
                    self._index(before)

    def _commit(self) -> None:
        if not self._touched:
            return
        with self._translated():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                for name in self._cleared:
                    self._file.execute(f"DELETE FROM {name}")
                for name, key in self._touched:
                    self._write(name, key)
                self._file.execute("COMMIT")
            except sqlite3.Error:
                if self._file.in_transaction:  # SQLite rolls back by itself when the disk is full
                    self._file.execute("ROLLBACK")
                raise

    def _write(self, name: str, key: str) -> None:
        row = self.live.table(name).get(key)
        if row is None and name in self._cleared:
            return
        if row is None:
            self._file.execute(f"DELETE FROM {name} WHERE record_key = ?", (key,))
        else:
            self._file.execute(
                UPSERTS[name], (key, *(_dump(getattr(row, column)) for column in COLUMNS[name]))
            )

    def _create_tables(self) -> None:
        for name in TABLES:
            columns = ", ".join(COLUMNS[name])
            self._file.execute(f"CREATE TABLE IF NOT EXISTS {name} (record_key TEXT PRIMARY KEY, {columns})")

    def _prepare(self, sync: Literal["full", "off"]) -> None:
        # One process only: two venues on the same books would each sell what the other has.
        self._file.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(f"PRAGMA synchronous={'FULL' if sync == 'full' else 'OFF'}")
        self._file.execute("BEGIN IMMEDIATE")
        self._create_tables()
        self._file.execute("COMMIT")

    def _load(self) -> None:
        for name, kind in TABLES.items():
            parsers = [_parser(column.type) for column in fields(kind)]
            query = f"SELECT {', '.join(COLUMNS[name])} FROM {name} ORDER BY rowid"
            for values in self._file.execute(query):
                row = kind(*(parse(value) for parse, value in zip(parsers, values, strict=True)))
                self.live.table(name)[row.key] = row
        self.live.orders = dict(sorted(self.live.orders.items(), key=lambda item: int(item[0])))
        self.live.fills = dict(sorted(self.live.fills.items(), key=lambda item: int(item[0])))
        self.live.opened = _opened(self.live.orders)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as exc:
            raise errors.NoPermission(folder=self._folder, remedy="choose another with --books") from exc
        except sqlite3.OperationalError as exc:
            if "full" in str(exc):
                raise errors.DiskFull(folder=self._folder) from exc
            raise errors.BadInput(where=str(self._folder), detail=str(exc), remedy=REMEDY) from exc
        except (sqlite3.DatabaseError, OSError, TypeError, ValueError, ArithmeticError) as exc:
            raise errors.BadInput(where=str(self._folder), detail=str(exc), remedy=REMEDY) from exc


def _opened(orders: dict[str, Order]) -> dict[str, Order]:
    return {key: order for key, order in orders.items() if order.is_open}


def _dump(value: object) -> str | int:
    if isinstance(value, Decimal):
        return format(value, "f")
    return int(value) if isinstance(value, int) else str(value)


def _parser(kind: Any) -> Callable[[Any], Any]:
    return cast("Callable[[Any], Any]", kind)


COLUMNS: dict[str, list[str]] = {
    name: [column.name for column in fields(kind)] for name, kind in TABLES.items()
}
# An upsert and not a replacement: rows keep their place, so that a restart lists them as before.
UPSERTS: dict[str, str] = {
    name: f"INSERT INTO {name} VALUES (?, {', '.join('?' for _ in columns)}) ON CONFLICT (record_key) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in columns)
    for name, columns in COLUMNS.items()
}
