"""`python -m bench.candles`: candles of fifty symbols written durably and read back.

Against bare COPY into the same table, of lines that are ready and past row-level security; and against a program that
selects each row and then updates or inserts it through an object-relational mapper."""

import argparse
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import psycopg
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.orm import Session, registry

from bench.figure import Figure
from bench.ground import Ground, durable_server, migrated
from bench.rounds import Case, alternate, ratio, typical
from runtime.domain.market import Candle
from runtime.local.postgres import Server
from runtime.store import candles
from runtime.store.candles import Series
from runtime.store.pool import Store
from tests.store.desks import NOW

SYMBOLS = [f"COIN{number:02}/USDT" for number in range(50)]
TIMEFRAME = "3m"
READ_BACK = 500
WARM = 2
T = TypeVar("T")
MAPPED_ROWS = 50  # per symbol; with more it would take minutes
_COPY = "copy candles (user_id, account_id, symbol, timeframe, opened_at, open, high, low, close, volume) from stdin"
_READ = f"""
    copy (
      select s.number::integer, extract(epoch from n.opened_at)::float8, n.open::float8, n.high::float8, n.low::float8,
        n.close::float8, n.volume::float8
      from unnest(%s::text[]) with ordinality as s (symbol, number) cross join lateral (
        select * from candles where account_id = %s and symbol = s.symbol and timeframe = '{TIMEFRAME}'
        order by opened_at desc limit {READ_BACK}) as n
    ) to stdout with (format binary)
"""


class Market:
    """Candles that nobody has seen, laid ready before any time is taken: a later one each time."""

    def __init__(self) -> None:
        self._minutes = itertools.count(0, 3)

    def ready(self, count: int, times: int) -> Iterator[list[Series]]:
        return iter([self._fresh(count) for _ in range(times)])

    def _fresh(self, count: int) -> list[Series]:
        rows = []
        for _ in range(count):
            opened_at, price = NOW + timedelta(minutes=next(self._minutes)), Decimal("60123.45")
            rows.append(Candle(opened_at, price, price + 10, price - 10, price + 5, Decimal("12.345")))
        return [Series(symbol, TIMEFRAME, rows) for symbol in SYMBOLS]


def figures(server: Server, rounds: int) -> Iterator[Figure]:
    with migrated(server) as ground, ExitStack() as opened:
        store = opened.enter_context(Store(ground.database.secret("holdfast_bot"), ground.names.tenant))
        bare = opened.enter_context(_connection(ground))
        mapped = opened.enter_context(_mapper(ground))
        market, written = Market(), _Written(store, ground)
        for count, repeats, target in ((1, 40, 1.3), (500, 1, 1.5)):
            times = WARM + rounds * repeats
            cases: dict[str, Case] = {
                "append": _each(written.append, market.ready(count, times)),
                "copy": _each(lambda lines: _copied(bare, lines), _lines(ground, market.ready(count, times))),
                "upsert": _each(written.upsert, market.ready(count, times)),
            }
            seconds = alternate(cases, rounds=rounds, repeats=repeats, warm=WARM)
            name = f"candles, 50 x {count}"
            yield Figure(
                f"{name} appended / COPY",
                ratio(seconds, "append", "copy"),
                "x",
                target,
                remark=_told(seconds),
            )
            if count > 1:
                yield Figure(f"{name} upserted / COPY", ratio(seconds, "upsert", "copy"), "x", 3)
        again: dict[str, Case] = {
            "ours": _each(written.upsert, market.ready(MAPPED_ROWS, WARM + 3)),
            "mapper": _each(mapped, market.ready(MAPPED_ROWS, WARM + 3)),
        }
        seconds = alternate(again, rounds=2, repeats=1, warm=1)
        yield Figure(
            f"candles, 50 x {MAPPED_ROWS}, ORM row by row / upserted",
            ratio(seconds, "mapper", "ours"),
            "x",
            100,
            at_least=True,
            remark=_told(seconds),
        )
        ground.database.rows("vacuum analyze candles")
        yield _read_back(store, bare, ground, rounds)


