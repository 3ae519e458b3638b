"""A desk under test: a real ledger, a real venue, and bots that do what the test tells them.

It is built as `python -m runtime desk` builds one, but for the strategies: a test names what each decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from runtime.domain.decision import Decision, Memory, Needs, Proposal, View
from runtime.domain.identity import AccountId, BotId, account_id, bot_id, user_id
from runtime.domain.market import MarketKind
from runtime.domain.order import Kind, Side
from runtime.engine import enrolment, lease, loop, reconciling, recovery, verifying
from runtime.engine.desk import Desk, Pace
from runtime.engine.enrolment import AccountEntry, BotEntry, DeskFile
from runtime.engine.ledger import Ledger
from runtime.exchanges import registry
from runtime.exchanges.ccxt_adapter import Credentials
from runtime.settings import Secret
from runtime.store import bots, operations
from runtime.store.operations import Reconciliation
from runtime.store.pool import Store
from tests.database import Database
from tests.venue import PAPER_KEYS, RunningSimulator

USER, ACCOUNT = "tester", "desk"
PRICE = Decimal(50_000)
ETHER_PRICE = Decimal(2_000)
BITCOIN, ETHER, PERPETUAL = "BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"
LIMITS: Mapping[str, object] = {
    "position_quote_max": "20000",
    "order_quote_max": "10000",
    "open_orders_max": "10",
    "daily_loss_quote_max": "100000",
    "cooldown_seconds": "0",
    "price_collar_ratio": "0.2",
}
PACE = Pace(
    tick_seconds=0.01,
    request_timeout_seconds=1,
    send_within_seconds=1,
    lease_seconds=30,
    reconcile_seconds=3600,
    shutdown_seconds=5,
    store_lost_seconds=2,
    quote_age_seconds=30,
)
# Past any deadline of an intent, the longest receive window and the skew of clocks.
PATIENCE_SECONDS = 40
EXCHANGE_KEYS = (PAPER_KEYS["apiKey"], PAPER_KEYS["secret"], PAPER_KEYS["password"])

Play = Callable[[View, Memory], object]


def idle(_: View, memory: Memory) -> Decision:
    return Decision(memory=memory)


@dataclass(frozen=True, slots=True)
class Scripted:
    """Decides whatever the test laid ready under the bot's name; a test may make it decide nonsense."""

    name: str
    needs: Needs
    plays: Mapping[str, Play]

    def decide(self, view: View, memory: Memory) -> Any:
        return self.plays.get(self.name, idle)(view, memory)


def limit(key: str, side: Side, quantity: str, price: str, *, symbol: str = BITCOIN) -> Proposal:
    return Proposal(key, symbol, side, Decimal(quantity), Kind.LIMIT, Decimal(price))


def market(
    key: str, side: Side, quantity: str, *, symbol: str = BITCOIN, reduce_only: bool = False
) -> Proposal:
    return Proposal(key, symbol, side, Decimal(quantity), reduce_only=reduce_only)


def proposes(*proposals: Proposal) -> Play:
    """The same proposals in every tick, as a strategy that forgot would; what is known already is sent once."""
    return lambda view, memory: Decision(proposals, memory=memory)


@dataclass
class AtVenue:
    """The venue as its operator sees and steers it."""

    venue: RunningSimulator
    ahead_seconds: int = field(default=0, init=False)

    def fault(self, kind: str, route: str = "place-order", **more: object) -> None:
        self.venue.control("faults", {"kind": kind, "route": route, **more})

    def set_price(self, price: Decimal | str, symbol: str = BITCOIN) -> None:
        self.venue.control("price", {"symbol": symbol, "price": str(price)})

    def pass_time(self, seconds: int = PATIENCE_SECONDS) -> None:
        """The venue's clock, by which absence is proved, moves on."""
        self.ahead_seconds += seconds
        self.venue.control("server-time", {"offset_seconds": self.ahead_seconds})

    def at_venue(self) -> list[dict[str, Any]]:
        """Every order in the venue's own books, oldest first."""
        return sorted(self.venue.books()["orders"], key=lambda each: int(each["order_id"]))

    def fill(self, quantity: str | None = None, *, number: int = -1) -> None:
        wanted = {} if quantity is None else {"quantity": quantity}
        self.venue.control("fill", {"order_id": self.at_venue()[number]["order_id"], **wanted})

    def sends(self) -> int:
        """How many new orders the venue was asked for, granted or not."""
        return self.requests("place-order")

    def requests(self, route: str) -> int:
        counts: dict[str, int] = self.venue.control("requests")["counts"]
        return sum(count for path, count in counts.items() if path.endswith(route))

    def place_foreign(self, **fields: object) -> str:
        """An order on the account that somebody else sent: its venue order id."""
        usual: dict[str, object] = {
            "account": "paper",
            "symbol": "BTCUSDT",
            "side": "buy",
            "orderType": "limit",
            "price": "45000",
            "size": "0.01",
            "force": "gtc",
        }
        placed: dict[str, str] = self.venue.control("foreign-order", {**usual, **fields})
        return placed["orderId"]


