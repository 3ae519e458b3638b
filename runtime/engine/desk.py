"""A desk: one venue account, the lease on it, and the bots that trade on it in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from runtime import errors, logs
from runtime.artefacts.places import Place
from runtime.domain import gate as gates
from runtime.domain import risk
from runtime.domain.decision import Memory, Strategy, View
from runtime.domain.gate import Gate
from runtime.domain.identity import BotId
from runtime.domain.market import Market, MarketKind
from runtime.domain.wishes import Wishes
from runtime.engine.keeping import Observer
from runtime.engine.lease import Lease
from runtime.engine.ledger import Ledger
from runtime.engine.pulse import Pulse
from runtime.exchanges.port import Exchange
from runtime.learning.memory import Watcher
from runtime.learning.models import Logistic
from runtime.learning.risk_keeper import RiskKeeper
from runtime.spool.exits import Exits
from runtime.store import bots
from runtime.store.bots import Account
from runtime.store.pool import Fence, Store
from runtime.telemetry.emf import Writer
from runtime.telemetry.meters import Meters

StrategyBuilder = Callable[[str, Mapping[str, object], tuple[str, ...]], Strategy]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take and how often they are done."""

    tick_seconds: float
    request_timeout_seconds: float
    send_within_seconds: float
    lease_seconds: float
    reconcile_seconds: float
    shutdown_seconds: float
    store_lost_seconds: float
    quote_age_seconds: float  # a quote that is older leads to no new risk
    remember_seconds: float = 300  # how often the components are saved
    remember_versions: int = 5  # and how many saves of each are kept
    artefact_inline_bytes_max: int = 1 << 20  # what is larger lies outside the database


@dataclass(slots=True)
class Remembered:
    """A component of a bot, how far it was told of trades, and what of it the database has."""

    component: Watcher
    counted: dict[str, int]
    on_record: tuple[str, Mapping[str, int]] | None = None  # digest, and what it had been told of then


@dataclass(frozen=True, slots=True)
class Used:
    """A model that a gate judges by."""

    model: Logistic
    version: int
    sha256: str


@dataclass(slots=True)
class Learner:
    """The gate of a bot, and what it has learned."""

    gate: Gate
    name: str
    used: Used | None = None  # None: every signal passes
    judged: int = 0  # how many signals of the bot have ended
    seen: int | None = None  # how many had at the last training; None before the first
    try_at_monotonic: float = 0


@dataclass(slots=True)
class Bot:
    """A bot of this desk. `state` is what operators and faults made of it; only a running, enabled bot ticks."""

    bot_id: BotId
    name: str
    strategy: Strategy
    symbols: tuple[str, ...]
    limits: risk.Limits
    enabled: bool
    state: str
    memory: Memory
    breaker_day: date | None
    recorded_memory: Memory = field(default_factory=dict)  # what of it the ledger has
    former_symbols: tuple[str, ...] = ()  # that it held once and trades no more
    keeper: RiskKeeper = field(default_factory=RiskKeeper)
    remembered: tuple[Remembered, ...] = ()  # none before they were loaded: nothing may be saved over them
    learner: Learner | None = None  # None: the bot has no gate

    @property
    def ticks_now(self) -> bool:
        return self.enabled and self.state == "running"


@dataclass(slots=True)
class Standing:
    """How a bot stood when it looked last, for whoever asks; nothing is decided by it."""

    view: View
    equity: Decimal


