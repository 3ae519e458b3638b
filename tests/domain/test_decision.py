"""Strategies are foreign code: what they answer is looked at as if it came from a stranger."""

import json
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import decision
from runtime.domain.decision import Decision, Proposal
from runtime.domain.order import Kind
from tests.domain.samples import BTC, ETH, propose

ALLOWED = frozenset({BTC})
GOOD = propose(kind=Kind.LIMIT, price=Decimal("99.5"), reason="because\nof\tthis: \u00e9\U0001f600")


def fault(answer: object) -> str | None:
    return decision.fault(answer, "sample", ALLOWED)


def nested(depth: int) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for _ in range(depth):
        table = {"in": table}
    return table


def holding_itself() -> dict[str, Any]:
    table: dict[str, Any] = {}
    table["me"] = [table, table]
    return table


def doubled(times: int) -> list[Any]:
    """Small to hold, 2 ** times parts to write down."""
    row: list[Any] = ["x"]
    for _ in range(times):
        row = [row, row]
    return row


def test_fault__lets_a_sound_decision_pass() -> None:
    memory: dict[str, Any] = {"a": [1, -1, True, None, "text\n\t\u00a0", {"b": [], "": {}}], "n": 2**63 - 1}
    sound = Decision((GOOD, propose(key="other")), ("hf1",), memory, "a note")
    assert fault(sound) is None
    assert fault(Decision()) is None


@pytest.mark.parametrize("answer", [None, (), [], {}, "buy", 1, Decision, GOOD, [GOOD]])
def test_fault__refuses_what_is_no_decision(answer: object) -> None:
    assert fault(answer)


@pytest.mark.parametrize("proposals", [None, [GOOD], GOOD, "buy", iter([GOOD]), {"a": GOOD}], ids=range(6))
def test_fault__refuses_proposals_that_are_not_a_tuple(proposals: Any) -> None:
    assert fault(Decision(proposals))


BAD_FIELDS: list[dict[str, Any]] = [
    {"key": ""},
    {"key": "x" * 201},
    {"key": "a\0b"},
    {"key": "\ud800"},
    {"key": None},
    {"key": 10**5000},
    {"symbol": ETH},
    {"symbol": None},
    {"symbol": []},
    {"symbol": "\udfff"},
    {"side": "buy"},
    {"side": None},
    {"kind": "market"},
    {"kind": 10**5000},
    {"quantity": 1},
    {"quantity": 1.5},
    {"quantity": "1"},
    {"quantity": True},
    {"quantity": None},
    {"quantity": Decimal("NaN")},
    {"quantity": Decimal("sNaN")},
    {"quantity": Decimal("Infinity")},
    {"quantity": Decimal("-Infinity")},
    {"quantity": Decimal(0)},
    {"quantity": Decimal("-0")},
    {"quantity": Decimal(-1)},
    {"quantity": Decimal("1e20")},
    {"quantity": Decimal("1e400")},
    {"quantity": Decimal("1e-19")},
    {"quantity": Decimal("0." + "1" * 5000)},
    {"price": 99.5},
    {"price": "99.5"},
    {"price": Decimal("NaN")},
    {"price": Decimal("sNaN")},
    {"price": Decimal(0)},
    {"price": Decimal("1e400")},
    {"reduce_only": "no"},
    {"reduce_only": None},
    {"reason": None},
    {"reason": "a\0b"},
    {"reason": "\ud800"},
    {"reason": "x" * 1001},
]


@pytest.mark.parametrize("change", BAD_FIELDS, ids=range(len(BAD_FIELDS)))
def test_fault__refuses_a_proposal_with_one_wrong_field_in_a_short_sentence(change: dict[str, Any]) -> None:
    sentence = fault(
        Decision(
            (GOOD, replace(GOOD, key="other", **change) if "key" not in change else replace(GOOD, **change))
        )
    )
    assert sentence
    assert len(sentence) < 500
    sentence.encode()


@pytest.mark.parametrize("proposal", [None, "buy", (GOOD,), Proposal, object()], ids=range(5))
def test_fault__refuses_what_is_no_proposal(proposal: Any) -> None:
    assert fault(Decision((proposal,)))


def test_fault__refuses_the_same_key_twice() -> None:
    assert fault(Decision((GOOD, replace(GOOD, quantity=Decimal(2)))))


@pytest.mark.parametrize(
    "cancels", [None, ["hf1"], "hf1", (1,), (None,), ("a\0b",), ("\ud800",)], ids=range(7)
)
def test_fault__refuses_cancels_that_are_not_ids(cancels: Any) -> None:
    assert fault(Decision(cancels=cancels))


@pytest.mark.parametrize("note", [None, 1, "a\0b", "\udc00"])
def test_fault__refuses_a_note_that_cannot_be_stored(note: Any) -> None:
    assert fault(Decision(note=note))


BAD_MEMORIES: list[Any] = [
    None,
    [],
    "text",
    MappingProxyType({}),
    {1: "a"},
    {None: "a"},
    {"a\0b": 1},
    {"\ud800": 1},
    {"a": 1.5},
    {"a": float("nan")},
    {"a": Decimal(1)},
    {"a": ("tuple",)},
    {"a": {1, 2}},
    {"a": b"bytes"},
    {"a": object()},
    {"a": [{"b": [1.5]}]},
    {"a": "x\0"},
    {"a": "\ud800"},
    {"a": "new line\n\udfff"},
    {"a": 10**5000},
    {"a": 2**63},
    {"a": MappingProxyType({})},
    nested(22),
    nested(5000),
    holding_itself(),
    {"a": doubled(18)},
    {"a": [0] * 200_000},
]


@pytest.mark.parametrize("memory", BAD_MEMORIES, ids=range(len(BAD_MEMORIES)))
def test_fault__refuses_a_memory_that_cannot_be_stored(memory: Any) -> None:
    assert fault(Decision(memory=memory))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.binary()
    | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(), max_size=3), ANYTHING, max_size=3))
def test_fault__what_it_accepts_as_memory_comes_back_equal_from_json(memory: Any) -> None:
    if fault(Decision(memory=memory)) is None:
        text = json.dumps(memory)
        assert json.loads(text.encode()) == memory
        assert "\\u0000" not in text.replace("\\\\", "")


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_fault__never_raises(first: Any, second: Any, third: Any, fourth: Any) -> None:
    fault(Decision(first, second, third, fourth))
    fault(Decision((Proposal(first, second, third, fourth),)))
    fault(Decision((replace(GOOD, quantity=first, price=second, reduce_only=third, reason=fourth),)))
