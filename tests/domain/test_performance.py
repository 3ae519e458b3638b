"""Figures that a person could work out by hand, laws that hold for every history, and Python's own statistics."""

import statistics
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import performance
from runtime.domain.performance import Mark, Performance
from runtime.domain.position import Direction, Trade
from tests.domain.samples import BOT, BTC, ETH

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def trade(
    result: str | Decimal, *, hours: float = 0, symbol: str = BTC, fees: str = "0", number: int = 1
) -> Trade:
    """Closed so many hours after Monday noon, an hour after it was opened; `result` is after its fees."""
    closed = MONDAY + timedelta(hours=hours)
    return Trade(
        bot_id=BOT,
        symbol=symbol,
        number=number,
        direction=Direction.LONG,
        opened_at=closed - timedelta(hours=1),
        closed_at=closed,
        entry_quantity=Decimal(1),
        entry_quote=Decimal(100),
        exit_quantity=Decimal(1),
        exit_quote=Decimal(100),
        realised=Decimal(result) + Decimal(fees),
        fees=Decimal(fees),
        fill_count=2,
    )


def history(*results: str) -> list[Trade]:
    return [trade(each, hours=hour, number=hour + 1) for hour, each in enumerate(results)]


def curve(*equities: str | int) -> list[Mark]:
    """One mark a day, at noon."""
    return [Mark(MONDAY + timedelta(days=day), Decimal(each)) for day, each in enumerate(equities)]


amounts = st.decimals(min_value=-1000, max_value=1000, places=2)
equities = st.lists(st.integers(min_value=1, max_value=10**6), min_size=3, max_size=40)


# --- trades ---------------------------------------------------------------------------------------------------------


def test_summarise__what_a_person_would_count() -> None:
    found = performance.summarise(history("10", "-4", "-6", "5", "0", "3", "2"))
    assert (found.trades, found.wins, found.losses) == (7, 4, 2)
    assert [found.gained, found.lost, found.result] == [20, 10, 10]
    assert [found.best, found.worst] == [10, -6]
    assert found.profit_factor == 2
    assert found.win_rate == Decimal("0.571428571428571429")
    assert found.expectancy == Decimal("1.428571428571428571")
    assert [found.average_win, found.average_loss] == [5, 5]
    assert (found.streak, found.longest_wins, found.longest_losses) == (2, 2, 2)
    assert found.held == timedelta(hours=7)


def test_summarise__nothing_is_no_figure_and_not_zero() -> None:
    found = performance.summarise([])
    assert found == Performance()
    assert (found.win_rate, found.profit_factor, found.expectancy, found.best) == (None, None, None, None)


def test_summarise__without_a_loss_there_is_no_profit_factor() -> None:
    assert performance.summarise(history("1", "2")).profit_factor is None


def test_summarise__fees_turn_a_win_into_a_loss() -> None:
    found = performance.summarise([trade("-1", fees="3")])
    assert [found.wins, found.losses, found.result] == [0, 1, -1]


def test_summarise__a_trade_that_is_open_counts_nothing() -> None:
    assert performance.summarise([replace(trade("5"), closed_at=None)]).trades == 0


@given(st.lists(amounts, max_size=30), st.randoms())
def test_summarise__the_order_of_arrival_does_not_matter(results: list[Decimal], chance) -> None:
    ordered = [trade(each, hours=hour, number=hour + 1) for hour, each in enumerate(results)]
    shuffled = list(ordered)
    chance.shuffle(shuffled)
    found = performance.summarise(shuffled)
    assert found == performance.summarise(ordered)
    assert found.result == sum(results, Decimal(0))
    assert found.wins + found.losses + sum(each == 0 for each in results) == found.trades
    assert abs(found.streak or 0) <= max(found.longest_wins or 0, found.longest_losses or 0) <= found.trades


def test_volatility__is_the_deviation_of_a_sample_for_a_year() -> None:
    returns = [Decimal("0.1"), Decimal("-0.1"), Decimal("0.1"), Decimal("-0.1")]
    assert performance.volatility(returns, periods=3) == Decimal("0.2")
    assert performance.volatility(returns[:1]) is None


@given(st.lists(st.tuples(amounts, st.sampled_from((BTC, ETH))), max_size=30))
def test_by_symbol__and_daily_results_add_up_to_the_whole(each_trade: list[tuple[Decimal, str]]) -> None:
    trades = [
        trade(result, hours=7 * n, symbol=symbol, number=n + 1)
        for n, (result, symbol) in enumerate(each_trade)
    ]
    whole = performance.summarise(trades).result
    assert sum((each.result for each in performance.by_symbol(trades).values()), Decimal(0)) == whole
    assert sum(performance.daily_results(trades).values(), Decimal(0)) == whole


