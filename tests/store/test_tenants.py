"""Another tenant sees nothing and changes nothing, through every function of the store."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from runtime import errors
from runtime.domain import position as positions_of
from runtime.domain.market import Candle
from runtime.domain.observation import Batch, Kind, Observation, Record, encode
from runtime.domain.order import CHAIN_START, Status, chain
from runtime.engine.lease import this_process
from runtime.store import (
    bots,
    candles,
    fills,
    leases,
    observations,
    operations,
    orders,
    positions,
    status,
)
from runtime.store.bots import TickMark
from runtime.store.candles import Series
from runtime.store.operations import Quarantined, Reconciliation
from runtime.store.pool import Fence, Tx
from tests.database import Database
from tests.store.desks import LONG_AGO, NOW, SYMBOL, Desk, chain_of, make_fill, make_intent, place

MODULES = (bots, candles, fills, leases, observations, operations, orders, positions, status)
# Every name of `public` that takes a transaction, except the enrolments: those write rows of the caller's own.
FUNCTIONS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and "tx" in inspect.signature(function).parameters
}
ENROLMENTS = {"bots.enrol_user", "bots.enrol_account", "bots.enrol_bot"}
# These too: what they are told of an account is no key to anybody's rows. tests/store/test_observations.py tries them.
OBSERVATIONS = {
    "candles.append_candles",
    "candles.upsert_candles",
    "observations.record_batch",
    "observations.skip_batch",
}

SPOOL = UUID("0a4f3c1e-7a53-4f1e-9a55-6d2f3f6f2b10")


class Victim:
    """Anna's desk with something in every table, and what a stranger would have to say to reach it."""

    def __init__(self, desk: Desk) -> None:
        self.fence = desk.fence
        self.account = desk.account_id
        self.bot = desk.bot_id
        ledger = desk.ledger()
        self.order = place(ledger, make_intent(desk.bot_id))
        self.filled = ledger.record_fill(self.order, make_fill(self.order, 1, "0.5"), NOW)
        self.second = make_fill(self.order, 2, "0.5")
        with desk.store.transaction("put something into every table") as tx:
            foreign = Quarantined("order", "foreign", SYMBOL, "not ours", {})
            operations.record_quarantine(tx, self.fence, NOW, [foreign])
            operations.record_reconciliation(tx, self.fence, self.done)
            asked: dict[str, Any] = {"arguments": {}, "requested_by": "anna", "reason": "", "key": "once"}
            self.command = operations.record_command(tx, self.account, self.bot, "pause", **asked)
            bots.record_baseline(tx, self.fence, {"USDT": Decimal(5)})
            candles.append_candles(tx, self.account, [Series(SYMBOL, "1m", [Candle(NOW, *[Decimal(1)] * 5)])])
            mark = {"bot_id": self.bot, "equity": Decimal(1), "realised_today": Decimal(0)}
            seen = Observation(Kind.EQUITY_MARK, NOW, {**mark, "unrealised": Decimal(0)})
            observations.record_batch(
                tx, self.account, Batch(SPOOL, (Record(1, seen.kind, 0, encode(seen)),))
            )

    @property
    def done(self) -> Reconciliation:
        return Reconciliation("recovery", NOW, NOW, True, 0, 0, 0, "clean", ())