@dataclass(slots=True)
class Desk:
    account: Account
    lease: Lease
    store: Store
    exchange: Exchange
    ledger: Ledger
    pace: Pace
    build_strategy: StrategyBuilder
    stopping: Callable[[], bool]
    bots: list[Bot] = field(default_factory=list)
    markets: Mapping[str, Market] = field(default_factory=dict)
    wishes: Wishes = field(default_factory=Wishes)  # of the user, as the newest tick read them
    unclean: tuple[str, ...] = ()  # why new risk is refused on the whole account
    quarantined: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()  # symbols whose quotes were too old in the newest tick
    meters: Meters = field(default_factory=Meters)
    writer: Writer | None = None  # None: nothing is told to CloudWatch
    pulse: Pulse | None = None
    observer: Observer | None = None  # None: nothing is kept of what it sees
    exits: Exits | None = None  # None: nothing leaves while PostgreSQL is away
    artefacts: Place | None = None  # None: what is too large for a row is not kept
    standings: dict[BotId, Standing] = field(default_factory=dict)
    tell_at_monotonic: float = 0
    save_at_monotonic: float = 0

    @property
    def fence(self) -> Fence:
        return self.lease.fence

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted({symbol for bot in self.bots for symbol in bot.symbols}))

    def bot(self, bot_id: BotId) -> Bot | None:
        return next((bot for bot in self.bots if bot.bot_id == bot_id), None)

    def holdings(self) -> dict[str, Decimal]:
        """What the bots' positions add up to, named as the venue names it: coins for spot, symbols for perpetuals."""
        sums: dict[str, Decimal] = {}
        for held in self.ledger.positions():
            name = self.holding_name(held.symbol)
            sums[name] = sums.get(name, Decimal(0)) + held.quantity
        return sums

    def holding_name(self, symbol: str) -> str:
        return symbol if self.account.kind is MarketKind.LINEAR else symbol.partition("/")[0]


def load_bots(desk: Desk, *, may_halt: bool = True) -> None:
    """The desk's bots and what they remember. One whose settings cannot be used is halted; its neighbours are not."""
    with desk.store.single("load the bots") as tx:
        rows = bots.load_bots(tx, desk.account.account_id)
    desk.bots = []
    for row in rows:
        limits, faults = risk.parse_limits(row.limits)
        learner = None
        try:
            strategy = desk.build_strategy(row.strategy, row.parameters, row.symbols)
            gate = gates.parse(row.parameters)
            learner = Learner(gate, gates.model_name(strategy.name)) if gate else None
        except errors.BotError as fault:
            faults = (*faults, str(fault))
        if faults or limits is None:
            if may_halt:
                halt_unusable(desk, row, "; ".join(faults))
            continue
        desk.bots.append(
            Bot(
                row.bot_id,
                row.name,
                strategy,
                row.symbols,
                limits,
                row.enabled,
                row.state,
                row.memory,
                row.breaker_day,
                recorded_memory=row.memory,
                learner=learner,
            )
        )


def set_leverages(desk: Desk) -> None:
    """Perpetuals trade at the leverage their bots ask for; bots that share a symbol must agree on it."""
    if desk.account.kind is not MarketKind.LINEAR:
        return
    wanted: dict[str, Bot] = {}
    for bot in desk.bots:
        for symbol in bot.symbols:
            first = wanted.setdefault(symbol, bot)
            if first.limits.leverage != bot.limits.leverage:
                reason = f"{first.name} trades {symbol} at the leverage {first.limits.leverage}, it asks for another"
                set_state(desk, bot, "halted", reason=reason, actor="desk")
    for symbol, bot in wanted.items():
        desk.lease.require(desk.pace.request_timeout_seconds)
        desk.exchange.set_leverage(symbol, bot.limits.leverage)


def halt_unusable(desk: Desk, row: bots.BotRow, reason: str) -> None:
    logs.error("bot cannot be built", bot=row.name, reason=reason)
    if row.state != "halted":
        with desk.store.single("halt a bot") as tx:
            bots.record_state(tx, desk.fence, row.bot_id, "halted", reason=reason, actor="desk")


def set_state(desk: Desk, bot: Bot, state: str, *, reason: str, actor: str) -> None:
    with desk.store.single(f"record that a bot is {state}") as tx:
        bots.record_state(tx, desk.fence, bot.bot_id, state, reason=reason, actor=actor)
    bot.state = state
    logs.info("bot changes state", bot=bot.name, state=state, reason=reason, actor=actor)


def set_enabled(desk: Desk, bot: Bot, *, enabled: bool, actor: str) -> None:
    with desk.store.single("record whether a bot is enabled") as tx:
        bots.record_enabled(tx, desk.fence, bot.bot_id, enabled=enabled, actor=actor)
    bot.enabled = enabled
    logs.info("bot is enabled" if enabled else "bot is disabled", bot=bot.name, actor=actor)


def trip_breaker(desk: Desk, bot: Bot, now: datetime) -> None:
    with desk.store.single("record that the daily loss is reached") as tx:
        bots.record_breaker(tx, desk.fence, bot.bot_id, now.date())
    bot.breaker_day = now.date()
    logs.warning("daily loss reached", bot=bot.name, day=now.date())
