"""Compares the account with the ledger and applies what follows: ours is proved, foreign set aside, the rest raised.

The comparison itself is `domain.reconcile`; this module fetches both sides and carries its findings out.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from runtime import logs
from runtime.domain.market import MarketKind, VenueFill, VenueOrder
from runtime.domain.order import Order, Status
from runtime.domain.reconcile import Finding, Ours, Reaction, Theirs, reconcile
from runtime.engine import proof
from runtime.engine.desk import Desk
from runtime.store import bots, fills, operations, orders
from runtime.store.operations import Quarantined, Reconciliation

# Venue and ledger are asked at different instants, so a difference must survive this many looks to be called one.
LOOKS_MAX = 3
FINDINGS_KEPT = 50


def run(desk: Desk, kind: str, since: datetime) -> Reconciliation:
    """Compare until nothing provable differs, then record what was found."""
    started_at = desk.exchange.now()
    desk.unclean = ()
    proved, found = 0, tuple[Finding, ...]()
    for _ in range(LOOKS_MAX):
        found = compare(desk, since)
        proved += _prove(desk, found)
        if all(finding.reaction is Reaction.QUARANTINE for finding in found):
            break
    quarantined = _quarantine(desk, [each for each in found if each.reaction is Reaction.QUARANTINE])
    desk.unclean = (*desk.unclean, *(each.sentence for each in found if each.reaction is Reaction.UNCLEAN))
    unproved = len(desk.ledger.unsettled(Status.UNKNOWN))
    done = Reconciliation(
        kind=kind,
        started_at=started_at,
        finished_at=desk.exchange.now(),
        clean=not desk.unclean and unproved == 0,
        proved=proved,
        unproved=unproved,
        quarantined=quarantined,
        summary=_summary(proved, unproved, quarantined, desk.unclean),
        findings=tuple(each.sentence for each in found[:FINDINGS_KEPT]),
    )
    with desk.store.single("record the reconciliation") as tx:
        operations.record_reconciliation(tx, desk.fence, done)
    logs.info("reconciled", account=desk.account.name, kind=kind, summary=done.summary)
    return done


def record_baseline_once(desk: Desk) -> None:
    """What lay on the account before Holdfast came is not ours: it is noted once and taken off every comparison."""
    if desk.account.baseline is not None:
        return
    record_baseline(desk)


def record_baseline(desk: Desk) -> None:
    held, ours = _venue_holdings(desk, desk.symbols), desk.holdings()
    baseline = {name: amount - ours.get(name, Decimal(0)) for name, amount in held.items()}
    with desk.store.single("record what the account held before") as tx:
        bots.record_baseline(tx, desk.fence, baseline)
    desk.account = bots.with_baseline(desk.account, baseline)


def shift_baseline(desk: Desk, name: str, by: Decimal) -> None:
    """A foreign fill that an operator ignores: what it moved belongs to somebody else from now on."""
    baseline = dict(desk.account.baseline or {})
    baseline[name] = baseline.get(name, Decimal(0)) + by
    with desk.store.single("record what belongs to others") as tx:
        bots.record_baseline(tx, desk.fence, baseline)
    desk.account = bots.with_baseline(desk.account, baseline)


def compare(desk: Desk, since: datetime) -> tuple[Finding, ...]:
    """What differs at this moment. Nothing is changed."""
    # The venue first: whatever the ledger learns meanwhile can only explain more of it, never less.
    theirs = _fetch_theirs(desk, since)
    ours = _load_ours(desk, theirs, since)
    tolerance = {desk.holding_name(symbol): market.quantity_step for symbol, market in desk.markets.items()}
    return reconcile(ours, theirs, tolerance)


def _fetch_theirs(desk: Desk, since: datetime) -> Theirs:
    exchange, recent, traded = desk.exchange, list[VenueOrder](), list[VenueFill]()
    asked_at = exchange.now()
    for symbol in desk.symbols:
        recent += exchange.fetch_order_history(symbol, since)
        traded += exchange.fetch_fills(symbol, since=since)
    held = _held_at_venue(desk, desk.symbols)
    return Theirs(exchange.fetch_open_orders(desk.symbols), tuple(recent), tuple(traded), held, asked_at)


def holds_what_we_think(desk: Desk, symbol: str) -> bool:
    """Whether the venue shows now what the ledger's picture says of one symbol. PostgreSQL is not asked."""
    name = desk.holding_name(symbol)
    shown = _held_at_venue(desk, (symbol,))[name]
    return abs(shown - desk.holdings().get(name, Decimal(0))) < desk.markets[symbol].quantity_step