def _loads(tx: Tx, it: Victim) -> dict[str, Callable[[], Any]]:
    return {
        "bots.load_account": lambda: bots.load_account(tx, "main"),
        "bots.load_account_names": lambda: bots.load_account_names(tx),
        "bots.load_bots": lambda: bots.load_bots(tx, it.account),
        "bots.load_enrolled_account": lambda: bots.load_enrolled_account(tx, it.account),
        "fills.load_position_fills": lambda: fills.load_position_fills(tx, it.bot, SYMBOL),
        "fills.load_fills_after": lambda: fills.load_fills_after(
            tx, it.account, it.bot, SYMBOL, after=None, count=10
        ),
        "fills.load_filled_positions": lambda: fills.load_filled_positions(tx, it.account),
        "fills.load_trade_ids": lambda: fills.load_trade_ids(tx, it.account, LONG_AGO),
        "fills.load_filled_sums": lambda: fills.load_filled_sums(tx, it.account, 10),
        "leases.load_lease": lambda: leases.load_lease(tx, it.account),
        "operations.load_asked": lambda: operations.load_asked(tx, it.account)[1],
        "operations.load_quarantined_ids": lambda: operations.load_quarantined_ids(tx, it.account),
        "operations.load_quarantine": lambda: operations.load_quarantine(tx, it.account, 10),
        "operations.load_last_started_at": lambda: operations.load_last_started_at(tx, it.account),
        "orders.load_unsettled": lambda: orders.load_unsettled(tx, it.account),
        "orders.load_recent": lambda: orders.load_recent(tx, it.account, LONG_AGO),
        "orders.load_matching": lambda: orders.load_matching(
            tx, it.account, [it.second.venue_order_id], [it.order.client_order_id]
        ),
        "orders.load_known_ids": lambda: orders.load_known_ids(tx, [it.order.order_id]),
        "orders.load_last_times": lambda: orders.load_last_times(tx, it.account, LONG_AGO),
        "orders.load_chain_end": lambda: _none_if_start(orders.load_chain_end(tx, it.account)),
        "orders.load_events": lambda: orders.load_events(tx, it.account, after=0, count=10),
        "orders.load_final_events": lambda: orders.load_final_events(tx, it.account, 10),
        "positions.load_positions": lambda: positions.load_positions(tx, it.account),
        "positions.load_open_trades": lambda: positions.load_open_trades(tx, it.account),
        "positions.load_trades_after": lambda: positions.load_trades_after(
            tx, it.account, it.bot, SYMBOL, after=0, count=10
        ),
        "candles.load_candles": lambda: candles.load_candles(tx, it.account, SYMBOL, "1m", 10),
        "candles.copy_candles": lambda: list(candles.copy_candles(tx, it.account, [SYMBOL], "1m", 10)),
        "observations.load_position": lambda: observations.load_position(tx, SPOOL),
        "status.load_desks": lambda: status.load_desks(tx, lambda _holder: False),
    }


def _none_if_start(end: object) -> object:
    return None if end == CHAIN_START else end


def _writes(tx: Tx, it: Victim) -> dict[str, Callable[[], Any]]:
    intent = make_intent(it.bot)
    event = chain(CHAIN_START, it.order.order_id, NOW, it.filled.status, Status.CANCELLED, {})
    fill = positions_of.apply(positions_of.Position(it.bot, SYMBOL), None, it.second)
    foreign = [Quarantined("order", "another", SYMBOL, "not ours", {})]
    told = {"reason": "", "actor": "a stranger"}
    assert it.command is not None
    command = it.command
    return {
        "orders.record_intents": lambda: orders.record_intents(
            tx,
            it.fence,
            it.bot,
            uuid4(),
            [intent],
            chain_of(CHAIN_START, intent),
            memory={},
            trigger_reason="",
        ),
        "orders.advance_order": lambda: orders.advance_order(tx, it.fence, event),
        "fills.record_fill": lambda: fills.record_fill(tx, it.fence, it.second, event, fill),
        "bots.record_baseline": lambda: bots.record_baseline(tx, it.fence, {}),
        "bots.record_tick": lambda: bots.record_tick(tx, it.fence, NOW, [TickMark(it.bot, Decimal(1), None)]),
        "bots.record_state": lambda: bots.record_state(tx, it.fence, it.bot, "paused", **told),
        "bots.record_enabled": lambda: bots.record_enabled(
            tx, it.fence, it.bot, enabled=False, actor="a stranger"
        ),
        "bots.record_breaker": lambda: bots.record_breaker(tx, it.fence, it.bot, NOW.date()),
        "bots.record_memory": lambda: bots.record_memory(tx, it.fence, it.bot, {}, actor="a stranger"),
        "bots.close_interrupted_jobs": lambda: bots.close_interrupted_jobs(tx, it.fence),
        "operations.record_command": lambda: operations.record_command(
            tx, it.account, it.bot, "pause", arguments={}, requested_by="", reason="", key="mine"
        ),
        "operations.record_command_outcome": lambda: operations.record_command_outcome(
            tx, it.fence, command, status="done", outcome="by a stranger"
        ),
        "operations.record_quarantine": lambda: operations.record_quarantine(tx, it.fence, NOW, foreign),
        "operations.resolve_quarantine": lambda: operations.resolve_quarantine(
            tx, it.fence, "foreign", resolution="ignored", actor="a stranger"
        ),
        "operations.record_reconciliation": lambda: operations.record_reconciliation(tx, it.fence, it.done),
        "leases.acquire_first": lambda: leases.acquire_first(tx, it.account, this_process(), 10),
        "leases.acquire": lambda: leases.acquire(
            tx, it.account, this_process(), 10, epoch=it.fence.epoch, holder_is_dead=True
        ),
        "leases.renew": lambda: leases.renew(tx, it.fence, uuid4(), 10),
        "leases.release": lambda: leases.release(tx, it.fence, uuid4()),
        "leases.record_ready": lambda: leases.record_ready(tx, it.fence),
    }