def test_daily_results__a_day_is_one_of_utc() -> None:
    late = trade("4", hours=11.9)
    early = trade("7", hours=12.1, number=2)
    assert performance.daily_results([late, early]) == {date(2026, 3, 2): 4, date(2026, 3, 3): 7}


# --- a curve --------------------------------------------------------------------------------------------------------


def test_drawdown__the_deepest_by_its_share_and_when_it_was_made_good() -> None:
    found = performance.deepest_drawdown(curve(100, 120, 90, 130, 120, 135))
    assert found is not None
    assert [found.amount, found.share] == [30, Decimal("0.25")]
    assert found.peak_at == MONDAY + timedelta(days=1)
    assert found.trough_at == MONDAY + timedelta(days=2)
    assert found.recovered_at == MONDAY + timedelta(days=3)


def test_drawdown__one_that_was_never_made_good_has_no_end() -> None:
    found = performance.deepest_drawdown(curve(100, 50, 99))
    assert found is not None
    assert found.recovered_at is None


@pytest.mark.parametrize("marks", [(), (5,), (1, 2, 2, 3)])
def test_drawdown__a_curve_that_never_fell_has_none(marks: tuple[int, ...]) -> None:
    assert performance.deepest_drawdown(curve(*marks)) is None


@given(equities)
def test_drawdown__is_the_worst_of_all_pairs(levels: list[int]) -> None:
    worst = max(
        (Decimal(high - low) / high for n, high in enumerate(levels) for low in levels[n:] if low < high),
        default=None,
    )
    found = performance.deepest_drawdown(curve(*levels))
    assert (found is None) == (worst is None)
    if found is not None and worst is not None:
        assert isclose(float(found.share), float(worst), abs_tol=1e-15)


def test_returns__are_from_day_to_day_and_skip_a_day_without_a_mark() -> None:
    marks = [*curve(100), Mark(MONDAY + timedelta(hours=3), Decimal(110)), *curve(0, 0, 0, 121)[3:]]
    assert performance.daily_returns(marks) == [Decimal("0.1")]


@given(equities)
def test_ratios__are_those_of_the_textbook(levels: list[int]) -> None:
    returns = performance.daily_returns(curve(*levels))
    plain = [float(each) for each in returns]
    sharpe, sortino = performance.sharpe(returns), performance.sortino(returns)
    deviation = statistics.stdev(plain)
    downside = sqrt(statistics.fmean(min(each, 0.0) ** 2 for each in plain))
    assert (sortino is None) == (downside == 0)
    if sharpe is not None and deviation > 1e-9:
        assert isclose(
            float(sharpe), statistics.fmean(plain) / deviation * sqrt(365), rel_tol=1e-6, abs_tol=1e-9
        )
    if sortino is not None:
        assert isclose(
            float(sortino), statistics.fmean(plain) / downside * sqrt(365), rel_tol=1e-6, abs_tol=1e-9
        )


def test_ratios__of_a_curve_that_stands_still_do_not_exist() -> None:
    still = performance.daily_returns(curve(5, 5, 5))
    assert performance.sharpe(still) is None
    assert performance.sortino(still) is None
    assert performance.sharpe([]) is None


# --- what is held ---------------------------------------------------------------------------------------------------


def test_exposure__gross_adds_and_net_sets_off() -> None:
    found = performance.exposure({BTC: Decimal(100), ETH: Decimal(-40)})
    assert [found.gross, found.net] == [140, 60]


def test_allocate__shows_what_is_held_unasked_and_asked_for_unheld() -> None:
    found = performance.allocate({BTC: Decimal(25)}, Decimal(100), {ETH: Decimal("0.5")})
    assert [(each.symbol, each.current, each.target, each.drift) for each in found] == [
        (BTC, Decimal("0.25"), 0, Decimal("0.25")),
        (ETH, 0, Decimal("0.5"), Decimal("-0.5")),
    ]


@pytest.mark.parametrize("equity", ["0", "-3"])
def test_allocate__without_equity_there_is_nothing_to_share(equity: str) -> None:
    assert performance.allocate({BTC: Decimal(1)}, Decimal(equity), {}) == []
