"""Columns into objects: whole, in order, and never shifted."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from runtime import errors
from runtime.store import columns


@dataclass(frozen=True, slots=True)
class Pair:
    left: str
    right: Decimal


def test_build__makes_what_the_constructor_makes() -> None:
    made = columns.build(Pair, [["a", "b"], columns.parse("1.5,2", Decimal)])
    assert made == [Pair("a", Decimal("1.5")), Pair("b", Decimal(2))]


@pytest.mark.parametrize(
    "wrong", [[["a", "b"], [Decimal(1)]], [["a"]], [["a"], [Decimal(1)], ["one too many"]]]
)
def test_build__columns_that_do_not_fit_each_other_are_refused(wrong: list[list[object]]) -> None:
    with pytest.raises(errors.BrokenInvariant, match="do not fit"):
        columns.build(Pair, wrong)


def test_parse_uuids__are_whole_uuids() -> None:
    ids = [uuid4() for _ in range(3)]
    made = columns.parse_uuids(",".join(map(str, ids)))
    assert made == ids
    assert [(each.is_safe, hash(each), repr(each)) for each in made] == [
        (each.is_safe, hash(each), repr(each)) for each in ids
    ]


def test_known__parses_each_once_and_an_empty_one_to_none() -> None:
    parsed = list[str]()

    def parse(text: str) -> datetime:
        parsed.append(text)
        return datetime.fromisoformat(text)

    known = columns.Known(parse)
    first, nothing, again = columns.look_up("2026-03-01 00:00:00+00,,2026-03-01 00:00:00+00", known)
    assert (first, nothing) == (again, None)
    assert parsed == ["2026-03-01 00:00:00+00"]