def _all_rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    tables = database.rows(
        "select relname from pg_class where relnamespace = 'holdfast'::regnamespace and relkind = 'r'"
    )
    return {name: database.rows(f"select x::text from {name} as x order by 1") for (name,) in tables}


def test_tenants__every_function_of_the_store_is_tried(desk: Desk) -> None:
    victim = Victim(desk)
    with desk.store.single("look") as tx:
        tried = {*_loads(tx, victim), *_writes(tx, victim)}
    assert tried | ENROLMENTS | OBSERVATIONS == set(FUNCTIONS)


def test_tenants__a_stranger_loads_nothing(desk: Desk, other_desk: Desk, database: Database) -> None:
    victim = Victim(desk)
    database.rows("delete from leases where user_id = %s", (other_desk.names.tenant,))
    database.rows("delete from bots where user_id = %s", (other_desk.names.tenant,))
    database.rows("delete from accounts where user_id = %s", (other_desk.names.tenant,))
    with other_desk.store.transaction("look as a stranger") as tx:
        found = {name: load() for name, load in _loads(tx, victim).items()}
    assert {name: rows for name, rows in found.items() if rows} == {}
    with desk.store.transaction("look as the owner") as tx:
        seen = {name for name, load in _loads(tx, victim).items() if load()}
    # The three that stay empty on a sound ledger, and the account, which has another name.
    assert set(found) - seen == {"fills.load_filled_sums", "orders.load_final_events", "bots.load_account"}


@pytest.mark.parametrize(
    "name",
    sorted(
        set(FUNCTIONS) - ENROLMENTS - OBSERVATIONS - {n for n in FUNCTIONS if ".load_" in n or ".copy_" in n}
    ),
)
def test_tenants__a_stranger_changes_nothing(
    name: str, desk: Desk, other_desk: Desk, database: Database
) -> None:
    victim = Victim(desk)
    before = _all_rows(database)
    try:
        with other_desk.store.single("write as a stranger") as tx:
            assert not _writes(tx, victim)[name]()
    except (errors.LeaseLost, errors.BrokenInvariant):
        pass
    assert _all_rows(database) == before


def test_tenants__the_same_epoch_and_account_number_of_two_tenants_do_not_meet(
    desk: Desk, other_desk: Desk
) -> None:
    assert desk.fence.epoch == other_desk.fence.epoch
    stolen = Desk(other_desk.names, other_desk.store, Fence(desk.account_id, desk.fence.epoch))
    with pytest.raises(errors.LeaseLost):
        stolen.ledger().record_intents(desk.bot_id, [make_intent(desk.bot_id)], memory={}, trigger_reason="")


def test_json__numbers_come_back_as_decimals(desk: Desk, database: Database) -> None:
    limits = '{"ratio": 0.1000000000000000055, "whole": 3}'
    database.rows("update bots set limits = %s", (limits,))
    with desk.store.single("look") as tx:
        (row,) = bots.load_bots(tx, desk.account_id)
    assert row.limits == {"ratio": Decimal("0.1000000000000000055"), "whole": 3}
    assert isinstance(row.limits["ratio"], Decimal)


def test_baseline__amounts_keep_every_digit(desk: Desk) -> None:
    held = {"USDT": Decimal("12345678901234567890.123456789012345678"), "BTC": Decimal("1E-18")}
    with desk.store.single("write") as tx:
        bots.record_baseline(tx, desk.fence, held)
    with desk.store.transaction("look") as tx:
        (name,) = bots.load_account_names(tx)
        account = bots.load_account(tx, name)
    assert account is not None
    assert account.baseline == held


def test_record_tick__marks_all_bots_and_the_desk_or_none(desk: Desk, database: Database) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    mark = TickMark(desk.bot_id, Decimal("10.5"), {"seen": "1"})
    with desk.store.single("tick") as tx:
        bots.record_tick(tx, desk.fence, at, [mark])
    with pytest.raises(errors.BrokenInvariant), desk.store.single("tick") as tx:
        bots.record_tick(tx, desk.fence, at, [mark, TickMark(uuid4(), None, None)])  # type: ignore[arg-type]
    assert database.rows("select ticks, equity, memory from bots") == [(1, Decimal("10.5"), {"seen": "1"})]
