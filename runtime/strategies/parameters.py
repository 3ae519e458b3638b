"""Parameters of strategies, from a desk file or the ledger to typed values. Collects every fault before it raises."""

from collections.abc import Mapping
from decimal import Decimal

from runtime import errors
from runtime.domain import money

TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d")


class Parameters:
    """Reads one parameter after the other; `finish` raises if any was wrong, missing or unknown."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self._raw = raw
        self._known: list[str] = []
        self._faults: list[str] = []

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        value = self._take(name, default)
        is_written_out = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10
        number = int(str(value)) if is_written_out else value
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            self._faults.append(f"{name} is {value!r:.40}, not a whole number from {least} to {most}")
            return default
        return number

    def decimal(self, name: str, default: str, *, least: str, most: str) -> Decimal:
        value = self._take(name, default)
        try:
            number = money.parse(value)
        except ValueError as fault:
            self._faults.append(f"{name}: {fault}")
            return Decimal(default)
        if not Decimal(least) <= number <= Decimal(most):
            self._faults.append(f"{name} is {number}, not between {least} and {most}")
        return number

    def timeframe(self) -> str:
        value = self._take("timeframe", "1m")
        if not isinstance(value, str) or value not in TIMEFRAMES:
            self._faults.append(f"timeframe is {value!r:.40}, not one of {', '.join(TIMEFRAMES)}")
            return "1m"
        return value

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self._faults.append(otherwise)

    def finish(self, strategy: str) -> None:
        unknown = sorted(set(self._raw) - set(self._known), key=str)
        self._faults += [f"{name!r:.60} is not a parameter of {strategy}" for name in unknown]
        if self._faults:
            raise errors.BadInput(
                where=f"The parameters of {strategy}",
                detail="; ".join(self._faults),
                remedy=f"Its parameters are {', '.join(sorted(self._known))}.",
            )

    def _take(self, name: str, default: object) -> object:
        self._known.append(name)
        return self._raw.get(name, default)
