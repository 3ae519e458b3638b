"""The picture of the program: faults first and in words, each figure with its age, nothing swallowed as markup."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from runtime.domain.status import BotStatus, DeskStatus, Overview, PositionStatus, ProcessStatus
from runtime.local.terminal import Screen, age, find_faults, plain_line, render

NOW = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC)
POSITION = PositionStatus("BTC/USDT", Decimal("0.0150"), Decimal("68000.123456789012"), Decimal("-12.5"))
BOT = BotStatus(
    name="momo",
    strategy="momentum",
    state="running",
    halt_reason="",
    equity=Decimal("112.345"),
    equity_at=NOW - timedelta(seconds=3),
    ticked_at=NOW - timedelta(seconds=1),
    ticks=41,
    positions=(POSITION,),
    open_orders=2,
    fills=7,
    realised=Decimal("4.2"),
)
DESK = DeskStatus(
    account="paper-one",
    venue="bitget",
    market="spot",
    lease_holder="desk on this machine",
    lease_epoch=3,
    lease_expires_at=NOW + timedelta(seconds=20),
    alive=True,
    last_recovery="2 orders proved",
    recovered_at=NOW - timedelta(minutes=5),
    bots=(BOT,),
    unknown_orders=0,
    quarantined=0,
)
PROCESS = ProcessStatus("simulator", 123, "running", 0, "listening [red]on[/] 127.0.0.1")
OVERVIEW = Overview(NOW, (DESK,), (PROCESS,))


def _drawn(overview: Overview, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render(overview, NOW))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _with_desk(**changes: object) -> Overview:
    return replace(OVERVIEW, desks=(replace(DESK, **changes),))  # type: ignore[arg-type]


def _with_bot(**changes: object) -> Overview:
    return _with_desk(bots=(replace(BOT, **changes),))  # type: ignore[arg-type]


def test_render__says_how_old_the_model_and_what_is_remembered_are() -> None:
    kept = _with_bot(saved_at=NOW - timedelta(seconds=42), trained_at=NOW - timedelta(minutes=7))
    drawn, line = _drawn(kept), plain_line(kept, NOW)
    for told in (age(NOW - timedelta(seconds=42), NOW), age(NOW - timedelta(minutes=7), NOW)):
        assert told in drawn
        assert told in line
    assert "model trained" not in plain_line(OVERVIEW, NOW)


def test_find_faults__a_healthy_picture_has_none() -> None:
    assert find_faults(OVERVIEW, NOW) == []
    assert "wrong" not in _drawn(OVERVIEW).lower()
    assert "WRONG" not in plain_line(OVERVIEW, NOW)


@pytest.mark.parametrize(
    ("overview", "words"),
    [
        (_with_desk(unknown_orders=1), ["paper-one", "1 order is UNKNOWN"]),
        (_with_desk(unknown_orders=2), ["2 orders are UNKNOWN"]),
        (_with_desk(quarantined=4), ["paper-one", "4 foreign rows are in quarantine"]),
        (_with_desk(alive=False, lease_expires_at=NOW - timedelta(seconds=9)), ["dead", "9 s ago"]),
        (_with_desk(alive=False, lease_expires_at=None), ["dead", "nobody has held"]),
        (
            _with_bot(state="halted", halt_reason="daily loss reached"),
            ["momo", "halted", "daily loss reached"],
        ),
        (_with_bot(ticked_at=NOW - timedelta(seconds=100)), ["momo", "100 s ago"]),
        (_with_bot(ticked_at=None), ["momo", "has not ticked yet"]),
        (
            replace(OVERVIEW, processes=(replace(PROCESS, pid=None, state="ended with 10", restarts=3),)),
            ["simulator", "ended with 10", "3 times"],
        ),
    ],
)
def test_find_faults__each_is_said_in_words_and_stands_first(overview: Overview, words: list[str]) -> None:
    faults = find_faults(overview, NOW)
    assert len(faults) == 1
    assert all(word in faults[0] for word in words)
    drawn = _drawn(overview)
    assert drawn.index(words[-1]) < drawn.index("lease epoch 3, ")
    line = plain_line(overview, NOW)
    assert line.index(faults[0]) < line.index("paper-one: lease")


def test_find_faults__what_is_unproved_comes_before_what_is_dead() -> None:
    faults = find_faults(_with_desk(unknown_orders=1, alive=False), NOW)
    assert "UNKNOWN" in faults[0]
    assert "dead" in faults[1]


def test_render__shows_every_figure_with_its_age() -> None:
    drawn = _drawn(OVERVIEW)
    for text in (
        "result",
        "+112.34 (3 s ago)",
        "+4.20",
        "41 (1 s ago)",
        "BTC/USDT 0.015 at 68000.123 (-12.50)",
        "lease epoch 3",
        "last recovery 5 min ago: 2 orders proved",
        "0 s ago",
    ):
        assert text in drawn


def test_render__text_from_outside_is_not_read_as_markup() -> None:
    assert "listening [red]on[/] 127.0.0.1" in _drawn(OVERVIEW)
    assert "[bold" in _drawn(_with_bot(state="halted", halt_reason="[bold"))


def test_render__a_narrow_terminal_and_an_empty_picture_are_drawn_too() -> None:
    assert _drawn(OVERVIEW, width=40)
    assert "No desk is known yet" in _drawn(Overview(NOW, (), ()))
    assert "no desk is known yet" in plain_line(Overview(NOW, (), ()), NOW)


def test_plain_line__is_one_line_whatever_a_reason_holds() -> None:
    line = plain_line(_with_bot(state="halted", halt_reason="a\nb\r\nc"), NOW)
    assert "\n" not in line
    assert "momo halted, result +112.34 (3 s ago)" in line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-20, "in 20 s"),
        (0, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7200, "2 h ago"),
        (200000, "2 days ago"),
    ],
)
def test_age__uses_the_largest_unit_that_says_something(seconds: int, text: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == text


def test_age__of_nothing_is_never() -> None:
    assert age(None, NOW) == "never"


def test_screen__without_a_terminal_prints_a_line_now_and_then_and_a_fault_at_once() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, width=80), plain_seconds_between=10) as screen:
        screen.show(OVERVIEW, NOW)
        screen.show(OVERVIEW, NOW + timedelta(seconds=1))
        assert len(out.getvalue().splitlines()) == 1
        screen.show(_with_desk(alive=False), NOW + timedelta(seconds=2))
        screen.show(_with_desk(alive=False), NOW + timedelta(seconds=3))
        assert len(out.getvalue().splitlines()) == 2
        screen.show(OVERVIEW, NOW + timedelta(seconds=14))
    assert len(out.getvalue().splitlines()) == 3


def test_screen__in_a_terminal_redraws_the_picture() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, width=120, force_terminal=True)) as screen:
        screen.show(OVERVIEW, NOW)
        screen.show(_with_desk(unknown_orders=1), NOW)
    assert "What is wrong" in out.getvalue()
