"""What may be kept of an observation: the border that every one of them passes."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from runtime import errors
from runtime.domain import observation
from runtime.domain.observation import PAYLOAD_BYTES_MAX, TEXT_LENGTH_MAX, Batch, Kind, Observation, Record

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ID = UUID("7e0c8a52-0c39-4f53-8a54-3f29d0c3a111")


def phantom(**changes: Any) -> Observation:
    facts = {
        "phantom_id": ID,
        "bot_id": ID,
        "symbol": "BTC/USDT",
        "strategy": "momentum",
        "side": "buy",
        "executed": False,
        "reason": "score too low",
        "score": Decimal("0.41"),
        "cause_key": None,
        "opened_price": Decimal("61234.50"),
        "take_profit": None,
        "stop_loss": None,
        "features": {"rsi": 41.25, "trend": Decimal("1E+2"), "at": AT, "path": (1, 2)},
    }
    return Observation(Kind.PHANTOM, AT, facts | changes)


def decision(**changes: Any) -> Observation:
    facts = {
        "decision_id": ID,
        "bot_id": ID,
        "prompt": "what now?",
        "answer": "wait",
        "decisions": [],
        "notes": "",
        "success": True,
        "duration_ms": 12,
        "cause_keys": ["momentum:BTC/USDT:1"],
        "order_ids": [ID],
    }
    return Observation(Kind.DECISION, AT, facts | changes)


def test_encode__writes_amounts_as_texts_and_measurements_as_numbers() -> None:
    told = json.loads(observation.encode(phantom()))
    assert told["opened_price"] == "61234.5"
    assert told["score"] == "0.41"
    assert told["take_profit"] is None
    assert told["features"] == {"rsi": 41.25, "trend": "100", "at": AT.isoformat(), "path": [1, 2]}


def test_encode__keeps_a_prompt_to_the_last_character() -> None:
    prompt = 'quotes " and \\ and \\u0000 spelled out, \u2028, \U0001f680, \x01, \r\n'
    assert json.loads(observation.encode(decision(prompt=prompt)))["prompt"] == prompt


LOOP: list[Any] = []
LOOP.append(LOOP)
DEEP: list[Any] = []
for _ in range(5000):
    DEEP = [DEEP]

REFUSED = [
    (phantom(opened_price=Decimal("NaN")), "opened_price is NaN, not a finite"),
    (phantom(opened_price=Decimal("Infinity")), "opened_price is Infinity, not a finite"),
    (phantom(opened_price=1.5), "opened_price is a float, not a Decimal"),
    (phantom(opened_price=Decimal(0)), "opened_price is 0, not above zero"),
    (phantom(opened_price=Decimal("1e20")), "not a finite, plausible number"),
    (phantom(opened_price=None), "opened_price is a NoneType"),
    (phantom(features={"x": float("nan")}), "Out of range float"),
    (phantom(features={"x": [float("-inf")]}), "Out of range float"),
    (phantom(features={"x": Decimal("NaN")}), "holds NaN"),
    (phantom(features={"x": b"bytes"}), "holds a bytes"),
    (phantom(features={"x": object()}), "holds a object"),
    (phantom(features=LOOP), "Circular reference"),
    (phantom(features=DEEP), "nested too deeply"),
    (phantom(features={(1, 2): 3}), "keys must be str"),
    (phantom(executed="yes"), "executed is a str, not a bool"),
    (phantom(symbol=""), "symbol is not a text of 1 to"),
    (phantom(side="hold"), "side is 'hold', not one of buy, sell"),
    (phantom(colour="red"), "'colour' is no fact of it"),
    (phantom(features={"x": "\0"}), "a NUL"),
    (decision(prompt="one \0 in it"), "a NUL"),
    (decision(prompt="\\\0"), "a NUL"),
    (decision(prompt="\ud800"), "half of a surrogate pair"),
    (decision(prompt="x" * (TEXT_LENGTH_MAX + 1)), f"at most {TEXT_LENGTH_MAX} characters"),
    (decision(decisions=["x" * PAYLOAD_BYTES_MAX]), f"over the limit of {PAYLOAD_BYTES_MAX}"),
    (decision(duration_ms=-1), "duration_ms is not a whole number"),
    (decision(duration_ms=True), "duration_ms is not a whole number"),
    (Observation(Kind.PHANTOM, AT.replace(tzinfo=None), phantom().facts), "no zone"),
]


@pytest.mark.parametrize(("seen", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_encode__refuses_what_cannot_be_stored_with_a_sentence(seen: Observation, why: str) -> None:
    with pytest.raises(errors.InvalidObservation) as caught:
        observation.encode(seen)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 500


def test_clipped__a_prompt_of_fifty_megabytes_is_cut_to_the_limit() -> None:
    assert observation.clipped("x" * 50_000_000) == "x" * TEXT_LENGTH_MAX
    assert observation.clipped("short") == "short"
    assert observation.clipped(None) is None
    # The worst that JSON can make of two texts of the limit still fits.
    worst = "\x01" * TEXT_LENGTH_MAX
    assert len(observation.encode(decision(prompt=worst, answer=worst))) < PAYLOAD_BYTES_MAX


def test_candles__hold_times_in_microseconds_and_prices_as_texts() -> None:
    row = (AT, Decimal(1), Decimal("2.50"), Decimal("0.5"), Decimal(2), Decimal(0))
    facts = {"symbol": "BTC/USDT", "timeframe": "3m", "candles": [row]}
    told = json.loads(observation.encode(Observation(Kind.CANDLES, AT, facts)))
    assert told["candles"] == [[observation.microseconds(AT), "1", "2.5", "0.5", "2", "0"]]
    for wrong in ([], [row[:5]], [(AT.replace(tzinfo=None), *row[1:])], [(AT, Decimal(0), *row[2:])]):
        with pytest.raises(errors.InvalidObservation, match="candles"):
            observation.encode(Observation(Kind.CANDLES, AT, {**facts, "candles": wrong}))


def test_instant__is_the_inverse_of_microseconds() -> None:
    assert observation.instant(observation.microseconds(AT)) == AT


def test_halves__hold_all_records_in_order() -> None:
    records = tuple(Record(number, Kind.PHANTOM, 0, b"{}") for number in range(5))
    first, second = Batch(ID, records).halves()
    assert first.records + second.records == records
    assert (first.last, second.last) == (1, 4)
