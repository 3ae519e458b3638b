"""Signals followed to their end: by the desk that saw them, by the next one after a kill, and past all that fails."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from runtime.domain.order import Side
from runtime.engine import recovery
from runtime.engine.flushing import Flusher
from runtime.engine.keeping import Observer
from runtime.local import processes
from runtime.spool.spool import Spool
from tests.engine.desk_process import SECONDS_MAX, enrol_ladder, running
from tests.engine.rig import PRICE, Rig, limit, market

DEAR, CHEAP = PRICE * Decimal("1.05"), PRICE * Decimal("0.95")


@pytest.fixture
def followed(bare: Rig, tmp_path: Path) -> Iterator[Rig]:
    """A desk that keeps what it sees, in a spool that outlives it."""
    bare.enrol(cooldown_seconds="0", order_quote_max="1000")
    start(bare, tmp_path)
    yield bare
    observer(bare).close()


def start(rig: Rig, folder: Path) -> None:
    """As a process does: the spool first, then recovery."""
    rig.desk = rig.build()
    rig.desk.observer = Observer(lambda: Spool(folder / "spool"), rig.desk.meters)
    rig.desk.observer.open()
    recovery.recover(rig.desk)


def restart(rig: Rig, folder: Path) -> None:
    observer(rig).close()
    rig.leave()
    rig.database.rows("update leases set released_at = clock_timestamp()")
    start(rig, folder)


def observer(rig: Rig) -> Observer:
    assert rig.desk.observer is not None
    return rig.desk.observer


def flush(rig: Rig) -> None:
    Flusher(observer(rig), rig.store, rig.account_id).flush()


def signal(rig: Rig) -> None:
    """Three signals: two that are taken, one of which rests, and one that a limit forbids."""
    rig.trade(
        market("buy", Side.BUY, "0.01"),
        limit("rests", Side.BUY, "0.01", "45000"),
        market("too large", Side.SELL, "1"),
    )


def ends(rig: Rig) -> dict[str, tuple[str | None, Decimal | None]]:
    rows = rig.database.rows("select cause_key, outcome, result from phantoms")
    return {key: (outcome, result) for key, outcome, result in rows}


def test_phantoms__are_followed_from_the_market_s_price_to_a_barrier(followed: Rig) -> None:
    signal(followed)
    flush(followed)
    followed.tick(2)
    assert set(ends(followed).values()) == {(None, None)}, "the price did not move"
    followed.set_price(DEAR)
    followed.tick()
    rows = followed.database.rows(
        "select cause_key, executed, outcome, sign(result)::int, opened_price, closed_price,"
        " take_profit > opened_price, closed_at > at from phantoms order by cause_key"
    )
    (buy, rests, large) = rows
    assert buy[:4] == ("buy", True, "won", 1)
    assert rests[1:4] == (True, "won", 1)
    assert rests[4] == buy[4] > Decimal(45000), "what the market asked, not what the order waits for"
    assert large[:4] == ("too large", False, "lost", -1)
    assert [row[6] for row in rows] == [True, True, False]
    assert all(row[7] for row in rows)
    assert buy[5] <= DEAR <= large[5], "out at the bid, and back in at the ask"
    followed.set_price(CHEAP)
    followed.tick()
    assert ends(followed)["buy"][0] == "won", "an end is an end"


def test_phantoms__that_are_still_in_the_spool_close_when_they_come_out_of_it(followed: Rig) -> None:
    signal(followed)
    followed.set_price(DEAR)
    followed.tick()
    followed.set_price(CHEAP)
    followed.tick()
    assert len(observer(followed).closes) == 3
    flush(followed)
    followed.tick()
    assert [ends(followed)[key][0] for key in ("buy", "rests", "too large")] == ["won", "won", "lost"]
    assert not observer(followed).closes
    assert not observer(followed).phantoms


def test_phantoms__the_open_ones_are_followed_on_after_a_restart(followed: Rig, tmp_path: Path) -> None:
    signal(followed)
    flush(followed)
    restart(followed, tmp_path)
    assert len(observer(followed).phantoms) == 3
    followed.set_price(DEAR)
    followed.tick()
    assert {outcome for outcome, _ in ends(followed).values()} == {"won", "lost"}


def test_phantoms__left_in_the_spool_by_an_earlier_process_are_found_a_little_later(
    followed: Rig, tmp_path: Path
) -> None:
    signal(followed)
    restart(followed, tmp_path)
    assert not observer(followed).phantoms
    flush(followed)
    observer(followed)._due_at_monotonic.clear()
    followed.set_price(DEAR)
    followed.tick()
    assert {outcome for outcome, _ in ends(followed).values()} == {"won", "lost"}


def test_phantoms__that_cannot_be_written_stop_no_tick_and_are_written_later(followed: Rig) -> None:
    signal(followed)
    flush(followed)
    followed.database.rows("revoke select, update on phantoms from holdfast_bot")
    followed.set_price(DEAR)
    followed.tick()
    assert followed.trade(limit("goes on", Side.BUY, "0.01", "45000"))["status"] == "submitted"
    assert len(observer(followed).closes) == 3
    followed.database.rows(
        "grant select, update (closed_at, closed_price, outcome, result) on phantoms to holdfast_bot"
    )
    followed.set_price(CHEAP)
    followed.tick()
    assert ends(followed)["buy"][0] == "won", "by the price at which it ended, not by a later one"


def test_phantoms__that_the_spool_refuses_are_not_followed(followed: Rig) -> None:
    followed.trade(replace(limit("nonsense", Side.BUY, "0.01", "45000"), features={"rsi": float("nan")}))
    assert not observer(followed).phantoms


def test_desk__killed_leaves_its_phantoms_to_the_next_one(bare: Rig, tmp_path: Path) -> None:
    enrol_ladder(bare.database)
    open_ones = "select phantom_id, at from phantoms where closed_at is null order by phantom_id"
    with running(tmp_path / "desk", bare) as desk:
        seen = processes.wait_until(lambda: len(bare.database.rows(open_ones)) == 3, seconds_max=SECONDS_MAX)
        assert seen, (desk.complaint, desk.events())
        desk.kill()
    left = bare.database.rows(open_ones)
    bare.set_price(DEAR)
    closed = "select phantom_id, at from phantoms where outcome = 'won' and phantom_id = any (%s) order by phantom_id"
    ids = [phantom_id for phantom_id, _ in left]
    with running(tmp_path / "desk", bare) as desk:
        ended = processes.wait_until(
            lambda: bare.database.rows(closed, (ids,)) == left, seconds_max=SECONDS_MAX
        )
        assert ended, (desk.complaint, desk.events())
