"""A desk for tests of the ledger: a tenant with an account, a bot on it, a lease, and orders to write down."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg.conninfo import make_conninfo

from runtime.domain import identity
from runtime.domain.fill import Fill
from runtime.domain.identity import AccountId, BotId, UserId, VenueOrderId, VenueTradeId
from runtime.domain.order import CHAIN_START, Event, Intent, Kind, Link, Order, Side, Status, chain
from runtime.engine.lease import this_process
from runtime.engine.ledger import Ledger
from runtime.local import processes
from runtime.local.folder import SOCKET_NAME
from runtime.local.postgres import Server
from runtime.settings import Secret
from runtime.store import leases, orders
from runtime.store.pool import Fence, Store
from tests.database import Database, make_account, make_bot, make_user
from tests.proxy import Proxy

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1000)
SYMBOL = "BTC/USDT"
LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Names:
    """Who trades: a bot on an account of a tenant."""

    tenant: UserId
    account_id: AccountId
    bot_id: BotId


@dataclass(frozen=True, slots=True)
class Desk:
    """Names, and the right to write for them."""

    names: Names
    store: Store
    fence: Fence

    @property
    def account_id(self) -> AccountId:
        return self.names.account_id

    @property
    def bot_id(self) -> BotId:
        return self.names.bot_id

    def ledger(self) -> Ledger:
        ledger = Ledger(self.store, self.fence)
        ledger.load(LONG_AGO)
        return ledger

    def with_epoch(self, epoch: int) -> "Desk":
        return replace(self, fence=Fence(self.account_id, epoch))


def make_names(database: Database) -> Names:
    tenant = make_user(database)
    account = make_account(database, tenant)
    return Names(UserId(tenant), AccountId(account), BotId(make_bot(database, tenant, account)))


@contextmanager
def open_desk(url: Secret, names: Names, **wishes: Any) -> Iterator[Desk]:
    """The names' store, with a lease on their account."""
    with Store(url, names.tenant, **wishes) as store:
        yield Desk(names, store, Fence(names.account_id, take_lease(store, names.account_id)))


def take_lease(store: Store, account_id: AccountId, seconds: float = LEASE_SECONDS) -> int:
    """The first epoch, or the next one as if the holder were proved dead."""
    holder = this_process()
    with store.single("look at the lease") as tx:
        found = leases.load_lease(tx, account_id)
    with store.single("take the lease") as tx:
        if found is None:
            epoch = leases.acquire_first(tx, account_id, holder, seconds)
        else:
            epoch = leases.acquire(tx, account_id, holder, seconds, epoch=found.epoch, holder_is_dead=True)
    assert epoch is not None
    return epoch


def proxied(server: Server, url: str, **wishes: Any) -> tuple[Proxy, Secret]:
    """A proxy before the server's socket, not yet entered, and the URL that leads through it."""
    proxy = Proxy(Path(server.postmaster.socket_dir) / SOCKET_NAME, **wishes)
    # Encryption would be asked for first, in a round trip of its own, and declined.
    changed: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": proxy.port,
        "sslmode": "disable",
        "gssencmode": "disable",
    }
    return proxy, Secret(make_conninfo(url, **changed))


def make_intent(bot_id: BotId, key: str | None = None, **changes: Any) -> Intent:
    key = key or uuid4().hex
    order_id = identity.order_id(bot_id, key)
    intent = Intent(
        order_id=order_id,
        bot_id=bot_id,
        client_order_id=identity.ClientOrderId(identity.client_order_token(order_id)),
        key=key,
        symbol=SYMBOL,
        side=Side.BUY,
        kind=Kind.LIMIT,
        quantity=Decimal("1.5"),
        price=Decimal("100.25"),
        reduce_only=False,
        created_at=NOW,
        send_before=NOW + timedelta(seconds=10),
        reason="a test wants it",
    )
    return replace(intent, **changes)


def make_fill(order: Order | Intent, number: int, quantity: str, **changes: Any) -> Fill:
    """Trade `number` of the venue, as many seconds after NOW; at 100 each with a fee of 0.1 unless told."""
    fill = Fill(
        order_id=order.order_id,
        bot_id=order.bot_id,
        venue_trade_id=VenueTradeId(str(number)),
        venue_order_id=VenueOrderId(f"v-{order.client_order_id}"),
        symbol=order.symbol,
        base="BTC",
        quote="USDT",
        side=order.side,
        quantity=Decimal(quantity),
        price=Decimal(100),
        fee=Decimal("0.1"),
        fee_coin="USDT",
        quantity_step=Decimal("0.001"),
        traded_at=NOW + timedelta(seconds=number),
    )
    return replace(fill, **changes)


def place(ledger: Ledger, intent: Intent) -> Order:
    """Written down, and submitted as a venue would have answered."""
    (order,) = ledger.record_intents(intent.bot_id, [intent], memory={}, trigger_reason="a test")
    venue_order_id = VenueOrderId(f"v-{order.client_order_id}")
    return ledger.advance(order, Status.SUBMITTED, NOW, {}, venue_order_id=venue_order_id)


def chain_of(end: Link, *intents: Intent) -> list[Event]:
    """The first events of these intents, each linked to the one before."""
    events = list[Event]()
    for intent in intents:
        events.append(chain(end, intent.order_id, intent.created_at, None, Status.PENDING, {}))
        end = events[-1].link
    return events


def write(desk: Desk, *intents: Intent, end: Link = CHAIN_START) -> list[Event]:
    """Through the store alone, without a ledger's picture."""
    events = chain_of(end, *intents)
    with desk.store.single("write down the intents") as tx:
        orders.record_intents(
            tx, desk.fence, desk.bot_id, uuid4(), intents, events, memory={}, trigger_reason="a test"
        )
    return events


def row_counts(database: Database) -> dict[str, int]:
    """How many rows stand in each table that a ledger write touches, of all tenants."""
    tables = ("jobs", "orders", "order_events", "fills", "positions", "trades", "audit_log")
    return {table: database.rows(f"select count(*) from {table}")[0][0] for table in tables}


def wait_for_a_waiter(database: Database) -> None:
    """Until a session of this database waits for a lock that another one holds."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"
    found = processes.wait_until(lambda: database.rows(waiting, (database.name,))[0][0] > 0, seconds_max=10)
    assert found
