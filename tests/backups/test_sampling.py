"""A made-up ledger obeys every rule of a real one: the domain derives the same from its fills."""

import pytest

from runtime.domain.identity import user_id
from runtime.engine import sampling, verifying
from runtime.store import contents
from runtime.store.pool import Store
from tests.backups.conftest import Run
from tests.database import Database
from tests.store.desks import make_intent, make_names, open_desk, write


def differences(database: Database) -> list[str]:
    found: list[str] = []
    with Store(database.secret("holdfast_bot"), user_id(sampling.USER)) as store:
        for _, account, _ in contents.load_all_accounts(database.secret()):
            found += verifying.verify(store, account)
    return found


@pytest.mark.parametrize("count", [1, 2, 21, 777])
def test_samples__verify_without_a_difference(database: Database, count: int) -> None:
    told: list[int] = []
    sampling.make(database.secret(), count, told.append)
    assert told[-1] == count
    assert database.rows("select count(*) from orders") == [(count,)]
    assert differences(database) == []


def test_samples__are_of_every_kind(ledger: Database) -> None:
    found = {row[0] for row in ledger.rows("select distinct status from orders")}
    assert found == {"filled", "cancelled", "rejected", "open"}
    assert ledger.rows("select count(*) > 0 from order_events where status_after = 'partially_filled'") == [
        (True,)
    ]
    assert ledger.rows("select count(distinct symbol) from positions") == [(4,)]


def test_samples__are_the_same_each_time(database: Database, ledger: Database) -> None:
    (count,) = ledger.rows("select count(*) from orders")[0]
    sampling.make(database.secret(), count, lambda _: None)
    with contents.snapshot(database.secret()) as one, contents.snapshot(ledger.secret()) as other:
        assert one.measure() == other.measure()


def test_samples__are_refused_where_somebody_trades(run: Run, database: Database) -> None:
    with open_desk(database.secret("holdfast_bot"), make_names(database)) as desk:
        write(desk, make_intent(desk.bot_id))
    said = run("sample-data", "--orders", "5", on=database)
    assert (said.code, said.err.partition(":")[0]) == (3, "InvalidCommand")
    assert database.rows("select count(*) from orders") == [(1,)]


def test_samples__are_made_once(run: Run, ledger: Database) -> None:
    assert run("sample-data", "--orders", "5", on=ledger).code == 3


def test_samples__that_break_off_leave_nothing(database: Database) -> None:
    class Interrupted(Exception):
        pass

    def tell(_: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        sampling.make(database.secret(), 50, tell)
    for table in ("users", "bots", "orders", "fills"):
        assert database.rows(f"select count(*) from {table}") == [(0,)]
