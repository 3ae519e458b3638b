"""Prices: the same for ever for the same seed, symbol and second; alive in between; replayed as they were written."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from runtime import errors
from runtime.simulator.markets import MIX, SPOT
from runtime.simulator.prices import REGIMES, Feed, SyntheticPath, load_replay
from tests.simulator.conftest import BTC
from tests.venue import connect, start_simulator

START = 1_790_000_000
HOURS = range(START, START + 200 * 3600, 3600)


def feed(seed: int = 1) -> Feed:
    return Feed(seed, SPOT | MIX, {})


def test_price__is_a_pure_function_of_seed_symbol_and_second() -> None:
    one, two, other = feed(), feed(), feed(seed=2)
    seconds = list(range(START, START + 600, 7))
    path = [one.quote(SPOT["BTCUSDT"], second) for second in seconds]
    assert path == [two.quote(SPOT["BTCUSDT"], second) for second in reversed(seconds)][::-1]
    assert path != [other.quote(SPOT["BTCUSDT"], second) for second in seconds]


def test_price__stands_on_the_tick_with_the_bid_below_the_ask() -> None:
    for symbol, instrument in (SPOT | MIX).items():
        for second in range(START, START + 36_000, 997):
            quote = feed().quote(instrument, second)
            assert 0 < quote.bid < quote.ask
            assert quote.bid <= quote.last <= quote.ask
            assert quote.bid % instrument.tick == quote.ask % instrument.tick == 0, symbol


def test_path__has_every_regime_and_the_volatile_one_moves_more() -> None:
    path = SyntheticPath(3, SPOT["ETHUSDT"])
    moves: dict[str, list[Decimal]] = {regime: [] for regime in REGIMES}
    for hour in HOURS:
        begun = hour - hour % 3600
        prices = [path.middle(begun + second) for second in range(0, 1500, 5)]
        moves[path.regime(begun)].append(
            sum((abs(two / one - 1) for one, two in pairwise(prices)), Decimal(0))
        )
    mean = {regime: sum(drawn, Decimal(0)) / len(drawn) for regime, drawn in moves.items()}
    assert mean["range"] < mean["trend"] < mean["volatile"]


def test_path__jumps_now_and_then() -> None:
    path = SyntheticPath(3, SPOT["ETHUSDT"])
    edges = range(START - START % 1800, START + 720_000, 1800)
    jumps = [abs(path.middle(second) / path.middle(second - 1) - 1) for second in edges]
    assert max(jumps) > Decimal("0.005")


def test_candle__is_finished_with_its_minute_and_holds_its_prices() -> None:
    instrument = SPOT["BTCUSDT"]
    opened = START - START % 60
    done = feed().candle(instrument, opened, 60, opened + 59)
    assert done == feed().candle(instrument, opened, 60, opened + 10_000)
    assert done.low <= min(done.open, done.close) <= max(done.open, done.close) <= done.high
    begun = feed().candle(instrument, opened, 60, opened)
    assert begun.open == begun.close == done.open


def write_candles(path: Path) -> Path:
    rows = [
        "timestamp,open,high,low,close,volume",
        "1700000040000,100,120,90,110,5",
        "1700000100000,110,111,80,85,7",
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_replay__walks_low_before_high_when_it_rises(tmp_path: Path) -> None:
    path = load_replay(write_candles(tmp_path / "candles.csv"))
    prices = [path.middle(1_700_000_040 + second) for second in range(60)]
    assert (prices[0], min(prices), max(prices), prices[-1]) == tuple(map(Decimal, (100, 90, 120, 110)))
    assert prices.index(min(prices)) < prices.index(max(prices))
    falling = [path.middle(1_700_000_100 + second) for second in range(60)]
    assert falling.index(max(falling)) < falling.index(min(falling))
    assert path.middle(1_800_000_000) == 85


@pytest.mark.parametrize(
    "text", ["", "timestamp,open\n", "1700000000000,1,2\n", "1700000000000,1,NaN,1,1,1\n"]
)
def test_replay__of_a_bad_file_says_what_it_must_be(tmp_path: Path, text: str) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(errors.BadInput, match="timestamp,open,high,low,close,volume"):
        load_replay(path)


def test_replay__runs_at_the_speed_it_is_told(tmp_path: Path) -> None:
    candles = write_candles(tmp_path / "candles.csv")
    running = start_simulator(tmp_path, replay=f"BTCUSDT={candles}", clock="manual")
    exchange = connect(running)
    try:
        assert exchange.fetch_ticker(BTC)["last"] == "100"
        running.control("advance", {"seconds": 59})
        assert exchange.fetch_ticker(BTC)["last"] == "110"
        assert exchange.fetch_ohlcv(BTC, "1m", limit=1)[0][1:] == ["100", "120", "90", "110", "5"]
        running.control("advance", {"seconds": 3600})
        assert exchange.fetch_ticker(BTC)["last"] == "85"
    finally:
        running.close()
        exchange.session.close()


def test_speed__multiplies_the_market_s_time_and_keeps_going_after_a_restart(tmp_path: Path) -> None:
    running = start_simulator(tmp_path, speed=1000)
    try:
        first = running.control("market")["market_ms"]
        second = running.control("market")["market_ms"]
        while second - first < 10_000:
            second = running.control("market")["market_ms"]
        running.restart()
        assert running.control("market")["market_ms"] > second
    finally:
        running.close()


def test_market__moves_by_itself_and_reaches_resting_orders_without_a_request(tmp_path: Path) -> None:
    running = start_simulator(tmp_path, speed=5000, tick_interval_ms=20)
    exchange = connect(running)
    try:
        # Far enough below for a slow machine: at this speed the market has moved on before the order arrives.
        bid = Decimal(exchange.fetch_ticker("ETH/USDT")["bid"])
        order = exchange.create_order("ETH/USDT", "limit", "buy", 0.1, str(round(bid * Decimal("0.995"), 2)))
        for _ in range(20_000):
            if running.books()["fills"]:
                break
        (fill,) = running.books()["fills"]
        assert (fill["order_id"], fill["scope"]) == (order["id"], "maker")
    finally:
        running.close()
        exchange.session.close()
