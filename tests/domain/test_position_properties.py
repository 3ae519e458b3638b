"""What holds for any history of fills: arrival does not matter, nothing is lost between position, trades and cash."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import money, position
from runtime.domain.fill import Fill
from runtime.domain.money import ZERO
from runtime.domain.position import Applied, Direction, Position, Trade
from tests.domain.samples import BOT, BTC, NOW, make_fill

QUANTITIES = st.integers(1, 5_000).map(lambda steps: f"{Decimal(steps) / 1000:f}")
PRICES = st.integers(1, 30_000_000).map(lambda ticks: f"{Decimal(ticks) / 100:f}")
HUGE = st.integers(1, 10**19).map(str)
FEE_PARTS = st.sampled_from([Decimal(part) for part in ("0", "0.001", "0.0006", "-0.0002", "0.01")])


@st.composite
def fills(draw: st.DrawFn, *, coins: tuple[str, ...] = ("USDT",), quantities=QUANTITIES) -> Fill:
    """One fill; its number and time are given when it takes its place in a history."""
    fill = make_fill(0, draw(st.sampled_from(["buy", "sell"])), draw(quantities), draw(PRICES))
    coin, part = draw(st.sampled_from(coins)), draw(FEE_PARTS)
    worth = fill.quantity if coin == "BTC" else money.product(fill.quantity, fill.price)
    changes = {"fee": money.product(worth, part), "fee_coin": coin}
    return make_fill(0, fill.side, f"{fill.quantity:f}", f"{fill.price:f}", **changes)


def numbered(history: list[Fill], gaps: list[int]) -> list[Fill]:
    """The history in time: some fills share an instant, as those of one market order do."""
    placed, seconds = [], 0
    for number, fill in enumerate(history, start=1):
        seconds += gaps[number % len(gaps)]
        changes = {"fee": fill.fee, "fee_coin": fill.fee_coin, "traded_at": NOW + timedelta(seconds=seconds)}
        placed.append(make_fill(number, fill.side, f"{fill.quantity:f}", f"{fill.price:f}", **changes))
    return placed


def histories(coins: tuple[str, ...] = ("USDT", "BTC", "BGB"), quantities=QUANTITIES):
    some = st.lists(fills(coins=coins, quantities=quantities), max_size=25)
    return st.builds(numbered, some, st.lists(st.sampled_from([0, 1, 40_000]), min_size=1, max_size=5))


def replay(history: list[Fill]) -> Applied:
    return position.replay(BOT, BTC, history)


@given(histories(), st.data())
def test_replay__shuffled_and_duplicated_fills_give_the_same_position_and_trades(history, data) -> None:
    repeated = data.draw(st.lists(st.sampled_from(history))) if history else []
    arrived = data.draw(st.permutations([*history, *repeated]))
    assert replay(arrived) == replay(history)


@given(histories(), st.data())
def test_replay__a_late_fill_gives_what_it_would_have_given_in_time(history, data) -> None:
    if not history:
        return
    late = data.draw(st.sampled_from(history))
    early = [fill for fill in history if fill is not late]
    assert replay([*early, late]) == replay(history)
    if not replay(early).position.follows(late):
        assert early[-1].sort_key > late.sort_key


@given(histories())
def test_apply__one_after_another_is_replay(history: list[Fill]) -> None:
    held, trades = Position(BOT, BTC), dict[int, Trade]()
    for fill in history:
        assert held.follows(fill)
        applied = position.apply(held, position.open_trade(trades.values()), fill)
        held = applied.position
        trades.update((trade.number, trade) for trade in applied.trades)
        assert not held.follows(fill)
    whole = replay(history)
    assert held == whole.position
    assert tuple(trades.values()) == whole.trades


def check_trades_add_up(whole: Applied) -> None:
    with money.precisely():
        assert sum((trade.realised for trade in whole.trades), ZERO) == whole.position.realised
        assert sum((trade.fees for trade in whole.trades), ZERO) == whole.position.fees


@given(histories())
def test_trades__add_up_to_the_position(history: list[Fill]) -> None:
    whole = replay(history)
    check_trades_add_up(whole)
    assert [trade.number for trade in whole.trades] == list(range(1, len(whole.trades) + 1))
    assert all(trade.closed_at is not None for trade in whole.trades[:-1])
    assert whole.position.trade_count == len(whole.trades)
    assert whole.position.fill_count == len(history)


@given(histories(quantities=HUGE))
def test_trades__add_up_where_the_numbers_are_huge(history: list[Fill]) -> None:
    check_trades_add_up(replay(history))


def cash_flow(history: list[Fill]) -> Decimal:
    """What the fills did to the balance of the quote coin, counted without positions or trades."""
    paid = ZERO
    for fill in history:
        paid -= fill.side.sign * fill.quantity * fill.price
        paid -= fill.fee if fill.fee_coin == "USDT" else ZERO
    return paid


def base_flow(history: list[Fill]) -> Decimal:
    fees = (fill.fee for fill in history if fill.fee_coin == "BTC")
    return sum((fill.side.sign * fill.quantity for fill in history), ZERO) - sum(fees, ZERO)


@given(histories(), PRICES)
def test_position__is_worth_what_cash_and_coins_are_worth(history: list[Fill], price: str) -> None:
    """Quantities and prices here have at most 5 places and fees 10, so that no product is rounded: exact."""
    held = replay(history).position
    with money.precisely():
        assert held.quantity == base_flow(history)
        worth = held.quantity * Decimal(price) - held.cost + held.realised - held.fees
        expected = base_flow(history) * Decimal(price) + cash_flow(history)
        assert worth == expected == held.unrealised(Decimal(price)) + held.result


@given(histories(coins=("USDT",)))
def test_position__flat_has_no_cost_and_its_trades_are_closed(history: list[Fill]) -> None:
    """Linear: nothing is taken out of the quantity, so that flat is exactly zero."""
    whole = replay(history)
    net = base_flow(history)
    closing = make_fill(
        99, "sell" if net > 0 else "buy", f"{abs(net) or 1:f}", "50", traded_at=NOW + timedelta(9)
    )
    flat = replay([*history, closing]) if net else whole
    assert flat.position.quantity == 0
    assert flat.position.cost == 0
    assert all(trade.closed_at for trade in flat.trades)
    assert all(trade.entry_quantity == trade.exit_quantity for trade in flat.trades)
    with money.precisely():
        assert all(trade.realised == gain(trade) for trade in flat.trades)


def gain(trade: Trade) -> Decimal:
    """What a closed trade brought, told by its two ends alone."""
    up = trade.exit_quote - trade.entry_quote
    return up if trade.direction is Direction.LONG else -up


@given(histories())
def test_day__results_of_the_days_add_up_to_the_whole(history: list[Fill]) -> None:
    held, trades, days = Position(BOT, BTC), dict[int, Trade](), dict[date, Decimal]()
    for fill in history:
        applied = position.apply(held, position.open_trade(trades.values()), fill)
        held = applied.position
        trades.update((trade.number, trade) for trade in applied.trades)
        with money.precisely():
            days[fill.traded_at.date()] = held.result_on(fill.traded_at.date())
    with money.precisely():
        assert sum(days.values(), ZERO) == held.result