class _Written:
    def __init__(self, store: Store, ground: Ground) -> None:
        self._store, self._account = store, ground.names.account_id

    def append(self, series: Sequence[Series]) -> None:
        with self._store.single("append candles") as tx:
            candles.append_candles(tx, self._account, series)

    def upsert(self, series: Sequence[Series]) -> None:
        with self._store.single("upsert candles") as tx:
            candles.upsert_candles(tx, self._account, series)


@contextmanager
def _connection(ground: Ground) -> Iterator[psycopg.Connection[Any]]:
    """As the administrator, whom no row-level security holds up."""
    with ground.database.connect() as connection:
        yield connection


def _lines(ground: Ground, ready: Iterator[list[Series]]) -> Iterator[bytes]:
    names = ground.names
    return iter(
        [
            "".join(
                f"{names.tenant}\t{names.account_id}\t{each.symbol}\t{each.timeframe}\t{c.opened_at.isoformat()}\t"
                f"{c.open}\t{c.high}\t{c.low}\t{c.close}\t{c.volume}\n"
                for each in series
                for c in each.candles
            ).encode()
            for series in ready
        ]
    )


def _copied(bare: psycopg.Connection[Any], lines: bytes) -> None:
    with bare.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write(lines)


def _each(act: Callable[[T], None], ready: Iterator[T]) -> Case:
    return lambda: act(next(ready))


def _read_back(store: Store, bare: psycopg.Connection[Any], ground: Ground, rounds: int) -> Figure:
    account = ground.names.account_id

    def ours() -> None:
        with store.transaction("read candles") as tx:
            found = candles.copy_candles(tx, account, SYMBOLS, TIMEFRAME, READ_BACK)
        if len(found) != READ_BACK * len(SYMBOLS):
            raise RuntimeError(f"{len(found)} candles were read")

    def copied() -> None:
        with bare.cursor() as cursor, cursor.copy(_READ, (SYMBOLS, account)) as copy:
            data = b"".join(copy)
        np.frombuffer(data, candles._ROW, offset=19, count=(len(data) - 21) // candles._ROW.itemsize)

    seconds = alternate({"ours": ours, "copy": copied}, rounds=rounds, repeats=3)
    name = f"{READ_BACK * len(SYMBOLS):,} candles read back / COPY and numpy"
    return Figure(name, ratio(seconds, "ours", "copy"), "x", 1.5, remark=_told(seconds))


@contextmanager
def _mapper(ground: Ground) -> Iterator[Callable[[Sequence[Series]], None]]:
    """Select, then update or insert, row by row; one commit at the end."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(ground.database.url()))
    metadata, mapping = MetaData(), registry()
    metadata.reflect(engine, schema="holdfast", only=["candles"])
    row_class: Any = type("Row", (), {})
    mapping.map_imperatively(row_class, metadata.tables["holdfast.candles"])
    names = ground.names

    def write(series: Sequence[Series]) -> None:
        with Session(engine) as session, session.begin():
            session.execute(
                text("select set_config('holdfast.user_id', :tenant, true)"), {"tenant": str(names.tenant)}
            )
            for each in series:
                for candle in each.candles:
                    _save(session, row_class, ground, each, candle)

    yield write
    engine.dispose()


def _save(session: Session, row_class: Any, ground: Ground, series: Series, candle: Candle) -> None:
    key = {
        "user_id": ground.names.tenant,
        "account_id": ground.names.account_id,
        "symbol": series.symbol,
        "timeframe": series.timeframe,
        "opened_at": candle.opened_at,
    }
    row = session.query(row_class).filter_by(**key).first()
    if row is None:
        row = row_class()
        session.add(row)
    for name in ("open", "high", "low", "close", "volume"):
        setattr(row, name, getattr(candle, name))
    for name, value in key.items():
        setattr(row, name, value)
    session.flush()


def _told(seconds: Mapping[str, list[float]]) -> str:
    return ", ".join(f"{name} {typical(each) * 1000:.2f} ms" for name, each in seconds.items())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.candles", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often the cases take turns")
    rounds = parser.parse_args().rounds
    with durable_server() as server:
        for figure in figures(server, rounds):
            print(figure.line(), flush=True)


if __name__ == "__main__":
    main()
