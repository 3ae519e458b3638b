"""A made-up ledger obeys every rule of a real one: the domain derives the same from its fills."""

import pytest
from psycopg import sql

from runtime.domain.identity import user_id
from runtime.engine import sampling, verifying
from runtime.learning.analytics import Analytics
from runtime.learning.memory import Codec, Saved
from runtime.learning.models import Logistic
from runtime.learning.risk_keeper import RiskKeeper
from runtime.store import contents
from runtime.store.pool import Store
from tests.backups.conftest import Run
from tests.database import Database
from tests.migrations import catalogue
from tests.store.desks import make_intent, make_names, open_desk, write

# What a desk's life leaves beside its trades: nobody lived one here.
NOT_SAMPLED = {
    "audit_log", "commands", "leases", "model_aliases", "quarantine", "reconciliations", "spool_positions", "summaries",
    "user_settings",
}  # fmt: skip


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


def test_samples__have_everything_that_bots_see_and_think(ledger: Database) -> None:
    with ledger.connect() as connection:
        counts = {
            table: connection.execute(
                sql.SQL("select count(*) from {}").format(sql.Identifier(table))
            ).fetchall()[0][0]
            for table in catalogue.tables(connection)
        }
    assert {table for table, count in counts.items() if not count} == NOT_SAMPLED
    assert counts["decisions"] == counts["orders"]
    assert counts["phantoms"] > counts["orders"]
    assert ledger.rows(
        "select count(*) from phantoms join orders on orders.intent_key = phantoms.cause_key"
        " and orders.bot_id = phantoms.bot_id where executed"
    ) == [(counts["orders"],)]
    assert ledger.rows(
        "select bool_and(equity - 10000 = (select sum(realised - fees) from trades where trades.bot_id = last.bot_id"
        " and closed_at is not null))"
        " from (select distinct on (bot_id) * from equity_marks order by bot_id, at desc) as last"
    ) == [(True,)]
    assert ledger.rows("select count(*) from candles where not low <= least(open, close)") == [(0,)]


def test_samples__hold_saves_that_components_and_models_can_read(ledger: Database) -> None:
    asked = "select shape, codec, body from component_states where component = %s"
    for component in (RiskKeeper(), Analytics()):
        shape, codec, body = ledger.rows(asked, (component.name,))[0]
        component.load(Saved(shape, Codec(codec), body))
        assert component.save() == type(component)().save()
    ((shape, codec, body),) = ledger.rows(
        "select distinct shape, codec, body from models join artefacts using (digest) where promoted"
    )
    assert Logistic.load(Saved(shape, Codec(codec), body)).features == ("momentum",)


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
