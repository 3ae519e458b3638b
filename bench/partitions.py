"""`python -m bench.partitions`: whether candles and marks should be partitioned by month.

The same rows in the table as it is and in one with a partition for each month: what appending, reading back, and taking
the oldest month away cost. docs/decisions/0013 says what followed from it.
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from bench.ground import durable_server, migrated
from bench.rounds import alternate, ratio, typical
from runtime.store import retention

Connection = psycopg.Connection[tuple[Any, ...]]
BEGIN = "timestamptz '2026-01-01Z'"
BATCH = 5000


@dataclass(frozen=True, slots=True)
class Shape:
    """A table of observations: whose rows they are, at which distance they come, and what stands in one."""

    table: str
    time: str
    owners: int
    every: str
    row: str


SHAPES = (
    Shape(
        "candles", "opened_at", 20, "3 minutes",
        "%(tenant)s::uuid, %(account)s::uuid, 'COIN' || owner || '/USDT', '3m', at, 60123.45, 60133.45, 60113.45,"
        " 60128.45, 12.345",
    ),
    Shape(
        "equity_marks", "at", 20, "5 minutes",
        "%(tenant)s::uuid, md5('bot ' || owner)::uuid, at, 10000.25, 12.5, 0",
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with (
        durable_server() as server,
        migrated(server) as ground,
        psycopg.connect(ground.database.url(), autocommit=True) as connection,
    ):
        connection.execute("set search_path to holdfast; set timezone to 'UTC'; set synchronous_commit to on")
        names = {"tenant": ground.names.tenant, "account": ground.names.account_id}
        for shape in SHAPES:
            _compare(connection, shape, names, arguments.months, arguments.rounds)


def _compare(connection: Connection, shape: Shape, names: dict[str, Any], months: int, rounds: int) -> None:
    _partition(connection, shape, months)
    parts = f"{shape.table}_parted"
    count = 0
    for table in (shape.table, parts):
        filled = connection.execute(_rows(shape, table, "0", f"{months} months"), names)
        count = filled.rowcount
        connection.execute(sql.SQL("vacuum (analyze, freeze) {}").format(sql.Identifier(table)))
    print(f"{shape.table}: {count:,} rows of {months} months, as one table and in {months + 1} partitions")
    steps = itertools.count()

    def append(table: str) -> None:
        since = f"'{months} months'::interval + {next(steps)} * interval '{shape.every}'"
        connection.execute(_rows(shape, table, since, since, inclusive=True), names)

    def read(table: str) -> None:
        connection.execute(_newest(shape, table), names).fetchall()

    for name, case, repeats in (
        ("append a row for each owner", append, 50),
        ("read the newest 500", read, 30),
    ):
        seconds = alternate(
            {"plain": partial(case, shape.table), "parted": partial(case, parts)},
            rounds=rounds, repeats=repeats,
        )  # fmt: skip
        plain, parted = (1000 * typical(seconds[each]) for each in ("plain", "parted"))
        print(
            f"  {name:<32} {plain:8.3f} ms  parted {parted:8.3f} ms  ratio {ratio(seconds, 'parted', 'plain'):.2f}"
        )
    for name, work in (
        ("delete the oldest month in batches", lambda: _delete(connection, shape, names)),
        ("vacuum after it", lambda: _vacuum(connection, shape.table)),
        ("drop the oldest partition", lambda: _drop(connection, parts)),
    ):
        seconds_taken, wal, longest = _measured(connection, work)
        print(f"  {name:<32} {1000 * seconds_taken:8.0f} ms, {wal / 1e6:7.1f} MB of WAL{longest}")


def _rows(shape: Shape, table: str, since: str, until: str, *, inclusive: bool = False) -> bytes:
    """Appended in the order of time, as they come."""
    first = since if inclusive else f"'{since}'::interval"
    last = until if inclusive else f"'{until}'::interval - interval '{shape.every}'"
    return (
        f"insert into {table} select {shape.row}"
        f" from generate_series({BEGIN} + {first}, {BEGIN} + {last}, interval '{shape.every}') as at,"
        f" generate_series(1, {shape.owners}) as owner on conflict do nothing"
    ).encode()


def _newest(shape: Shape, table: str) -> bytes:
    mine = (
        "account_id = %(account)s and symbol = 'COIN7/USDT' and timeframe = '3m'"
        if shape.table == "candles"
        else "bot_id = md5('bot 7')::uuid"
    )
    return f"select * from {table} where {mine} order by {shape.time} desc limit 500".encode()


def _partition(connection: Connection, shape: Shape, months: int) -> None:
    parts = f"{shape.table}_parted"
    connection.execute(
        f"create table {parts} (like {shape.table} including defaults including constraints including indexes)"
        f" partition by range ({shape.time})".encode()
    )
    # One month more than is filled: what is appended has a place.
    for month in range(months + 1):
        connection.execute(
            f"create table {parts}_{month} partition of {parts} for values"
            f" from ('{2026 + month // 12}-{month % 12 + 1:02}-01Z')"
            f" to ('{2026 + (month + 1) // 12}-{(month + 1) % 12 + 1:02}-01Z')".encode()
        )


def _series(shape: Shape, names: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for owner in range(1, shape.owners + 1):
        if shape.table == "candles":
            yield {"account_id": names["account"], "symbol": f"COIN{owner}/USDT", "timeframe": "3m"}
        else:
            yield {"owner": owner}


def _delete(connection: Connection, shape: Shape, names: dict[str, Any]) -> str:
    """By the very statements of the retention job; the longest of its transactions."""
    before = connection.execute(f"select {BEGIN} + interval '1 month'".encode()).fetchall()[0][0]
    longest = 0.0
    for series in _series(shape, names):
        if "owner" in series:
            row = connection.execute("select md5('bot ' || %(owner)s)::uuid", series).fetchall()
            series, statement = {"bot_id": row[0][0]}, retention._SQL["take_equity_marks"]
        else:
            statement = retention._SQL["take_candles"]
        after = retention.BEGINNING
        while after is not None:
            began = time.perf_counter()
            wanted = {**series, "after": after, "before": before, "count": BATCH}
            ((after, _),) = connection.execute(statement.encode(), wanted).fetchall()
            longest = max(longest, time.perf_counter() - began)
    return f", longest transaction {1000 * longest:.0f} ms"


def _vacuum(connection: Connection, table: str) -> str:
    connection.execute(sql.SQL("vacuum {}").format(sql.Identifier(table)))
    return ""


def _drop(connection: Connection, parts: str) -> str:
    connection.execute(f"drop table {parts}_0".encode())
    return ""


def _measured(connection: Connection, work: Any) -> tuple[float, int, str]:
    asked = b"select pg_current_wal_insert_lsn()"
    before, began = connection.execute(asked).fetchall()[0][0], time.perf_counter()
    remark = work()
    seconds = time.perf_counter() - began
    wal = connection.execute(
        "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s::pg_lsn)::bigint", (before,)
    ).fetchall()[0][0]
    return seconds, wal, remark


if __name__ == "__main__":
    main()