@dataclass
class InLedger:
    """The ledger as the administrator sees it: the rows of all tenants."""

    database: Database

    @property
    def account_id(self) -> AccountId:
        return account_id(user_id(USER), ACCOUNT)

    def bot_id(self, name: str = "one") -> BotId:
        return bot_id(self.account_id, name)

    def orders(self) -> list[dict[str, Any]]:
        columns = (
            "client_order_id intent_key symbol side status quantity filled_quantity venue_order_id".split()
        )
        rows = self.database.rows(f"select {', '.join(columns)} from orders order by created_at, intent_key")
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def statuses(self) -> list[str]:
        return [order["status"] for order in self.orders()]

    def path(self, key: str) -> list[str]:
        """The states that an order went through, repetitions left out."""
        rows = self.database.rows(
            "select status_after from order_events join orders using (user_id, order_id)"
            " where intent_key = %s order by sequence",
            (key,),
        )
        passed = [status for (status,) in rows]
        return [status for place, status in enumerate(passed) if place == 0 or passed[place - 1] != status]

    def position(self, name: str = "one") -> Decimal:
        rows = self.database.rows("select quantity from positions where bot_id = %s", (self.bot_id(name),))
        return rows[0][0] if rows else Decimal(0)

    def bot(self, name: str = "one") -> dict[str, Any]:
        columns = "state state_reason memory breaker_day ticks equity".split()
        row = self.database.rows(f"select {', '.join(columns)} from bots where name = %s", (name,))[0]
        return dict(zip(columns, row, strict=True))

    def audit(self) -> list[str]:
        return [action for (action,) in self.database.rows("select action from audit_log order by audit_id")]


@dataclass
class Rig(InLedger, AtVenue):
    store: Store
    kind: MarketKind = MarketKind.SPOT
    pace: Pace = PACE
    names: Mapping[str, str] = field(default_factory=lambda: {"one": BITCOIN, "two": ETHER})
    plays: dict[str, Play] = field(default_factory=dict)
    limits: Mapping[str, object] = field(default_factory=lambda: dict(LIMITS))
    stopping: bool = False
    desk: Desk = field(init=False)
    report: recovery.Report = field(init=False)

    def enrol(self, **limits: object) -> "Rig":
        """Make the rows be; `limits` change those of all bots."""
        self.limits = {**self.limits, **limits}
        entries = [BotEntry(name, name, (symbol,), {}, self.limits) for name, symbol in self.names.items()]
        account = AccountEntry(ACCOUNT, "bitget", self.kind, True, tuple(entries))
        enrolment.enrol(self.database.secret(), DeskFile(USER, (account,)))
        return self

    def build(self, *, held: lease.Lease | None = None) -> Desk:
        """A desk that has not recovered yet, with the lease taken."""
        with self.store.transaction("look for the account") as tx:
            account = bots.load_account(tx, ACCOUNT)
        assert account is not None
        held = held or lease.acquire(self.store, account.account_id, account.name, self.pace.lease_seconds)
        exchange = registry.open_exchange(
            account.venue,
            account.kind,
            Credentials(*(Secret(each) for each in EXCHANGE_KEYS)),
            base_url=self.venue.url,
            request_timeout_seconds=self.pace.request_timeout_seconds,
        )
        return Desk(
            account=account,
            lease=held,
            store=self.store,
            exchange=exchange,
            ledger=Ledger(self.store, held.fence),
            pace=self.pace,
            build_strategy=self._build_strategy,
            stopping=lambda: self.stopping,
        )

    def start(self) -> recovery.Report:
        self.desk = self.build()
        self.report = recovery.recover(self.desk)
        return self.report

    def restart(self) -> recovery.Report:
        """What a new process does. The one before left without a word, and its end is proved."""
        self.leave()
        self.database.rows("update leases set released_at = clock_timestamp()")
        return self.start()

    def leave(self) -> None:
        if hasattr(self, "desk"):
            self.desk.exchange.close()

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            loop.tick(self.desk)

    def trade(self, *proposals: Proposal, bot: str = "one") -> dict[str, Any]:
        """One tick in which a bot proposes these; the row of the newest order afterwards."""
        self.plays[bot] = proposes(*proposals)
        self.tick()
        self.plays.pop(bot)
        return (self.orders() or [{}])[-1]

    def command(self, verb: str, bot: str | None = None, *, key: str | None = None, **arguments: str) -> None:
        """Ask for something, without a tick."""
        count = len(self.database.rows("select 1 from commands"))
        with self.store.single("record the command") as tx:
            operations.record_command(
                tx,
                self.account_id,
                self.bot_id(bot) if bot else None,
                verb,
                arguments=arguments,
                requested_by="operator",
                reason="a test",
                key=key or f"{verb}-{count}",
            )

    def obey(self, verb: str, bot: str | None = None, **arguments: str) -> tuple[str, str]:
        """Ask for something, tick, and say what became of it: status and outcome."""
        self.command(verb, bot, **arguments)
        self.tick()
        status, outcome = self.database.rows(
            "select status, outcome from commands order by requested_at desc limit 1"
        )[0]
        return status, outcome

    def differences(self) -> list[str]:
        return verifying.verify(self.store, self.account_id)

    def reconcile(self) -> Reconciliation:
        """Compare at once, as the loop does every few minutes."""
        since = recovery.look_back(self.desk, self.desk.ledger.unsettled())
        return reconciling.run(self.desk, "periodic", since)

    def _build_strategy(self, name: str, _: Mapping[str, object], symbols: tuple[str, ...]) -> Scripted:
        return Scripted(name, Needs(symbols, "1m", 1), self.plays)


def blocked_limits(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Which limits blocked a proposal, as the log tells it."""
    return [vars(record)["facts"]["limit"] for record in caplog.records if record.getMessage() == "blocked"]
