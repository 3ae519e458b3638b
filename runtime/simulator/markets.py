"""The instruments that the venue lists, with their ticks, lots, minimums and fees.

Pure; touches nothing. A symbol's id is the same in spot and in the perpetuals, as at the venue it imitates.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import ClassVar

from runtime import errors
from runtime.simulator.records import Product

PRODUCT_TYPE = "USDT-FUTURES"
QUOTE = "USDT"


@dataclass(frozen=True, slots=True)
class Instrument:
    product: Product
    base: str
    price_start: Decimal
    price_places: int
    size_places: int
    size_min: Decimal
    cost_min: Decimal
    maker_rate: Decimal
    taker_rate: Decimal
    leverage_max: Decimal
    quote: ClassVar[str] = QUOTE

    @property
    def symbol(self) -> str:
        return self.base + QUOTE

    @property
    def tick(self) -> Decimal:
        return Decimal(1).scaleb(-self.price_places)

    @property
    def lot(self) -> Decimal:
        return Decimal(1).scaleb(-self.size_places)

    def floor_price(self, price: Decimal) -> Decimal:
        return price.quantize(self.tick, rounding=ROUND_DOWN)

    def ceil_price(self, price: Decimal) -> Decimal:
        return price.quantize(self.tick, rounding=ROUND_UP)

    def floor_size(self, size: Decimal) -> Decimal:
        return size.quantize(self.lot, rounding=ROUND_DOWN)


def _spot(base: str, price: str, price_places: int, size_places: int) -> Instrument:
    lot = Decimal(1).scaleb(-size_places)
    rate = Decimal("0.001")
    return Instrument(
        Product.SPOT, base, Decimal(price), price_places, size_places, lot, Decimal(1), rate, rate, Decimal(1)
    )


def _perpetual(base: str, price: str, price_places: int, size_places: int) -> Instrument:
    lot = Decimal(1).scaleb(-size_places)
    maker, taker = Decimal("0.0002"), Decimal("0.0006")
    return Instrument(
        Product.MIX,
        base,
        Decimal(price),
        price_places,
        size_places,
        lot,
        Decimal(5),
        maker,
        taker,
        Decimal(125),
    )


SPOT: dict[str, Instrument] = {
    instrument.symbol: instrument
    for instrument in (
        _spot("BTC", "60000", 2, 6),
        _spot("ETH", "3000", 2, 4),
        _spot("SOL", "150", 3, 4),
        _spot("XRP", "0.6", 4, 4),
        _spot("BGB", "1.2", 4, 4),
    )
}
MIX: dict[str, Instrument] = {
    instrument.symbol: instrument
    for instrument in (
        _perpetual("BTC", "60000", 1, 4),
        _perpetual("ETH", "3000", 2, 2),
        _perpetual("SOL", "150", 3, 1),
        _perpetual("XRP", "0.6", 4, 0),
    )
}
COINS = (QUOTE, *(instrument.base for instrument in SPOT.values()))


def instrument_of(product: Product, symbol: str) -> Instrument:
    found = (SPOT if product is Product.SPOT else MIX).get(symbol)
    if found is None:
        raise errors.RejectedByVenue(
            venue="simulator", code="40034", detail=f"Parameter {symbol} does not exist"
        )
    return found
