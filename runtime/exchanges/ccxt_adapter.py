"""A venue through the synchronous ccxt client: the port, method by method.

Promises of the port: reads raise VenueUnavailable or RateLimited and change nothing; an order leaves at most once,
unaltered and before its deadline; what is not proved is `Unproved`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from runtime.domain.identity import ClientOrderId, OrderId, VenueOrderId
from runtime.domain.market import (
    Answer,
    Candle,
    Market,
    MarketKind,
    Quote,
    VenueBalance,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from runtime.domain.order import Intent
from runtime.exchanges import pages, profiles, readings, submission
from runtime.exchanges.connection import ONE_WAY_REMEDY, Connection, Credentials
from runtime.exchanges.faults import FOREIGN
from runtime.exchanges.profiles import Profile
from runtime.exchanges.readings import Raw, Unreadable

CANDLES_MAX = 999

__all__ = ["CcxtExchange", "Credentials"]


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
        self.connection = Connection(
            profile,
            credentials,
            base_url=base_url,
            request_timeout_seconds=request_timeout_seconds,
            live=live,
        )
        self._client = self.connection.client

    @property
    def profile(self) -> Profile:
        return self.connection.profile

    def connect(self, symbols: Sequence[str]) -> Mapping[str, Market]:
        self.connection.assert_safe()
        self.measure_clock()
        self.connection.load(symbols)
        self.connection.require_one_way()
        return self.connection.markets()

    def close(self) -> None:
        self._client.session.close()

    def now(self) -> datetime:
        return self.connection.clock.now()

    def measure_clock(self) -> datetime:
        with self.connection.reading("measure the clock"):
            return self.connection.clock.measure()

    def render_client_order_id(self, order_id: OrderId) -> ClientOrderId:
        return profiles.render(self.profile, order_id)

    def fetch_quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        with self.connection.reading("read the quotes"):
            if len(symbols) == 1:
                tickers = {symbols[0]: self._client.fetch_ticker(symbols[0])}
            else:
                tickers = self._client.fetch_tickers(list(symbols))
            return {symbol: readings.quote(tickers.get(symbol), symbol, self.now()) for symbol in symbols}

    def fetch_candles(self, symbol: str, timeframe: str, count: int) -> tuple[Candle, ...]:
        """The venue's newest candle is still open, whatever its clock says, and is left out."""
        if not 0 < count <= CANDLES_MAX:
            raise ValueError(f"{count} candles cannot be asked for; at most {CANDLES_MAX}")
        with self.connection.reading("read the candles"):
            candles = readings.candles(self._client.fetch_ohlcv(symbol, timeframe, None, count + 1))
        return candles[:-1][-count:]

    def submit(self, intent: Intent) -> Answer:
        return submission.submit(self.connection, intent, lambda symbol: self.fetch_quotes((symbol,))[symbol])

    def cancel(self, symbol: str, venue_order_id: VenueOrderId) -> bool:
        try:
            with localcontext():
                confirmed = readings.table(self._client.cancel_order(venue_order_id, symbol), "cancel")
        except FOREIGN:
            return False
        return bool(confirmed.get("id") == venue_order_id)

    def fetch_order(
        self, symbol: str, *, client_order_id: ClientOrderId | None, venue_order_id: VenueOrderId | None
    ) -> VenueOrder | None:
        params: dict[str, str] = {}
        if venue_order_id is None:
            if client_order_id is None or not self.profile.lookup_by_client_id:
                return None
            params["clientOrderId"] = client_order_id
        with self.connection.reading("look an order up"):
            raw = self.connection.look_up(symbol, venue_order_id or "", params)
            if raw is None:
                return None
            found = self.connection.order(readings.table(raw, "order"), symbol)
            asked = found.client_order_id if venue_order_id is None else found.venue_order_id
            if asked != (venue_order_id or client_order_id):
                raise Unreadable("order", "it is another one than was asked for")
        return found

    def fetch_open_orders(self, symbols: Sequence[str]) -> tuple[VenueOrder, ...]:
        connection, action = self.connection, "list the open orders"
        one = symbols[0] if len(symbols) == 1 else None

        def ask(params: dict[str, Any]) -> object:
            return self._client.fetch_open_orders(one, None, None, params)

        found: list[VenueOrder] = []
        for page in pages.read(connection, action, ask, self.profile.account):
            with connection.reading(action):
                found += (
                    connection.order(raw, raw["symbol"]) for raw in page if connection.is_of(raw, symbols)
                )
        return tuple(found)

    def fetch_order_history(self, symbol: str, since: datetime) -> Iterator[VenueOrder]:
        connection, action = self.connection, "list the ended orders"
        method = getattr(self._client, self.profile.history_method)

        def ask(params: dict[str, Any]) -> object:
            return method(symbol, None, None, params)

        for page in pages.read(connection, action, ask, pages.since(connection, action, since)):
            with connection.reading(action):
                found = [connection.order(raw, symbol) for raw in page]
            yield from sorted(found, key=lambda order: order.created_at, reverse=True)

    def fetch_fills(
        self, symbol: str, *, since: datetime, venue_order_id: VenueOrderId | None = None
    ) -> tuple[VenueFill, ...]:
        connection, action = self.connection, "list the fills"

        def ask(params: dict[str, Any]) -> object:
            return self._client.fetch_my_trades(symbol, None, None, params)

        if venue_order_id is None:
            spans = pages.spans(connection, action, since)
        else:
            spans = [{"orderId": venue_order_id}]
        found: dict[str, VenueFill] = {}
        for span in spans:
            for page in pages.read(connection, action, ask, span):
                with connection.reading(action):
                    self._add_fills(found, page, symbol)
        wanted = (one for one in found.values() if venue_order_id in (None, one.venue_order_id))
        return tuple(
            sorted(wanted, key=lambda one: (one.traded_at, len(one.venue_trade_id), one.venue_trade_id))
        )

    def fetch_positions(self, symbols: Sequence[str]) -> tuple[VenuePosition, ...]:
        if self.profile.kind is MarketKind.SPOT:
            return ()
        connection = self.connection
        params = {name: value for name, value in self.profile.account.items() if name != "type"}
        with connection.reading("list the positions"):
            rows = connection.counted(self._client.fetch_positions(None, params))
            if any(raw.get("hedged") is True for raw in rows):
                raise connection.unsafe("its account holds hedged positions", ONE_WAY_REMEDY)
            mine = [raw for raw in rows if connection.is_of(raw, symbols)]
            return tuple(readings.position(raw, connection.rules(raw["symbol"])) for raw in mine)

    def fetch_balances(self) -> Mapping[str, VenueBalance]:
        with self.connection.reading("read the balances"):
            found = readings.balances(self._client.fetch_balance(dict(self.profile.account)))
            if len(found) != len(self.connection.told()):
                raise Unreadable("balances", "a coin is missing")
        return found

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        if self.profile.kind is MarketKind.SPOT:
            raise self.connection.unsafe(
                "leverage was asked for on a spot market", "Give the bot a perpetual."
            )
        with self.connection.reading("set the leverage"):
            self._client.set_leverage(format(leverage.normalize(), "f"), symbol)

    def _add_fills(self, found: dict[str, VenueFill], page: Sequence[Raw], symbol: str) -> None:
        for raw in page:
            if raw.get("symbol") != symbol:
                raise Unreadable("symbol")
            one = readings.fill(raw, self.connection.rules(symbol))
            if found.setdefault(one.venue_trade_id, one) != one:
                raise Unreadable("fill", "one trade id with two contents")
