"""The file in which an exit stands before it leaves: whole lines come back, and nothing else does."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from runtime import errors
from runtime.domain.identity import BotId, ClientOrderId, OrderId
from runtime.domain.order import Intent, Kind, Side
from runtime.spool.exits import Exits

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def intent(key: str = "cause", price: str | None = None) -> Intent:
    return Intent(
        order_id=OrderId(uuid4()),
        bot_id=BotId(uuid4()),
        client_order_id=ClientOrderId("hfabc"),
        key=key,
        symbol="BTC/USDT",
        side=Side.SELL,
        kind=Kind.MARKET if price is None else Kind.LIMIT,
        quantity=Decimal("0.00000001"),
        price=None if price is None else Decimal(price),
        reduce_only=True,
        created_at=NOW,
        send_before=NOW + timedelta(seconds=5),
        reason="line one\nline two, Zürich",
    )


def test_intents__come_back_as_they_were_in_the_order_of_their_epochs(tmp_path: Path) -> None:
    first, second, third = intent("first"), intent("second", "50000.10"), intent("third")
    Exits(tmp_path / "x", 9, may_leave=True).keep(first)
    heir = Exits(tmp_path / "x", 10, may_leave=True)
    heir.keep(second)
    heir.keep(third)
    assert Exits(tmp_path / "x", 11, may_leave=False).waiting() == [first, second, third]
    heir.forget()
    assert heir.waiting() == []
    assert heir.left == set()


def test_nothing_kept__is_nothing_waiting(tmp_path: Path) -> None:
    assert Exits(tmp_path / "never made", 1, may_leave=True).waiting() == []


def test_line__cut_anywhere_is_not_taken_for_an_exit_and_those_before_it_are(tmp_path: Path) -> None:
    exits = Exits(tmp_path, 1, may_leave=True)
    whole = intent("whole")
    exits.keep(whole)
    [file] = tmp_path.iterdir()
    complete = file.stat().st_size
    exits.keep(intent("torn"))
    data = file.read_bytes()
    for length in range(complete, len(data) - 1):
        file.write_bytes(data[:length])
        assert exits.waiting() == [whole]


def test_line__damaged_at_any_byte_is_reported_and_costs_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    exits = Exits(tmp_path, 1, may_leave=True)
    exits.keep(intent("damaged"))
    [file] = tmp_path.iterdir()
    length = file.stat().st_size
    good = intent("good")
    exits.keep(good)
    data = file.read_bytes()
    for place in range(length - 1):
        caplog.clear()
        file.write_bytes(data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :])
        assert exits.waiting()[-1:] == [good]
        assert len(exits.waiting()) == 1
        assert "an exit in the spool cannot be read" in caplog.text


def test_folder__that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.SpoolUnusable, match="it is no folder"):
        Exits(tmp_path / "file", 1, may_leave=True).keep(intent())
