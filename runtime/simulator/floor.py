"""The trading floor: the books, the price feed and the clock that matching and the endpoints share.

Owns no rule of its own. Whoever holds a Floor holds the venue's lock as well.
"""

from dataclasses import dataclass
from decimal import Decimal

from runtime.simulator.books import Books, Shelf
from runtime.simulator.clock import MarketClock
from runtime.simulator.markets import Instrument
from runtime.simulator.prices import Feed, Quote
from runtime.simulator.records import ZERO, Balance, Position, Product, Terms, symbol_key, wallet_key

LEVERAGE_START = Decimal(20)
ONE_WAY, HEDGE = "one_way_mode", "hedge_mode"
HEDGED = "hedged:"  # the mark of an account in hedge mode


@dataclass(slots=True)
class Floor:
    books: Books
    feed: Feed
    clock: MarketClock
    matched_second: int

    def quote(self, instrument: Instrument, *, ago_ms: int = 0) -> Quote:
        return self.feed.quote(instrument, self.clock.now_second(ago_ms=ago_ms))


def balance_of(shelf: Shelf, account: str, wallet: Product, coin: str) -> Balance:
    found = shelf.balances.get(wallet_key(account, wallet, coin))
    return found or Balance(account, wallet, coin, ZERO, ZERO)


def position_of(shelf: Shelf, account: str, symbol: str) -> Position:
    return shelf.positions.get(symbol_key(account, symbol)) or Position(account, symbol, ZERO, ZERO, ZERO, 0)


def terms_of(shelf: Shelf, account: str, symbol: str) -> Terms:
    return shelf.terms.get(symbol_key(account, symbol)) or Terms(account, symbol, LEVERAGE_START, "crossed")


def position_mode(shelf: Shelf, account: str) -> str:
    return HEDGE if HEDGED + account in shelf.marks else ONE_WAY


def move_balance(
    floor: Floor,
    account: str,
    wallet: Product,
    coin: str,
    *,
    available: Decimal = ZERO,
    frozen: Decimal = ZERO,
) -> None:
    """Add to a balance; only within a change of the books."""
    if not available and not frozen:
        return
    old = balance_of(floor.books.live, account, wallet, coin)
    floor.books.put(Balance(account, wallet, coin, old.available + available, old.frozen + frozen))
