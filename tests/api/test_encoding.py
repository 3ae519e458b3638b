"""What shapes look like as JSON: the same to the byte, whichever of the two ways wrote it."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from runtime.api.encoding import encode, text

BOT = UUID("7f2b6a52-5d8f-4b6e-9b53-0d6f0a3f9d11")


@dataclass(frozen=True, slots=True)
class Shape:
    bot: UUID
    at: datetime
    day: date
    told: Any
    note: str | None


def shape(told: Any) -> Shape:
    return Shape(BOT, datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC), date(2026, 3, 1), told, None)


SAID = (
    '{"bot":"7f2b6a52-5d8f-4b6e-9b53-0d6f0a3f9d11","at":"2026-03-01T12:00:00.000005Z","day":"2026-03-01",'
    '"told":%s,"note":null}'
)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"price": Decimal("0.10"), "é": [True, 1]}, '{"price":"0.10","é":[true,1]}'),
        ({"count": 2**63}, '{"count":9223372036854775808}'),
        ({"count": 10**40}, '{"count":1' + "0" * 40 + "}"),
        ([{"price": Decimal("1E-18"), "count": -(10**30)}], '[{"price":"1E-18","count":-1' + "0" * 30 + "}]"),
    ],
)
def test_encode__writes_amounts_as_text_and_any_whole_number(told: Any, said: str) -> None:
    assert encode(shape(told)) == (SAID % said).encode()


def test_encode__is_json_whatever_stands_in_a_text() -> None:
    odd = '\u2028</script>"\\ \n\u202e' + chr(0x1F9FE)
    assert json.loads(text({"a": odd, "b": 10**30})) == {"a": odd, "b": 10**30}
    assert json.loads(text({"a": odd})) == {"a": odd}


def test_encode__does_not_guess_at_what_it_does_not_know() -> None:
    with pytest.raises(TypeError):
        encode({"a": object()})
