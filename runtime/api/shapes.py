"""Shapes of what is asked and told beside the ledger's nouns."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Backup:
    name: str
    taken_at: datetime
    bytes: int
    orders: int
    revision: str


@dataclass(frozen=True, slots=True)
class Alive:
    alive: bool = True


@dataclass(frozen=True, slots=True)
class Code:
    code: str = field(metadata={"description": "What the address of the page ends with, after #sign-in="})
