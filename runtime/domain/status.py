"""What the program says about itself: one picture of all desks, bots and processes at one instant. Plain values, made
by whoever can see, drawn by whoever shows."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

BotState = Literal["running", "paused", "halted"]


@dataclass(frozen=True, slots=True)
class PositionStatus:
    symbol: str
    quantity: Decimal
    average_price: Decimal
    unrealised: Decimal | None


@dataclass(frozen=True, slots=True)
class BotStatus:
    name: str
    strategy: str
    state: BotState
    halt_reason: str
    equity: Decimal | None
    equity_at: datetime | None
    ticked_at: datetime | None
    ticks: int
    positions: tuple[PositionStatus, ...]
    open_orders: int
    fills: int
    realised: Decimal | None
    saved_at: datetime | None = None  # what its components remember
    trained_at: datetime | None = None  # the model that it uses


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """One venue account; `alive` means that its lease is held and has not run out."""

    account: str
    venue: str
    market: str
    lease_holder: str
    lease_epoch: int
    lease_expires_at: datetime | None
    alive: bool
    last_recovery: str
    recovered_at: datetime | None
    bots: tuple[BotStatus, ...]
    unknown_orders: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One child of the supervisor; `state` is a word or two for a person."""

    name: str
    pid: int | None
    state: str
    restarts: int
    last_line: str


@dataclass(frozen=True, slots=True)
class Overview:
    at: datetime
    desks: tuple[DeskStatus, ...]
    processes: tuple[ProcessStatus, ...]
