"""Holds the ledger against the venue's own books. What is counted is counted at the venue."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from runtime.domain.identity import CLIENT_ORDER_ID_PREFIX
from runtime.domain.market import MarketKind
from tests.crash.ground import FUNDS, Ground
from tests.crash.trading import Site

# How an order that ended or rests at the venue may stand in the ledger.
FITTING = {
    "live": {"submitted", "open"},
    "partially_filled": {"partially_filled"},
    "filled": {"filled"},
    "cancelled": {"cancelled", "expired"},
}
CLOSED = {"failed", "rejected"}
PLACE_ORDER = "place-order"


@dataclass(slots=True)
class Verdict:
    """What became of one run."""

    reached: bool = True
    processes: int = 0
    seconds: float = 0.0
    orders: int = 0  # at the venue
    duplicated: int = 0  # orders, or submissions, beyond one for each intent
    lost: int = 0  # orders or fills of the venue that the ledger does not know, or knows wrongly
    unresolved: int = 0  # visibly UNKNOWN
    failed: int = 0  # intents proved never to have reached the venue
    late: int = 0  # submissions of a zombie that arrived after another had taken its place
    stale: int = 0  # writes of a zombie that the ledger accepted
    faults: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.duplicated or self.lost or self.stale or self.faults)


@dataclass(frozen=True, slots=True)
class Row:
    """An order as the ledger keeps it."""

    client_order_id: str
    venue_order_id: str | None
    status: str
    filled: Decimal


def judge(ground: Ground, site: Site, verdict: Verdict) -> None:
    """Count, and add to what is known of the run."""
    books = ground.venue.books(site.venue_account)
    venue_orders = [each for each in books["orders"] if each["client_oid"].startswith(CLIENT_ORDER_ID_PREFIX)]
    rows = _load_orders(ground, site)
    verdict.orders += len(venue_orders)
    verdict.faults += _judge_submissions(ground, site, venue_orders, verdict)
    verdict.faults += _judge_orders(venue_orders, rows, verdict)
    verdict.faults += _judge_fills(
        ground, site, books["fills"], {each["order_id"] for each in venue_orders}, verdict
    )
    verdict.faults += _judge_holdings(ground, site, books, verdict)
    verdict.failed += sum(row.status == "failed" for row in rows)


def _judge_submissions(
    ground: Ground, site: Site, venue_orders: list[dict[str, Any]], verdict: Verdict
) -> Iterator[str]:
    for client_id, count in Counter(each["client_oid"] for each in venue_orders).items():
        if count > 1:
            verdict.duplicated += count - 1
            yield f"{client_id} stands {count} times in the venue's books"
    log = ground.venue.control(f"requests?route={PLACE_ORDER}")["log"]
    sent = Counter(each["client_oid"] for each in log if each["account"] == site.venue_account)
    for client_id, count in sent.items():
        if count > 1:
            verdict.duplicated += 1
            yield f"{client_id} was sent {count} times"


def _judge_orders(venue_orders: list[dict[str, Any]], rows: list[Row], verdict: Verdict) -> Iterator[str]:
    known = {row.client_order_id: row for row in rows}
    for each in venue_orders:
        row = known.pop(each["client_oid"], None)
        if row is None:
            verdict.lost += 1
            yield f"the ledger does not know order {each['client_oid']}"
        elif row.status == "unknown":
            verdict.unresolved += 1
        elif row.status in CLOSED or row.venue_order_id != each["order_id"]:
            verdict.lost += 1
            yield f"{row} is wrong: the venue has it as {each['order_id']}, {each['status']}"
        elif row.status not in FITTING[each["status"]] or row.filled != Decimal(each["filled_base"]):
            verdict.lost += 1
            yield f"{row} is wrong: the venue says {each['status']}, {each['filled_base']} filled"
    for row in known.values():
        if row.status == "unknown":
            verdict.unresolved += 1
        elif row.status not in CLOSED:
            verdict.lost += 1
            yield f"{row} is not in the venue's books"


def _judge_fills(
    ground: Ground, site: Site, fills: list[dict[str, Any]], ours: set[str], verdict: Verdict
) -> Iterator[str]:
    query = (
        "select venue_trade_id, quantity from fills join accounts using (user_id, account_id)"
        " where user_id = %s and accounts.name = %s"
    )
    kept = Counter(
        (str(trade), Decimal(quantity))
        for trade, quantity in ground.ledger.execute(query, (site.tenant, site.account))
    )
    told = Counter((each["trade_id"], Decimal(each["size"])) for each in fills if each["order_id"] in ours)
    if (
        verdict.unresolved
    ):  # their fills are not expected yet; those that are kept must be the venue's all the same
        told &= kept
    for trade, _ in (told - kept).elements():
        verdict.lost += 1
        yield f"fill {trade} is missing in the ledger"
    for trade, _ in (kept - told).elements():
        verdict.duplicated += 1
        yield f"fill {trade} is counted once more than the venue has it"


def _judge_holdings(
    ground: Ground, site: Site, books: dict[str, list[dict[str, Any]]], verdict: Verdict
) -> Iterator[str]:
    """What the positions add up to is what lies on the account; nobody else trades there."""
    query = (
        "select coalesce(sum(positions.quantity), 0) from positions join accounts using (user_id, account_id)"
        " where user_id = %s and accounts.name = %s"
    )
    row = ground.ledger.execute(query, (site.tenant, site.account)).fetchone()
    kept = Decimal(row[0] if row else 0)
    if site.kind is MarketKind.LINEAR:
        held = sum((Decimal(each["quantity"]) for each in books["positions"]), Decimal(0))
    else:
        held = sum(
            (
                Decimal(each["available"]) + Decimal(each["frozen"])
                for each in books["balances"]
                if each["wallet"] == "spot" and each["coin"] == "BTC"
            ),
            -Decimal(FUNDS.get("BTC", 0)),
        )
    if kept != held and not verdict.unresolved:
        verdict.lost += 1
        yield f"the positions add up to {kept}, the venue holds {held}"


def _load_orders(ground: Ground, site: Site) -> list[Row]:
    query = (
        "select client_order_id, venue_order_id, status, filled_quantity from orders"
        " join accounts using (user_id, account_id) where user_id = %s and accounts.name = %s"
    )
    return [Row(*row) for row in ground.ledger.execute(query, (site.tenant, site.account))]
