"""One market for each venue, as its listing would make it, so that orders can be made without asking the venue."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from runtime.domain.identity import BotId, order_id
from runtime.domain.market import MarketKind
from runtime.domain.order import Intent, Kind, Side
from runtime.exchanges import readings
from runtime.exchanges.ccxt_adapter import CcxtExchange, Credentials
from runtime.exchanges.profiles import Profile
from runtime.settings import Secret

BASE64_SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="
CREDENTIALS = Credentials(Secret("k" * 32), Secret(BASE64_SECRET), Secret("phrase"))
BOT = BotId(UUID("00000000-0000-4000-8000-000000000002"))


@dataclass(frozen=True)
class Listing:
    symbol: str
    market_id: str
    quote: str = "USDT"


SPOT = {
    "bitget": Listing("BTC/USDT", "BTCUSDT"),
    "binance": Listing("BTC/USDT", "BTCUSDT"),
    "bybit": Listing("BTC/USDT", "BTCUSDT"),
    "okx": Listing("BTC/USDT", "BTC-USDT"),
    "kraken": Listing("BTC/USD", "XXBTZUSD", "USD"),
    "coinbase": Listing("BTC/USD", "BTC-USD", "USD"),
    "kucoin": Listing("BTC/USDT", "BTC-USDT"),
}
LINEAR = {
    "bitget": Listing("BTC/USDT:USDT", "BTCUSDT"),
    "binance": Listing("BTC/USDT:USDT", "BTCUSDT"),
    "bybit": Listing("BTC/USDT:USDT", "BTCUSDT"),
    "okx": Listing("BTC/USDT:USDT", "BTC-USDT-SWAP"),
    "hyperliquid": Listing("BTC/USDC:USDC", "BTC", "USDC"),
}


def open_listed(profile: Profile, base_url: str) -> tuple[CcxtExchange, Any, str]:
    """The adapter with one market, its client, and the symbol."""
    exchange = CcxtExchange(profile, CREDENTIALS, base_url=base_url, request_timeout_seconds=2)
    client: Any = exchange.connection.client
    if profile.venue == "hyperliquid":
        client.walletAddress, client.privateKey = "0x" + "11" * 20, "0x" + "22" * 32
    market = _market(client, profile)
    client.set_markets([market])
    exchange.connection.listed[market["symbol"]] = readings.listed(market, profile.kind)
    return exchange, client, market["symbol"]


def intent_of(exchange: CcxtExchange, symbol: str, *, price: str = "50000") -> Intent:
    identity = order_id(BOT, f"{symbol}-{price}")
    now = exchange.now()
    return Intent(
        order_id=identity,
        bot_id=BOT,
        client_order_id=exchange.render_client_order_id(identity),
        key="test",
        symbol=symbol,
        side=Side.BUY,
        kind=Kind.LIMIT,
        quantity=Decimal("0.0123"),
        price=Decimal(price),
        reduce_only=False,
        created_at=now,
        send_before=now + timedelta(seconds=5),
    )


def _market(client: Any, profile: Profile) -> dict[str, Any]:
    linear = profile.kind is MarketKind.LINEAR
    listing = (LINEAR if linear else SPOT)[profile.venue]
    market: dict[str, Any] = client.safe_market_structure(
        {
            "id": listing.market_id,
            "symbol": listing.symbol,
            "base": "BTC",
            "quote": listing.quote,
            "baseId": "0" if profile.venue == "hyperliquid" else "BTC",
            "quoteId": listing.quote,
            "settle": listing.quote if linear else None,
            "settleId": listing.quote if linear else None,
            "type": "swap" if linear else "spot",
            "spot": not linear,
            "swap": linear,
            "future": False,
            "option": False,
            "margin": False,
            "contract": linear,
            "linear": linear or None,
            "inverse": False if linear else None,
            "contractSize": "1" if linear else None,
            "active": True,
            "precision": {"amount": "0.0001", "price": "0.1"},
            "limits": {
                "amount": {"min": "0.0001", "max": None},
                "price": {"min": None, "max": None},
                "cost": {"min": "5", "max": None},
                "leverage": {"min": None, "max": None},
            },
            "info": {"altname": "XBTUSD", "orderTypes": ["LIMIT", "MARKET"]},
        }
    )
    return market
