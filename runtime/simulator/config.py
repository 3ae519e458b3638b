"""What a simulator is started with, checked as a whole before anything is opened.

Reads the accounts file, nothing else. All faults are reported together.
"""

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

from runtime import errors
from runtime.simulator.markets import COINS, MIX, QUOTE, SPOT

SPEED_MAX = 100_000
REMEDY = (
    "It must be a JSON list of {name, key, secret, passphrase, fee_coin, spot: {coin: amount}, mix: {...}}."
)


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """An account as it is opened: its API key and what it is given."""

    name: str
    api_key: str
    api_secret: str
    passphrase: str
    spot: dict[str, Decimal]
    mix: dict[str, Decimal]
    fee_coin: str = ""


PAPER = AccountSpec(
    name="paper",
    api_key="paper-key",
    api_secret="paper-secret",
    passphrase="paper-passphrase",
    spot={QUOTE: Decimal(100_000)},
    mix={QUOTE: Decimal(100_000)},
)


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """`port` 0 takes a free one. `replays` maps a symbol such as BTCUSDT to the candle file that it follows."""

    books: Path
    host: str = "127.0.0.1"
    port: int = 0
    port_file: Path | None = None
    seed: int = 1
    books_sync: Literal["full", "off"] = "full"
    clock: Literal["wall", "manual"] = "wall"
    speed: Decimal = Decimal(1)
    replays: tuple[tuple[str, Path], ...] = ()
    accounts: tuple[AccountSpec, ...] = (PAPER,)
    control_token: str = ""
    tick_interval_ms: int = 200
    timestamp_window_ms: int = 30_000

    def __post_init__(self) -> None:
        faults = [fault for wrong, fault in self._checks() if wrong]
        if faults:
            raise errors.BadSettings(count=len(faults), faults="; ".join(faults))

    def _checks(self) -> list[tuple[bool, str]]:
        unlisted = [symbol for symbol, _ in self.replays if symbol not in SPOT | MIX]
        swift = self.speed.is_finite() and 0 < self.speed <= SPEED_MAX
        names = [account.name for account in self.accounts]
        keys = [account.api_key for account in self.accounts]
        return [
            (not 0 <= self.port <= 65_535, f"port {self.port} is not between 0 and 65535"),
            (not swift, f"speed {self.speed} is not above 0 and at most {SPEED_MAX}"),
            (
                self.books_sync not in ("full", "off"),
                f"books sync {self.books_sync!r} is neither full nor off",
            ),
            (self.clock not in ("wall", "manual"), f"clock {self.clock!r} is neither wall nor manual"),
            (bool(unlisted), f"{', '.join(unlisted)} is not listed here and cannot follow a file"),
            (self.tick_interval_ms < 1, "the tick interval is below one millisecond"),
            (len(set(names)) < len(names), "two accounts bear the same name"),
            (len(set(keys)) < len(keys), "two accounts bear the same API key"),
        ]


def load_accounts(path: Path) -> tuple[AccountSpec, ...]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        return tuple(parse_account(one) for one in listed)
    except (OSError, ValueError, TypeError, RecursionError, AttributeError) as exc:
        raise errors.BadInput(where=str(path), detail=str(exc), remedy=REMEDY) from exc


def parse_account(written: dict[str, object]) -> AccountSpec:
    """Raises ValueError with the field that is wrong."""
    for name in ("name", "key", "secret", "passphrase"):
        if not isinstance(written.get(name), str) or not written[name]:
            raise ValueError(f"an account needs {name!r} as a text")
    return AccountSpec(
        name=str(written["name"]),
        api_key=str(written["key"]),
        api_secret=str(written["secret"]),
        passphrase=str(written["passphrase"]),
        spot=_amounts(written, "spot"),
        mix=_amounts(written, "mix"),
        fee_coin=str(written.get("fee_coin") or ""),
    )


def _amounts(written: dict[str, object], wallet: str) -> dict[str, Decimal]:
    amounts = written.get(wallet) or {}
    if not isinstance(amounts, dict):
        raise ValueError(f"{wallet!r} must map coins to amounts")
    return {str(coin): _amount(str(coin), value) for coin, value in amounts.items()}


def _amount(coin: str, value: object) -> Decimal:
    if coin not in COINS:
        raise ValueError(f"{coin!r} is not listed here")
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} of {coin} is not a number") from None
    if not amount.is_finite() or amount < 0 or amount.adjusted() > 20:
        raise ValueError(f"{value!r} of {coin} is not an amount")
    return amount
