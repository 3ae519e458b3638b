"""What anybody may ask: the time, the listings, tickers, order books and candles.

Reads the feed and the clock; writes nothing. Candles bear market time, which runs at the market's speed; tickers and
books bear the venue's own time, at which they were true.
"""

from collections.abc import Iterable
from decimal import Decimal

from runtime.simulator.calls import Call
from runtime.simulator.floor import Floor
from runtime.simulator.markets import COINS, MIX, PRODUCT_TYPE, SPOT, Instrument, instrument_of
from runtime.simulator.prices import Candle
from runtime.simulator.records import Product
from runtime.simulator.replies import number, refusal

DAY_SECONDS = 86_400
BOOK_LEVELS_MAX = 50
CANDLES_RECENT_MAX = 1000
CANDLES_HISTORY_MAX = 200
GRANULARITY_SECONDS = {
    "1min": 60, "3min": 180, "5min": 300, "15min": 900, "30min": 1800,
    "1h": 3600, "4h": 14_400, "6h": 21_600, "12h": 43_200, "1day": 86_400, "3day": 259_200, "1week": 604_800,
    "6hutc": 21_600, "12hutc": 43_200, "1dutc": 86_400, "3dutc": 259_200, "1wutc": 604_800,
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "2h": 7200, "1d": 86_400, "1w": 604_800,
}  # fmt: skip


def fetch_time(floor: Floor, call: Call) -> object:
    return {"serverTime": str(call.now_ms)}


def refuse_unified(floor: Floor, call: Call) -> object:
    raise refusal(
        "40085", "You are in Classic Account mode, and the Unified Account API is not supported at this time"
    )


def list_coins(floor: Floor, call: Call) -> object:
    return [
        {"coinId": str(at), "coin": coin, "transfer": "false", "chains": [_chain(coin)], "areaCoin": "no"}
        for at, coin in enumerate(COINS, start=1)
    ]


def list_symbols(floor: Floor, call: Call) -> object:
    return [_symbol_row(instrument) for instrument in _chosen(SPOT, call)]


def list_margin_currencies(floor: Floor, call: Call) -> object:
    return []


def list_contracts(floor: Floor, call: Call) -> object:
    chosen = _chosen(MIX, call) if call.required("productType").upper() == PRODUCT_TYPE else []
    return [_contract_row(instrument) for instrument in chosen]


def list_spot_tickers(floor: Floor, call: Call) -> object:
    return [_ticker(floor, call, instrument) for instrument in _chosen(SPOT, call)]


def list_mix_tickers(floor: Floor, call: Call) -> object:
    if call.required("productType").upper() != PRODUCT_TYPE:
        return []
    return [_mix_ticker(floor, call, instrument) for instrument in _chosen(MIX, call)]


def fetch_spot_book(floor: Floor, call: Call) -> object:
    return _book(floor, call, instrument_of(Product.SPOT, call.required("symbol")))


def fetch_mix_book(floor: Floor, call: Call) -> object:
    return _book(floor, call, instrument_of(Product.MIX, call.required("symbol")))


def list_spot_candles(floor: Floor, call: Call) -> object:
    return _candles(floor, call, instrument_of(Product.SPOT, call.required("symbol")), CANDLES_RECENT_MAX)


def list_spot_history_candles(floor: Floor, call: Call) -> object:
    return _candles(floor, call, instrument_of(Product.SPOT, call.required("symbol")), CANDLES_HISTORY_MAX)


def list_mix_candles(floor: Floor, call: Call) -> object:
    return _candles(floor, call, instrument_of(Product.MIX, call.required("symbol")), CANDLES_RECENT_MAX)


def list_mix_history_candles(floor: Floor, call: Call) -> object:
    return _candles(floor, call, instrument_of(Product.MIX, call.required("symbol")), CANDLES_HISTORY_MAX)


def _chosen(instruments: dict[str, Instrument], call: Call) -> Iterable[Instrument]:
    symbol = call.text("symbol")
    if not symbol:
        return instruments.values()
    if symbol not in instruments:
        raise refusal("40034", f"Parameter {symbol} does not exist")
    return [instruments[symbol]]


def _chain(coin: str) -> dict[str, str]:
    return {
        "chain": "SIMULATED",
        "needTag": "false",
        "withdrawable": "false",
        "rechargeable": "false",
        "withdrawFee": "0",
        "extraWithdrawFee": "0",
        "depositConfirm": "1",
        "withdrawConfirm": "1",
        "minDepositAmount": "0",
        "minWithdrawAmount": "0",
        "browserUrl": "",
        "contractAddress": "",
        "withdrawStep": "0",
        "withdrawMinScale": "8",
        "congestion": "normal",
    }


def _symbol_row(instrument: Instrument) -> dict[str, str]:
    return {
        "symbol": instrument.symbol,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "minTradeAmount": number(instrument.size_min),
        "maxTradeAmount": "900000000000",
        "takerFeeRate": number(instrument.taker_rate),
        "makerFeeRate": number(instrument.maker_rate),
        "pricePrecision": str(instrument.price_places),
        "quantityPrecision": str(instrument.size_places),
        "quotePrecision": "8",
        "status": "online",
        "minTradeUSDT": number(instrument.cost_min),
        "buyLimitPriceRatio": "0.99",
        "sellLimitPriceRatio": "0.99",
    }