def _held_at_venue(desk: Desk, symbols: Sequence[str]) -> dict[str, Decimal]:
    """Less what was there before Holdfast came."""
    baseline = desk.account.baseline or {}
    return {
        name: amount - baseline.get(name, Decimal(0))
        for name, amount in _venue_holdings(desk, symbols).items()
    }


def _venue_holdings(desk: Desk, symbols: Sequence[str]) -> dict[str, Decimal]:
    names = [desk.holding_name(symbol) for symbol in symbols]
    if desk.account.kind is MarketKind.LINEAR:
        shown = {each.symbol: each.quantity for each in desk.exchange.fetch_positions(symbols)}
    else:
        shown = {coin: balance.total for coin, balance in desk.exchange.fetch_balances().items()}
    return {name: shown.get(name, Decimal(0)) for name in names}


def _load_ours(desk: Desk, theirs: Theirs, since: datetime) -> Ours:
    account = desk.account.account_id
    shown = [*theirs.open_orders, *theirs.recent_orders]
    with desk.store.transaction("load what is to be compared") as tx:
        recent = orders.load_recent(tx, account, since)
        matching = orders.load_matching(
            tx,
            account,
            {order.venue_order_id for order in shown} | {fill.venue_order_id for fill in theirs.fills},
            {order.client_order_id for order in shown if order.client_order_id},
        )
        known_fills = fills.load_trade_ids(tx, account, since - timedelta(days=1))
        desk.quarantined = operations.load_quarantined_ids(tx, account)
    known = {order.order_id: order for order in (*recent, *matching)}
    return Ours(tuple(known.values()), known_fills, desk.quarantined, desk.holdings())


def _prove(desk: Desk, found: Sequence[Finding]) -> int:
    """How many orders are settled or moved on now that were not before."""
    moved, done = 0, set[str]()
    for finding in found:
        order = finding.order
        if finding.reaction is not Reaction.PROVE or order is None or order.client_order_id in done:
            continue
        done.add(order.client_order_id)
        shown = (finding.venue_order,) if finding.venue_order else ()
        moved += _moved(order, proof.prove(desk, order, shown))
    return moved


def _moved(before: Order, after: Order) -> bool:
    return (before.status, before.filled_quantity) != (after.status, after.filled_quantity)


def _quarantine(desk: Desk, found: Sequence[Finding]) -> int:
    if not found:
        return 0
    rows = [_set_aside(finding) for finding in found]
    with desk.store.single("set foreign orders aside") as tx:
        fresh = operations.record_quarantine(tx, desk.fence, desk.exchange.now(), rows)
    desk.quarantined = desk.quarantined | {row.venue_id for row in rows}
    for row in rows:
        logs.warning("quarantined", kind=row.kind, venue_id=row.venue_id, sentence=row.sentence)
    return fresh


def _set_aside(finding: Finding) -> Quarantined:
    if finding.venue_order is not None:
        shown = finding.venue_order
        detail = {
            "client_order_id": shown.client_order_id,
            "side": shown.side,
            "kind": shown.kind,
            "quantity": None if shown.quantity is None else f"{shown.quantity:f}",
            "price": None if shown.price is None else f"{shown.price:f}",
            "status": shown.status,
            "created_at": shown.created_at.isoformat(),
        }
        return Quarantined("order", finding.subject, shown.symbol, finding.sentence, detail)
    fill = finding.venue_fill
    assert fill is not None, "a quarantine names an order or a fill"
    detail = {
        "venue_order_id": fill.venue_order_id,
        "side": fill.side,
        "quantity": f"{fill.quantity:f}",
        "price": f"{fill.price:f}",
        "fee": f"{fill.fee:f}",
        "fee_coin": fill.fee_coin,
        "traded_at": fill.traded_at.isoformat(),
    }
    return Quarantined("fill", finding.subject, fill.symbol, finding.sentence, detail)


def _summary(proved: int, unproved: int, quarantined: int, unclean: Sequence[str]) -> str:
    parts = [f"{proved} proved", f"{unproved} unknown", f"{quarantined} newly quarantined"]
    return ", ".join(parts) + ("; unclean: " + "; ".join(unclean) if unclean else "; clean")
