"""A venue through the synchronous ccxt client.

The only module that calls the client. Promises of the port: reads raise VenueUnavailable or RateLimited and change
nothing; an order leaves at most once, unaltered and before its deadline; what is not proved is `Unproved`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt

from runtime import errors
from runtime.domain import money
from runtime.domain.identity import ClientOrderId, OrderId, VenueOrderId
from runtime.domain.market import (
    Answer,
    Candle,
    Market,
    MarketKind,
    NotSent,
    Quote,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from runtime.domain.order import Intent, Kind, Side
from runtime.exchanges import answers, faults, profiles, readings, safety
from runtime.exchanges.clock import VenueClock
from runtime.exchanges.door import Door, Ticket
from runtime.exchanges.faults import FOREIGN
from runtime.exchanges.profiles import Profile
from runtime.exchanges.readings import Unreadable
from runtime.settings import Secret

PAGES_MAX = 500
CANDLES_MAX = 999
MILLISECOND = timedelta(milliseconds=1)
CLOCK_MARGIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Credentials:
    key: Secret
    secret: Secret
    passphrase: Secret


@dataclass(frozen=True, slots=True)
class Listed:
    """A symbol as we may trade it; `contract_size` is what one unit of the venue's sizes is in the base coin."""

    market: Market
    contract_size: Decimal


