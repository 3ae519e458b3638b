"""What the ledger says, asked past every door, and whether it agrees with the venue's books."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.rehearsal import superuser
from deploy.rehearsal.simulation import Simulation

QUERY = Path(__file__).with_name("ledger.sql")
# An order in one of these states need not be at the venue.
NOT_SENT = frozenset({"pending", "failed", "rejected"})


@dataclass(frozen=True, slots=True)
class Entry:
    client_order_id: str
    status: str
    venue_order_id: str
    fills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    orders: int
    fills: int
    lost: int
    duplicated: int
    unknown: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.unknown)

    def __str__(self) -> str:
        return (
            f"{self.orders} orders and {self.fills} fills at the venue: lost {self.lost}, "
            f"duplicated {self.duplicated}, unknown {self.unknown}"
        )


def read(simulation: Simulation, *, server: int = 1) -> list[Entry]:
    rows = [
        each.split("\t") for each in superuser.ask(simulation, "-f", str(QUERY), server=server).splitlines()
    ]
    return [Entry(client, status, venue, int(fills)) for client, status, venue, fills in rows]


def compare(
    entries: Iterable[Entry], orders: Iterable[Mapping[str, Any]], fills: Iterable[Mapping[str, Any]]
) -> Verdict:
    """Both ways: what the venue has and we do not know, and what we say was sent and the venue does not have.

    An order is a duplicate where the venue has two of one client id, or two orders of ours say they are the same.
    """
    known = {each.client_order_id: each for each in entries}
    at_venue = Counter(str(each["client_oid"]) for each in orders)
    filled = Counter(str(each["order_id"]) for each in fills)
    strangers = sum(count for name, count in at_venue.items() if name not in known)
    missing = sum(
        each.status not in NOT_SENT and each.status != "unknown" and name not in at_venue
        for name, each in known.items()
    )
    unfilled = sum(
        abs(filled[each.venue_order_id] - each.fills) for each in known.values() if each.venue_order_id
    )
    return Verdict(
        orders=sum(at_venue.values()),
        fills=sum(filled.values()),
        lost=strangers + missing + unfilled,
        duplicated=sum(count - 1 for count in at_venue.values()),
        unknown=sum(each.status == "unknown" for each in known.values()),
    )