def _contract_row(instrument: Instrument) -> dict[str, object]:
    return {
        "symbol": instrument.symbol,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "buyLimitPriceRatio": "0.99",
        "sellLimitPriceRatio": "0.99",
        "feeRateUpRatio": "0.005",
        "makerFeeRate": number(instrument.maker_rate),
        "takerFeeRate": number(instrument.taker_rate),
        "openCostUpRatio": "0.01",
        "supportMarginCoins": [instrument.quote],
        "minTradeNum": number(instrument.size_min),
        "priceEndStep": "1",
        "volumePlace": str(instrument.size_places),
        "pricePlace": str(instrument.price_places),
        "sizeMultiplier": number(instrument.lot),
        "symbolType": "perpetual",
        "minTradeUSDT": number(instrument.cost_min),
        "maxSymbolOrderNum": "200",
        "maxProductOrderNum": "1000",
        "maxPositionNum": "150",
        "symbolStatus": "normal",
        "offTime": "-1",
        "limitOpenTime": "-1",
        "deliveryTime": "",
        "deliveryStartTime": "",
        "deliveryPeriod": "",
        "launchTime": "",
        "fundInterval": "8",
        "minLever": "1",
        "maxLever": number(instrument.leverage_max),
        "posLimit": "0.05",
        "maintainTime": "",
    }


def _ticker(floor: Floor, call: Call, instrument: Instrument) -> dict[str, str]:
    ago_ms = call.circumstance.stale_ms
    now = floor.clock.now_second(ago_ms=ago_ms)
    quote = floor.quote(instrument, ago_ms=ago_ms)
    day = floor.feed.candle(instrument, now - DAY_SECONDS, DAY_SECONDS, now)
    change = (quote.last / day.open - 1).quantize(Decimal("0.00001"))
    turnover = day.volume * quote.last
    return {
        "symbol": instrument.symbol,
        "open": number(day.open),
        "high24h": number(max(day.high, quote.last)),
        "low24h": number(min(day.low, quote.last)),
        "lastPr": number(quote.last),
        "quoteVolume": number(turnover),
        "baseVolume": number(day.volume),
        "usdtVolume": number(turnover),
        "ts": str(call.now_ms - ago_ms),
        "bidPr": number(quote.bid),
        "askPr": number(quote.ask),
        "bidSz": number(_depth(instrument, now, 0)),
        "askSz": number(_depth(instrument, now, 1)),
        "openUtc": number(day.open),
        "changeUtc24h": number(change),
        "change24h": number(change),
    }


def _mix_ticker(floor: Floor, call: Call, instrument: Instrument) -> dict[str, str]:
    ticker = _ticker(floor, call, instrument)
    ticker["open24h"] = ticker.pop("open")
    return ticker | {
        "indexPrice": ticker["lastPr"],
        "markPrice": ticker["lastPr"],
        "fundingRate": "0",
        "holdingAmount": "1000",
        "deliveryStatus": "",
    }


def _depth(instrument: Instrument, second: int, level: int) -> Decimal:
    parts = (second * 31 + level * 17) % 97 + 3
    return instrument.floor_size(Decimal(20_000) * parts / 50 / instrument.price_start) + instrument.lot


def _book(floor: Floor, call: Call, instrument: Instrument) -> object:
    levels = min(call.integer("limit") or BOOK_LEVELS_MAX, BOOK_LEVELS_MAX)
    ago_ms = call.circumstance.stale_ms
    quote, second = floor.quote(instrument, ago_ms=ago_ms), floor.clock.now_second(ago_ms=ago_ms)
    bids = [(quote.bid - instrument.tick * at, _depth(instrument, second, 2 * at)) for at in range(levels)]
    asks = [
        (quote.ask + instrument.tick * at, _depth(instrument, second, 2 * at + 1)) for at in range(levels)
    ]
    return {
        "asks": [[number(price), number(size)] for price, size in asks],
        "bids": [[number(price), number(size)] for price, size in bids if price > 0],
        "ts": str(call.now_ms - ago_ms),
    }


def _candles(floor: Floor, call: Call, instrument: Instrument, rows_max: int) -> list[list[str]]:
    seconds = GRANULARITY_SECONDS.get(call.required("granularity").lower())
    if seconds is None:
        raise refusal("400171", "Parameter verification failed granularity")
    limit = min(call.integer("limit") or 100, rows_max)
    now = floor.clock.now_second(ago_ms=call.circumstance.stale_ms)
    until = min(now, (call.integer("endTime") or now * 1000) // 1000)
    last = until - until % seconds
    if call.integer("endTime") is not None and last * 1000 == call.integer("endTime"):
        last -= seconds
    first = max(last - (limit - 1) * seconds, 0)
    started = call.integer("startTime")
    if started is not None:
        first = max(first, -(-started // (seconds * 1000)) * seconds)
    opened = range(first, last + 1, seconds)
    return [_candle_row(floor.feed.candle(instrument, second, seconds, now)) for second in opened]


def _candle_row(candle: Candle) -> list[str]:
    prices = [number(price) for price in (candle.open, candle.high, candle.low, candle.close)]
    turnover = number(candle.volume * candle.close)
    return [str(candle.opened_ms), *prices, number(candle.volume), turnover, turnover]
