"""What a fill does to an account: coins move, fees are taken, positions grow, shrink and turn.

Writes balances and positions only, within the caller's change. Cash is exact: nothing appears or vanishes but by the
fill and its fee. There is no funding and no liquidation.
"""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from runtime.simulator.books import Shelf
from runtime.simulator.floor import Floor, balance_of, move_balance, position_of, terms_of
from runtime.simulator.markets import MIX, QUOTE, SPOT, Instrument
from runtime.simulator.records import ZERO, Order, Position, Product, Scope, Side

DISCOUNT = Decimal("0.8")
CENT_OF_COIN = Decimal("1e-8")
PRICE_DIGITS = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Fee:
    amount: Decimal
    coin: str
    deducted: bool = False


def spot_fee(
    floor: Floor, order: Order, instrument: Instrument, size: Decimal, quote: Decimal, scope: Scope
) -> Fee:
    """In what is received, or in a third coin if the account wishes it and has enough of it."""
    rate = instrument.maker_rate if scope is Scope.MAKER else instrument.taker_rate
    third = floor.books.live.accounts[order.account].fee_coin
    if third and third in (spot.base for spot in SPOT.values()):
        price = floor.quote(SPOT[third + QUOTE]).last
        amount = (quote * rate * DISCOUNT / price).quantize(CENT_OF_COIN, rounding=ROUND_UP)
        if balance_of(floor.books.live, order.account, Product.SPOT, third).available >= amount:
            return Fee(amount, third, deducted=True)
    if order.side is Side.BUY:
        return Fee(size * rate, instrument.base)
    return Fee(quote * rate, instrument.quote)


def settle_spot(
    floor: Floor,
    order: Order,
    instrument: Instrument,
    *,
    size: Decimal,
    quote: Decimal,
    released: Decimal,
    fee: Fee,
) -> None:
    """`released` is how much less is set aside for the order after this fill."""
    if order.side is Side.BUY:
        paid, received, paid_coin, received_coin = quote, size, instrument.quote, instrument.base
    else:
        paid, received, paid_coin, received_coin = size, quote, instrument.base, instrument.quote
    account = order.account
    move_balance(floor, account, Product.SPOT, paid_coin, available=released - paid, frozen=-released)
    move_balance(floor, account, Product.SPOT, received_coin, available=received)
    move_balance(floor, account, Product.SPOT, fee.coin, available=-fee.amount)


def settle_mix(
    floor: Floor, order: Order, *, size: Decimal, price: Decimal, fee: Fee, now_ms: int
) -> Decimal:
    """Move the position and the cash; returns the profit that the fill realised."""
    old = position_of(floor.books.live, order.account, order.symbol)
    signed = size if order.side is Side.BUY else -size
    quantity = old.quantity + signed
    closed = min(abs(signed), abs(old.quantity)) if old.quantity * signed < 0 else ZERO
    direction = 1 if old.quantity > 0 else -1
    profit = (price - old.open_price) * closed * direction
    opened_ms = old.opened_ms
    if not closed:
        entered = (abs(old.quantity) * old.open_price + size * price) / abs(quantity)
        opened_ms = old.opened_ms if old.quantity else now_ms
    elif quantity * old.quantity < 0:
        entered, opened_ms = price, now_ms
    else:
        entered = old.open_price if quantity else ZERO
    realised = old.realised + profit if quantity * old.quantity > 0 else ZERO
    entered = entered.quantize(PRICE_DIGITS)
    floor.books.put(Position(order.account, order.symbol, quantity, entered, realised, opened_ms))
    move_balance(floor, order.account, Product.MIX, QUOTE, available=profit - fee.amount)
    return profit


def unrealised(floor: Floor, position: Position) -> Decimal:
    mark = floor.quote(MIX[position.symbol]).last
    return (mark - position.open_price) * position.quantity


def position_margin(shelf: Shelf, position: Position) -> Decimal:
    leverage = terms_of(shelf, position.account, position.symbol).leverage
    return (abs(position.quantity) * position.open_price / leverage).quantize(CENT_OF_COIN, rounding=ROUND_UP)


@dataclass(frozen=True, slots=True)
class Margin:
    cash: Decimal
    unrealised: Decimal
    used: Decimal
    ordered: Decimal

    @property
    def equity(self) -> Decimal:
        return self.cash + self.unrealised

    @property
    def free(self) -> Decimal:
        return max(ZERO, self.equity - self.used - self.ordered)


def margin_of(floor: Floor, shelf: Shelf, account: str) -> Margin:
    held = [one for one in shelf.positions.values() if one.account == account and one.quantity]
    ordered = (
        order.frozen
        for order in shelf.opened.values()
        if order.account == account and order.product is Product.MIX
    )
    return Margin(
        cash=balance_of(shelf, account, Product.MIX, QUOTE).available,
        unrealised=sum((unrealised(floor, one) for one in held), ZERO),
        used=sum((position_margin(shelf, one) for one in held), ZERO),
        ordered=sum(ordered, ZERO),
    )
