"""Exact numbers. Everything that becomes a price, a quantity or a fee passes `parse`, and all rounding happens here.

Promises: no float enters, nothing that is NaN, infinite or absurd leaves.
"""

from contextlib import AbstractContextManager
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext

ZERO = Decimal(0)
# numeric(38,18) holds twenty digits before the point; a larger number is a defect of whoever sent it.
AMOUNT_MAX = Decimal(10) ** 20
PLACES = Decimal(1).scaleb(-18)
_EXACT = Context(prec=76, rounding=ROUND_HALF_EVEN)


def parse(value: object) -> Decimal:
    """A finite decimal of at most 18 places, or a ValueError that says what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{value!r:.60} is a {type(value).__name__}, not a decimal number")
    if isinstance(value, str) and len(value) > 80:
        raise ValueError(f"a number of {len(value)} characters is not a plausible amount")
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise ValueError(f"{value!r:.60} is not a decimal number") from None
    if not number.is_finite():
        raise ValueError(f"{number} is not a finite number")
    if not is_plausible(number):
        raise ValueError(f"{number:.3e} is too large to be an amount")
    if number != exact(number):
        raise ValueError(f"{number:.20e} has more than 18 decimal places")
    return canonical(number)


def canonical(number: Decimal) -> Decimal:
    """The one way in which we write a number, so that what was loaded equals what was there to the last character."""
    plain = number.normalize(_EXACT)
    if plain == plain.to_integral_value():
        plain = plain.quantize(Decimal(1), context=_EXACT)
    return plain or ZERO


def read(text: str) -> Decimal:
    """A number as PostgreSQL writes it, with all its places, in our way."""
    return Decimal(text.rstrip("0").rstrip(".")) if "." in text else Decimal(text)


def is_plausible(number: Decimal) -> bool:
    """Finite, and small enough that no arithmetic here can overflow. `abs` would round to the context's precision."""
    return number.is_finite() and number.copy_abs() < AMOUNT_MAX


def precisely() -> AbstractContextManager[Context]:
    """Sums and differences in here keep every digit; Python's own context keeps 28, a large position has up to 38."""
    return localcontext(_EXACT)


def exact(number: Decimal) -> Decimal:
    """The number at the ledger's 18 places, rounded half to even."""
    return number.quantize(PLACES, context=_EXACT)


def share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """`total * part / whole` with one rounding, so that the same fills always give the same position."""
    with localcontext(_EXACT):
        return exact(total * part / whole)


def product(left: Decimal, right: Decimal) -> Decimal:
    with localcontext(_EXACT):
        return exact(left * right)


def is_multiple(number: Decimal, step: Decimal) -> bool:
    return _EXACT.remainder(number, step) == 0


def round_down(number: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `number` (towards zero)."""
    with localcontext(_EXACT):
        return (number / step).to_integral_value(rounding=ROUND_DOWN) * step


def round_nearest(number: Decimal, step: Decimal) -> Decimal:
    with localcontext(_EXACT):
        return (number / step).to_integral_value(rounding=ROUND_HALF_EVEN) * step
