"""What the venue writes down: accounts, orders, fills, balances, positions, as frozen values.

Pure; touches nothing. A record changes only by being replaced, so an older state can always be shown again.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)
NEVER_MS = 2**62
AVERAGE_DIGITS = Decimal("1e-12")


class Product(StrEnum):
    SPOT = "spot"
    MIX = "mix"


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderKind(StrEnum):
    LIMIT = "limit"
    MARKET = "market"


class Force(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class Status(StrEnum):
    LIVE = "live"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"


class Scope(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


def wallet_key(account: str, wallet: Product, coin: str) -> str:
    return f"{account}/{wallet.value}/{coin}"


def symbol_key(account: str, symbol: str) -> str:
    return f"{account}/{symbol}"


class InWallet:
    """A record of which an account has one for each coin of a wallet."""

    __slots__ = ()
    account: str
    wallet: Product
    coin: str

    @property
    def key(self) -> str:
        return wallet_key(self.account, self.wallet, self.coin)


class InSymbol:
    """A record of which an account has one for each symbol."""

    __slots__ = ()
    account: str
    symbol: str

    @property
    def key(self) -> str:
        return symbol_key(self.account, self.symbol)


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    api_key: str
    api_secret: str
    passphrase: str
    fee_coin: str

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Opening(InWallet):
    """What an account was given; a reset brings it back to this."""

    account: str
    wallet: Product
    coin: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Balance(InWallet):
    """In the mix wallet `available` is the whole cash and `frozen` stays zero: margin is derived, never moved."""

    account: str
    wallet: Product
    coin: str
    available: Decimal
    frozen: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """`size` is base, or quote for a spot market buy; `frozen` is what the account still has set aside for it."""

    order_id: str
    client_oid: str
    account: str
    product: Product
    symbol: str
    side: Side
    kind: OrderKind
    force: Force
    price: Decimal
    size: Decimal
    filled_base: Decimal
    filled_quote: Decimal
    frozen: Decimal
    status: Status
    reduce_only: bool
    leverage: Decimal
    margin_mode: str
    source: str
    cancel_reason: str
    created_ms: int
    updated_ms: int
    hidden_until_ms: int
    held_until_ms: int

    @property
    def key(self) -> str:
        return self.order_id

    @property
    def is_open(self) -> bool:
        return self.status in (Status.LIVE, Status.PARTIALLY_FILLED)

    @property
    def is_quote_sized(self) -> bool:
        return self.product is Product.SPOT and self.kind is OrderKind.MARKET and self.side is Side.BUY

    @property
    def average_price(self) -> Decimal:
        return (self.filled_quote / self.filled_base).quantize(AVERAGE_DIGITS) if self.filled_base else ZERO


@dataclass(frozen=True, slots=True)
class Fill:
    """`fee` is positive when the account pays; `profit` is realised by a closing mix fill."""

    trade_id: str
    order_id: str
    account: str
    product: Product
    symbol: str
    side: Side
    kind: OrderKind
    price: Decimal
    size: Decimal
    quote: Decimal
    fee: Decimal
    fee_coin: str
    deducted: bool
    scope: Scope
    profit: Decimal
    created_ms: int

    @property
    def key(self) -> str:
        return self.trade_id


@dataclass(frozen=True, slots=True)
class Position(InSymbol):
    """One-way mode: one signed quantity a symbol, above zero is long."""

    account: str
    symbol: str
    quantity: Decimal
    open_price: Decimal
    realised: Decimal
    opened_ms: int


@dataclass(frozen=True, slots=True)
class Terms(InSymbol):
    """Leverage and margin mode of an account in one symbol."""

    account: str
    symbol: str
    leverage: Decimal
    margin_mode: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A named number that must survive a restart: the id sequence, the market clock, a pinned price."""

    name: str
    value: Decimal

    @property
    def key(self) -> str:
        return self.name


Record = Account | Opening | Balance | Order | Fill | Position | Terms | Mark
