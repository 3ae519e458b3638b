"""From the spool into PostgreSQL, exactly once: while the server is taken away and given back, over records that it
will never take, and across processes."""

import json
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from runtime import errors
from runtime.domain.identity import AccountId, BotId, UserId
from runtime.domain.observation import Kind
from runtime.engine.flushing import Flusher
from runtime.engine.keeping import Observer
from runtime.local import processes
from runtime.settings import Secret
from runtime.spool.spool import Spool
from runtime.store import schema
from runtime.store.pool import Store
from runtime.telemetry import table
from runtime.telemetry.meters import Meters
from tests.database import Database
from tests.engine.desk_process import enrol_ladder, running
from tests.engine.rig import Rig
from tests.engine.test_store_lost import Switch
from tests.postgres_server import fresh_database, session_server
from tests.store.desks import NOW, Names, make_names

SPOOL_BYTES = 16 << 10


class Line:
    """A spool, its flusher, and whoever appends."""

    def __init__(self, path: Path, store: Store, names: Names) -> None:
        self.meters, self.names = Meters(), names
        self.observer = Observer(lambda: Spool(path, segment_bytes=SPOOL_BYTES), self.meters)
        self.observer.open()
        self.flusher = Flusher(self.observer, store, names.account_id)

    def see(self, number: int, *, bot_id: BotId | None = None) -> None:
        """A counter rises by one, so that a record that is taken twice or never would show."""
        facts = {"bot_id": bot_id or self.names.bot_id, "reason": f"reason {number % 7}", "count": 1}
        self.observer.keep(Kind.BLOCKED_SIGNAL, NOW + timedelta(seconds=number), facts)

    @property
    def spool(self) -> Spool:
        assert self.observer.spool is not None
        return self.observer.spool


@pytest.fixture(scope="module")
def switch() -> Iterator[Switch]:
    with session_server(durable=True) as server:
        yield Switch(server)


def has_rows(database: Database, name: str) -> bool:
    return database.rows(f"select exists (select from {name})") == [(True,)]


def counted(database: Database) -> int:
    return int(database.rows("select coalesce(sum(count), 0)::int from blocked_signals")[0][0])


@pytest.mark.timeout(300)
def test_flusher__takes_everything_once_over_a_server_that_goes_and_comes_back(
    switch: Switch, tmp_path: Path
) -> None:
    url = fresh_database(switch.server)
    schema.upgrade(Secret(url))
    database = Database(switch.server, str(conninfo_to_dict(url)["dbname"]))
    names, number = make_names(database), 0
    with Store(database.secret("holdfast_bot"), names.tenant, pool_max=1, wait_seconds=0.2) as store:
        line = Line(tmp_path / "spool", store, names)
        line.flusher.start()
        try:
            for _ in range(3):
                # Half of it while batches are under way, half while nobody answers: appending never notices.
                for _ in range(2000):
                    line.see(number)
                    number += 1
                switch.off()
                for _ in range(2000):
                    line.see(number)
                    number += 1
                assert line.spool.depth >= 2000
                switch.on()
            assert processes.wait_until(lambda: line.spool.depth == 0, seconds_max=120)
        finally:
            line.flusher.stop(30)
            line.observer.close()
    assert counted(database) == number == 12_000
    assert line.meters.values()[table.OBSERVATIONS_DROPPED] == {}


@pytest.fixture
def line(database: Database, tmp_path: Path) -> Iterator[Line]:
    """Flushed by the test itself, in its own thread."""
    names = make_names(database)
    with Store(database.secret("holdfast_bot"), names.tenant, pool_max=1) as store:
        line = Line(tmp_path / "spool", store, names)
        yield line
        line.observer.close()


def test_flush__sets_aside_what_postgresql_refuses_and_takes_all_others(
    line: Line, database: Database, tmp_path: Path
) -> None:
    stranger = BotId(line.names.account_id)
    for number in range(100):
        line.see(number, bot_id=stranger if number in (41, 42, 99) else None)
    assert line.flusher.flush() == 97
    assert (counted(database), line.spool.depth) == (97, 0)
    refused = [json.loads(each) for each in (tmp_path / "spool" / "refused.jsonl").read_text().splitlines()]
    assert [each["sequence"] for each in refused] == [42, 43, 100]
    assert all("blocked_signals_bot_fkey" in each["reason"] for each in refused)
    assert json.loads(refused[0]["payload"])["bot_id"] == str(stranger)
    line.see(200)
    assert line.flusher.flush() == 1
    assert line.meters.values()[table.SPOOL_CORRUPT] == {(): 3}
    assert line.meters.values()[table.SPOOL_ASIDE] == {
        (): (tmp_path / "spool" / "refused.jsonl").stat().st_size
    }


def test_flush__tells_of_what_an_earlier_process_set_aside(line: Line, tmp_path: Path) -> None:
    (tmp_path / "spool" / "00000000000000000001.corrupt").write_bytes(b"x" * 77)
    line.see(1)
    assert line.flusher.flush() == 1
    assert line.meters.values()[table.SPOOL_ASIDE] == {(): 77}


def test_flush__tells_how_much_waits_and_how_old_it_is(line: Line) -> None:
    line.see(0)
    line.flusher.flush()
    line.flusher.flush()
    values = line.meters.values()
    assert values[table.SPOOL_DEPTH] == {(): 0}
    assert values[table.SPOOL_OLDEST][()] == pytest.approx(0, abs=1)


def test_flush__a_commit_whose_confirmation_was_lost_is_not_written_again(
    line: Line, database: Database, tmp_path: Path
) -> None:
    """The process dies between PostgreSQL's commit and the spool's confirmation: the next one reads it all again."""
    for number in range(50):
        line.see(number)
    batch = line.spool.drain(30)
    assert batch is not None
    line.flusher._carry(_Forgetful(line.spool), batch)  # type: ignore[arg-type]
    assert counted(database) == 30
    line.observer.close()
    line.observer.spool = Spool(tmp_path / "spool", segment_bytes=SPOOL_BYTES)
    assert line.spool.depth == 50
    assert line.flusher.flush() == 20
    assert counted(database) == 50


class _Forgetful:
    """A spool that is never told."""

    def __init__(self, spool: Spool) -> None:
        self.confirm = lambda _: None
        self.set_aside = spool.set_aside


def test_flush__raises_while_the_store_is_away_and_keeps_all(line: Line, tmp_path: Path) -> None:
    line.see(0)
    nowhere = Store(
        Secret(f"postgresql://nobody@127.0.0.1:1/{tmp_path.name}"),
        UserId(line.names.tenant),
        wait_seconds=0.1,
    )
    nowhere._pool.open()
    try:
        with pytest.raises(errors.StoreUnavailable):
            Flusher(line.observer, nowhere, AccountId(line.names.account_id)).flush()
    finally:
        nowhere._pool.close()
    assert line.spool.depth == 1


def test_desk_process__carries_what_it_saw_and_leaves_an_empty_spool(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    with running(tmp_path / "desk", bare) as desk:
        assert processes.wait_until(lambda: bare.statuses() == ["open"] * 3, seconds_max=40)
        tables = "decisions phantoms equity_marks risk_marks market_snapshots candles snapshots".split()
        assert processes.wait_until(
            lambda: all(has_rows(bare.database, each) for each in tables), seconds_max=40
        )
        desk.send(signal.SIGTERM)
        assert desk.await_end() == 0
    (folder,) = (tmp_path / "desk" / "spool").iterdir()
    assert [each.name for each in folder.iterdir()] == ["lock"]
