"""The table of strategies, and what it says about parameters that cannot be used."""

import pytest

from runtime import errors
from runtime.strategies.catalogue import STRATEGIES, build

SYMBOLS = ("BTC/USDT", "ETH/USDT")


@pytest.mark.parametrize("name", STRATEGIES)
def test_build__needs_no_parameters(name):
    strategy = build(name, {}, SYMBOLS)
    assert strategy.name == name
    assert strategy.needs.symbols == SYMBOLS
    assert strategy.needs.timeframe == "1m"
    assert strategy.needs.candles >= 1


@pytest.mark.parametrize("name", STRATEGIES)
def test_build__takes_numbers_as_text(name):
    assert build(name, {"order_quote": "50"}, SYMBOLS) == build(name, {"order_quote": 50}, SYMBOLS)


def test_build__takes_whole_numbers_as_text():
    assert build("grid", {"levels": "4"}, SYMBOLS) == build("grid", {"levels": 4}, SYMBOLS)


def test_build__unknown_name_says_which_are_known():
    with pytest.raises(errors.BadInput) as refused:
        build("martingale", {}, SYMBOLS)
    assert "grid, mean_reversion, momentum" in str(refused.value)


@pytest.mark.parametrize("symbols", [(), ("BTC/USDT", "BTC/USDT")])
def test_build__refuses_symbols_that_are_none_or_twice(symbols):
    with pytest.raises(errors.BadInput):
        build("grid", {}, symbols)


def test_build__names_every_fault_at_once():
    raw = {
        "fast": 9,
        "slow": "8.5",
        "order_quote": 1.5,
        "threshold_ratio": "NaN",
        "timeframe": "2m",
        "speed": 1,
    }
    with pytest.raises(errors.BadInput) as refused:
        build("momentum", raw, SYMBOLS)
    detail = refused.value.facts["detail"]
    for part in (
        "slow is '8.5'",
        "order_quote",
        "threshold_ratio",
        "timeframe is '2m'",
        "'speed'",
        "fast (9)",
    ):
        assert part in detail


@pytest.mark.parametrize("value", [True, 0, 501, -1, 2.0, "two", None, "9" * 5000, [3], "²"])
def test_build__a_count_is_a_whole_number_in_its_range(value):
    with pytest.raises(errors.BadInput):
        build("momentum", {"fast": value, "slow": 1000}, SYMBOLS)


@pytest.mark.parametrize(
    "value", [True, 0.1, "NaN", "Infinity", "-1", "0", "1e400", "", None, "1" * 5000, {}]
)
def test_build__an_amount_is_a_finite_decimal_in_its_range(value):
    with pytest.raises(errors.BadInput):
        build("grid", {"order_quote": value}, SYMBOLS)