class CcxtExchange:
    """The port, over ccxt. With `base_url` every request goes there; without it `live` must say so."""

    def __init__(
        self,
        profile: Profile,
        credentials: Credentials,
        *,
        base_url: str | None,
        request_timeout_seconds: float,
        live: bool = False,
    ) -> None:
        safety.allow(profile, base_url, live=live)
        self._profile = profile
        self._secrets = tuple(
            each.reveal() for each in (credentials.key, credentials.secret, credentials.passphrase)
        )
        self._client = _build_client(profile, self._secrets, base_url, request_timeout_seconds)
        self._clock = VenueClock(self._client.fetch_time)
        self._origins = safety.origins(profile, base_url)
        self._door = Door(self._client, profile, self._clock, self._origins)
        self._listed: dict[str, Listed] = {}

    @property
    def profile(self) -> Profile:
        return self._profile

    def connect(self, symbols: Sequence[str]) -> Mapping[str, Market]:
        safety.assert_safe(self._client, self._profile, self._origins)
        self.measure_clock()
        with self._reading("load the markets"):
            loaded = self._client.load_markets(True)
            self._listed = {symbol: self._list(symbol, loaded.get(symbol)) for symbol in symbols}
        return {symbol: listed.market for symbol, listed in self._listed.items()}

    def close(self) -> None:
        self._client.session.close()

    def now(self) -> datetime:
        return self._clock.now()

    def measure_clock(self) -> datetime:
        with self._reading("measure the clock"):
            return self._clock.measure()

    def render_client_order_id(self, order_id: OrderId) -> ClientOrderId:
        return profiles.render(self._profile, order_id)

    def fetch_quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        with self._reading("read the quotes"):
            if len(symbols) == 1:
                tickers = {symbols[0]: self._client.fetch_ticker(symbols[0])}
            else:
                tickers = self._client.fetch_tickers(list(symbols))
            return {symbol: self._quote(symbol, tickers.get(symbol)) for symbol in symbols}

    def fetch_candles(self, symbol: str, timeframe: str, count: int) -> tuple[Candle, ...]:
        """The venue's newest candle is still open, whatever its clock says, and is left out."""
        if not 0 < count <= CANDLES_MAX:
            raise ValueError(f"{count} candles cannot be asked for; at most {CANDLES_MAX}")
        with self._reading("read the candles"):
            rows = self._client.fetch_ohlcv(symbol, timeframe, None, count + 1)
            if not isinstance(rows, list):
                raise Unreadable("candles")
            candles = tuple(readings.candle(row) for row in rows)
            opened = [each.opened_at for each in candles]
            if sorted(set(opened)) != opened:
                raise Unreadable("candles", "they are not in the order of time")
        return candles[:-1][-count:]

    def submit(self, intent: Intent) -> Answer:
        listed = self._listed.get(intent.symbol)
        if listed is None:
            return NotSent(f"{intent.symbol} was not among the symbols that were connected")
        fault = listed.market.fault(intent.kind, intent.quantity, intent.price)
        if fault:
            return NotSent(fault)
        try:
            price = self._limit_of(intent, listed.market)
        except errors.Retry as exc:
            return NotSent(str(exc))
        size = intent.quantity / listed.contract_size
        ticket = Ticket(intent.client_order_id, intent.side, size, price, intent.send_before)
        return self._send(intent, ticket)

    def cancel(self, symbol: str, venue_order_id: VenueOrderId) -> bool:
        try:
            confirmed = readings.table(self._client.cancel_order(venue_order_id, symbol), "cancel")
        except FOREIGN:
            return False
        return bool(confirmed.get("id") == venue_order_id)

    def fetch_order(
        self, symbol: str, *, client_order_id: ClientOrderId | None, venue_order_id: VenueOrderId | None
    ) -> VenueOrder | None:
        params: dict[str, str] = {}
        if venue_order_id is None:
            if client_order_id is None or not self._profile.lookup_by_client_id:
                return None
            params["clientOrderId"] = client_order_id
        with self._reading("look an order up"):
            raw = self._look_up(symbol, venue_order_id or "", params)
            if raw is None:
                return None
            found = self._order(readings.table(raw, "order"), symbol)
            asked = found.client_order_id if venue_order_id is None else found.venue_order_id
            if asked != (venue_order_id or client_order_id):
                raise Unreadable("order", "it is another one than was asked for")
        return found

    def fetch_open_orders(self, symbols: Sequence[str]) -> tuple[VenueOrder, ...]:
        one = symbols[0] if len(symbols) == 1 else None

        def ask(params: dict[str, Any]) -> object:
            return self._client.fetch_open_orders(one, None, None, {**self._profile.account, **params})

        found: list[VenueOrder] = []
        for page in self._pages("list the open orders", ask, {}):
            with self._reading("list the open orders"):
                found += (self._order(raw, raw["symbol"]) for raw in page if self._is_of(raw, symbols))
        return tuple(found)

    def fetch_order_history(self, symbol: str, since: datetime) -> Iterator[VenueOrder]:
        self._require_depth("list the ended orders", since)
        method = getattr(self._client, self._profile.history_method)

        def ask(params: dict[str, Any]) -> object:
            return method(symbol, None, None, params)

        for page in self._pages("list the ended orders", ask, {"startTime": _milliseconds(since)}):
            with self._reading("list the ended orders"):
                found = sorted(
                    (self._order(raw, symbol) for raw in page), key=lambda each: each.created_at, reverse=True
                )
            yield from found

    def fetch_fills(
        self, symbol: str, *, since: datetime, venue_order_id: VenueOrderId | None = None
    ) -> tuple[VenueFill, ...]:
        def ask(params: dict[str, Any]) -> object:
            return self._client.fetch_my_trades(symbol, None, None, params)

        spans = [{"orderId": venue_order_id}] if venue_order_id else self._spans("list the fills", since)
        found: dict[str, VenueFill] = {}
        for span in spans:
            for page in self._pages("list the fills", ask, span):
                with self._reading("list the fills"):
                    for raw in page:
                        one = readings.fill(raw, *self._rules(symbol))
                        if found.setdefault(one.venue_trade_id, one) != one:
                            raise Unreadable("fill", "one trade id with two contents")
        wanted = (one for one in found.values() if venue_order_id in (None, one.venue_order_id))
        return tuple(
            sorted(wanted, key=lambda one: (one.traded_at, len(one.venue_trade_id), one.venue_trade_id))
        )

    def fetch_positions(self, symbols: Sequence[str]) -> tuple[VenuePosition, ...]:
        if self._profile.kind is MarketKind.SPOT:
            return ()
        params = {name: value for name, value in self._profile.account.items() if name != "type"}
        with self._reading("list the positions"):
            listed = self._client.fetch_positions(None, params)
            listed = self._counted(listed)
            if any(each.get("hedged") is True for each in listed):
                raise self._unsafe("the account holds hedged positions", "Set it to one-way mode.")
            return tuple(
                readings.position(each, *self._rules(each["symbol"]))
                for each in listed
                if self._is_of(each, symbols)
            )

    def fetch_balances(self) -> Mapping[str, VenueBalance]:
        with self._reading("read the balances"):
            raw = readings.table(self._client.fetch_balance(dict(self._profile.account)), "balances")
            coins = [name for name, each in raw.items() if name != "info" and _is_account(each)]
            if len(coins) != len(answers.rows(self._profile, self._door.body)):
                raise Unreadable("balances", "a coin is missing")
            return {coin: readings.balance(coin, raw[coin]) for coin in coins}

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        if self._profile.kind is MarketKind.SPOT:
            raise self._unsafe("leverage was asked for on a spot market", "Give the bot a perpetual.")
        with self._reading("set the leverage"):
            self._client.set_leverage(format(leverage.normalize(), "f"), symbol)

    # One order, once.

    def _limit_of(self, intent: Intent, market: Market) -> Decimal:
        """The worst price at which the order may be filled; docs/decisions/0004-market-orders.md."""
        if intent.price is not None:
            return intent.price
        quote = self.fetch_quotes((intent.symbol,))[intent.symbol]
        collar = self._profile.market_collar
        if intent.side is Side.BUY:
            return max(money.round_down(quote.ask * (1 + collar), market.price_step), quote.ask)
        lowest = money.round_down(quote.bid * (1 - collar), market.price_step) + market.price_step
        return min(lowest, quote.bid)

    def _send(self, intent: Intent, ticket: Ticket) -> Answer:
        unified: object = None
        with self._door.admitting(ticket):
            try:
                unified = self._client.create_order(
                    intent.symbol,
                    "limit",
                    intent.side.value,
                    format(ticket.size, "f"),
                    format(ticket.price, "f"),
                    self._order_params(intent),
                )
            except FOREIGN as exc:
                if not self._door.left or faults.never_connected(exc):
                    return NotSent(faults.describe(exc))
                return answers.of_failure(
                    self._profile, self._door.reply, faults.describe(exc), self._secrets
                )
        if not self._door.left:
            return NotSent("the client sent nothing")
        return answers.of_success(self._profile, intent.client_order_id, unified, self._door.reply)

    def _order_params(self, intent: Intent) -> dict[str, Any]:
        params: dict[str, Any] = {self._profile.client_id_param: intent.client_order_id}
        if intent.kind is Kind.MARKET:
            params["timeInForce"] = "IOC"
        if intent.reduce_only and self._profile.kind is MarketKind.LINEAR:
            params["reduceOnly"] = True
        if self._profile.receive_window_param:
            params["requestTime"] = str(self._clock.now_ms())
            params["receiveWindow"] = str(self._profile.receive_window_seconds * 1000)
        return params

    # Reads.

    @contextmanager
    def _reading(self, action: str) -> Iterator[None]:
        """The one place where what a client raises on a read becomes an error of ours."""
        try:
            yield
        except errors.BotError:
            raise
        except FOREIGN as exc:
            said = self._verdict()
            detail = f"it answered {said.code}: {said.message}" if said.code else faults.describe(exc)
            facts = {"venue": self._profile.venue, "action": action, "detail": detail}
        else:
            return
        # From nothing, so that no traceback drags the client's own text, and its addresses, along.
        if answers.why(said, self._profile.rate_limit_codes):
            raise errors.RateLimited(**facts) from None
        raise errors.VenueUnavailable(**facts) from None

    def _verdict(self) -> answers.Verdict:
        if self._door.reply is None:
            return answers.Verdict("", "")
        return answers.verdict(self._profile, self._door.reply, self._secrets)

    def _pages(self, action: str, ask: Any, params: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
        """Page after page, newest first, to the end; an end is a page that is not full."""
        # The size is told to the venue only: the client would cut off what is more than it was told.
        below: dict[str, Any] = {"limit": self._profile.page_size}
        for _ in range(PAGES_MAX):
            with self._reading(action):
                page = self._counted(ask({**params, **below}))
                ids = [readings.identifier(raw.get("id"), "id") for raw in page]
                is_full = len(answers.rows(self._profile, self._door.body)) >= self._profile.page_size
            yield page
            if not is_full:
                return
            cursor = self._cursor(action, ids)
            if below.get("idLessThan") == cursor:
                raise self._unavailable(action, "its pages do not end")
            below["idLessThan"] = cursor
        raise self._unavailable(action, f"it has more than {PAGES_MAX} pages")

    def _cursor(self, action: str, ids: Sequence[str]) -> str:
        if not self._profile.pages_by_id or not all(each.isdigit() for each in ids):
            raise self._unavailable(action, "there is more than one page, and its paging is not known")
        return str(min(int(each) for each in ids))

    def _counted(self, parsed: object) -> list[Mapping[str, Any]]:
        """What the client made of a listing, provided that it dropped nothing but repetitions."""
        told = answers.rows(self._profile, self._door.body)
        complete = (len(told), len({repr(row) for row in told}))
        if not isinstance(parsed, list) or len(parsed) not in complete:
            raise Unreadable("list", "rows were lost")
        return [readings.table(each, "row") for each in parsed]

    def _look_up(self, symbol: str, venue_order_id: str, params: dict[str, str]) -> object:
        try:
            return self._client.fetch_order(venue_order_id, symbol, params)
        except ccxt.OrderNotFound:
            said = self._verdict()
            if answers.why(said, self._profile.not_found_codes) or (not said.code and self._answered_empty()):
                return None
            raise

    def _answered_empty(self) -> bool:
        return self._door.body is not None and answers.rows(self._profile, self._door.body) == []

    def _spans(self, action: str, since: datetime) -> list[dict[str, Any]]:
        """The time since an instant, cut into pieces that the venue lists at once."""
        self._require_depth(action, since)
        step, until = timedelta(days=self._profile.fills_window_days), self.now() + CLOCK_MARGIN
        spans = []
        while since < until:
            end = min(since + step - MILLISECOND, until)
            spans.append({"startTime": _milliseconds(since), "endTime": _milliseconds(end)})
            since = end + MILLISECOND
        return spans

    def _require_depth(self, action: str, since: datetime) -> None:
        if since < self.now() - timedelta(days=self._profile.history_days):
            raise self._unavailable(action, f"it shows only the last {self._profile.history_days} days")

    def _list(self, symbol: str, raw: object) -> Listed:
        if raw is None:
            raise self._unsafe(
                f"it lists no {self._profile.kind} market {symbol}", "Correct the desk's symbols."
            )
        described = readings.table(raw, "market")
        wanted = "spot" if self._profile.kind is MarketKind.SPOT else "linear"
        if described.get(wanted) is not True or described.get("active") is False:
            raise self._unsafe(f"{symbol} is not traded there as {wanted}", "Correct the desk's symbols.")
        if wanted == "linear" and described.get("settle") != described.get("quote"):
            raise self._unsafe(f"{symbol} is not settled in its quote coin", "Correct the desk's symbols.")
        return Listed(*readings.market(described, self._profile.kind))

    def _rules(self, symbol: str) -> tuple[Market, Decimal]:
        listed = self._listed.get(symbol)
        if listed is None:
            raise Unreadable("symbol", "it was not connected")
        return listed.market, listed.contract_size

    def _is_of(self, raw: Mapping[str, Any], symbols: Sequence[str]) -> bool:
        """Whether a row is of one of these symbols; a row of no symbol that exists must not be passed over."""
        symbol = raw.get("symbol")
        if not isinstance(symbol, str) or symbol not in self._client.markets:
            raise Unreadable("symbol")
        return symbol in symbols

    def _order(self, raw: Mapping[str, Any], symbol: str) -> VenueOrder:
        if raw.get("symbol") != symbol:
            raise Unreadable("symbol")
        return readings.order(
            raw,
            *self._rules(symbol),
            needs_client_id=self._profile.rows_carry_client_id,
            closed_in_part=self._profile.closed_in_part,
        )

    def _quote(self, symbol: str, raw: object) -> Quote:
        ticker = readings.table(raw, f"quote of {symbol}")
        if ticker.get("symbol") != symbol:
            raise Unreadable("symbol")
        return readings.quote(ticker, symbol, self.now())

    def _unsafe(self, detail: str, remedy: str) -> errors.VenueUnsafe:
        return errors.VenueUnsafe(venue=self._profile.venue, detail=detail, remedy=remedy)

    def _unavailable(self, action: str, detail: str) -> errors.VenueUnavailable:
        return errors.VenueUnavailable(venue=self._profile.venue, action=action, detail=detail)


def _build_client(
    profile: Profile, secrets: Sequence[str], base_url: str | None, request_timeout_seconds: float
) -> Any:
    key, secret, passphrase = secrets
    client = getattr(ccxt, profile.venue)(
        {
            "apiKey": key,
            "secret": secret,
            "password": passphrase,
            "timeout": max(1, int(request_timeout_seconds * 1000)),
            "enableRateLimit": False,
        }
    )
    client.number = str
    client.options.update(profile.options)
    client.has["fetchCurrencies"] = False  # one request less; coins are named by the markets
    client.session.max_redirects = 0
    if base_url:
        _redirect(client.urls["api"], base_url.rstrip("/"))
    return client


def _redirect(addresses: dict[str, Any], base_url: str) -> None:
    for name, each in addresses.items():
        if isinstance(each, dict):
            _redirect(each, base_url)
        else:
            addresses[name] = base_url


def _is_account(value: object) -> bool:
    return isinstance(value, Mapping) and "free" in value and "total" in value


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
