"""Makes up a large ledger that looks like one of years: orders in every state, their chained events, fills, trades; and
beside it everything that bots would have seen, thought and learned.

No clock and no chance: the same number gives the same ledger. Money is counted in whole units of 1e-10 while it is made
up; `verify` derives everything once more by the domain's own rules, and a test holds the two against each other.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from uuid import uuid5

from runtime import errors
from runtime.domain.identity import (
    AccountId,
    BotId,
    UserId,
    account_id,
    bot_id,
    client_order_token,
    order_id,
    user_id,
)
from runtime.domain.market import MarketKind
from runtime.domain.order import CHAIN_START, Status
from runtime.learning import models
from runtime.learning.analytics import Analytics
from runtime.learning.models import Example
from runtime.learning.risk_keeper import RiskKeeper
from runtime.settings import Secret
from runtime.store import bots, samples

USER = "sample"
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=300)
STEP_MAX = timedelta(seconds=20)
# The first few tell the planner what is coming.
FIRST_ORDERS, BATCH_ORDERS = 1_000, 20_000
# Account, its bots, and for each the base coin, a first price in cents and a quantity in 1e-5 of the coin.
DESKS = {
    "sample-one": (("trend", "BTC", 6_000_000, 1_000), ("swing", "ETH", 300_000, 20_000)),
    "sample-two": (("drift", "SOL", 15_000, 400_000), ("range", "XRP", 50, 100_000_000)),
}
LIMITS = {
    "position_quote_max": "5000",
    "order_quote_max": "2000",
    "open_orders_max": "5",
    "daily_loss_quote_max": "500",
    "cooldown_seconds": "1",
    "price_collar_ratio": "0.05",
}
# Of twenty orders of a bot one is refused, one is withdrawn, one is filled in two parts.
CYCLE, REJECTED, CANCELLED, IN_PARTS = 20, 7, 13, 2
# Prices in cents times quantities in 1e-5 are money in 1e-7; a thousandth of it is the fee, in 1e-10.
UNIT_PLACES = 10
# For the model; of a hundred examples so many lost.
EXAMPLES, LOST = 400, 45
_UNIT = 10**UNIT_PLACES
_QUANTITY, _QUOTE = _UNIT // 10**5, _UNIT // 10**7
_NONE = r"\N"

S = Status


@dataclass(slots=True)
class _Chain:
    """The events of an account."""

    user: UserId
    account: AccountId
    sequence: int = CHAIN_START.sequence
    digest: bytes = CHAIN_START.digest
    seats: int = 0

    def seat(self) -> int:
        """A digit of its own for each bot of the account."""
        self.seats += 1
        return self.seats

    def line(self, order: str, at: str, before: str, after: str, detail: str) -> str:
        previous = self.digest
        self.sequence += 1
        body = f"{order}|{self.sequence}|{at}|{before}|{after}|{detail}"
        self.digest = hashlib.sha256(previous + body.encode()).digest()
        return (
            f"{self.user}\t{self.account}\t{self.sequence}\t{order}\t{at}\t{before or _NONE}\t{after}\t{detail}\t"
            f"\\\\x{previous.hex()}\t\\\\x{self.digest.hex()}\t1\n"
        )


@dataclass(slots=True)
class _Held:
    """What a bot holds, and the journey that it is on; all in units."""

    quantity: int = 0
    cost: int = 0
    realised: int = 0
    fees: int = 0
    day: date | None = None
    day_start_result: int = 0
    fill_count: int = 0
    last_fill_at: str = ""
    last_trade_id: str = ""
    trades: int = 0
    opened_at: str = ""
    entry_quantity: int = 0
    entry_quote: int = 0
    trade_fees: int = 0
    trade_fills: int = 0

    def count(self, at: datetime, written: str, trade_id: str, fee: int) -> None:
        if self.day != at.date():
            self.day, self.day_start_result = at.date(), self.realised - self.fees
        self.fees += fee
        self.fill_count += 1
        self.last_fill_at, self.last_trade_id = written, trade_id
        self.trade_fees += fee
        self.trade_fills += 1

    def enter(self, at: str, quantity: int, quote: int) -> None:
        if not self.quantity:
            self.trades += 1
            self.opened_at, self.entry_quantity, self.entry_quote = at, 0, 0
        self.quantity += quantity
        self.cost += quote
        self.entry_quantity += quantity
        self.entry_quote += quote

    def leave(self, quote: int) -> int:
        """Everything at once; what it gained."""
        gained = quote - self.cost
        self.realised += gained
        self.quantity = self.cost = 0
        return gained


@dataclass(slots=True)
class _Lines:
    jobs: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    order_events: list[str] = field(default_factory=list)
    fills: list[str] = field(default_factory=list)
    trades: list[str] = field(default_factory=list)

    def batches(self) -> dict[str, list[str]]:
        return {table: getattr(self, table) for table in samples.COPIED}


class _Bot:
    """Buys, then sells what it bought, over and over."""

    def __init__(self, user: UserId, chain: _Chain, name: str, base: str, price: int, quantity: int) -> None:
        self.name = name
        self.base = base
        self.symbol = f"{base}/USDT"
        self.bot: BotId = bot_id(chain.account, name)
        self.held = _Held()
        self._user = user
        self._chain = chain
        self._price = price
        self._quantity = quantity
        self._number = 0
        self._seat = chain.seat()
        self._chance = random.Random(self.symbol)
        self._prefix = f"{user}\t{chain.account}"

    def order(self, at: datetime, lines: _Lines, *, rests: bool) -> None:
        """The next order, from its job to its end; one that rests has no end yet."""
        number = self._number
        self._number += 1
        self._price = max(10, self._price + self._chance.randint(-5, 5) * max(1, self._price // 10_000))
        place = number % CYCLE
        if rests:
            self._write(number, at, lines, S.OPEN)
        elif place == REJECTED:
            self._write(number, at, lines, S.REJECTED)
        elif place == CANCELLED:
            self._write(number, at, lines, S.CANCELLED)
        else:
            self._write(number, at, lines, S.FILLED)

    def _write(self, number: int, at: datetime, lines: _Lines, end: Status) -> None:
        fills = end is S.FILLED
        selling = fills and self.held.quantity > 0
        limit = not fills or number % 3 == 0
        order = order_id(self.bot, f"sample/{number}")
        written, client = str(order), client_order_token(order)
        created, acknowledged, ended = (
            _at(at),
            _at(at + timedelta(milliseconds=80)),
            at + timedelta(milliseconds=160),
        )
        finished = _at(ended)
        job = str(uuid5(self.bot, f"job:{number}"))
        venue = _NONE if end is S.REJECTED else f"{number}{self._seat}"
        lines.jobs.append(
            f"{self._user}\t{job}\t{self._chain.account}\t{self.bot}\ta new candle\tcompleted\t{created}\t{finished}\n"
        )
        quantity = _text(self._quantity * _QUANTITY)
        price = _text(self._price * _UNIT // 100) if limit else _NONE
        lines.orders.append(
            f"{self._user}\t{written}\t{self._chain.account}\t{self.bot}\t{job}\t{client}\tsample/{number}\t"
            f"{self.symbol}\t{'sell' if selling else 'buy'}\t{'limit' if limit else 'market'}\t{quantity}\t{price}\tf\t"
            f"{end}\t{venue}\t{quantity if fills else '0'}\tthe sample wants it\t1\t{created}\t{finished}\t{finished}\n"
        )
        events, link = lines.order_events, self._chain.line
        events.append(link(written, created, "", S.PENDING, f'{{"key":"sample/{number}"}}'))
        if end is S.REJECTED:
            events.append(link(written, acknowledged, S.PENDING, S.REJECTED, '{"code":"40762"}'))
            return
        events.append(link(written, acknowledged, S.PENDING, S.SUBMITTED, f'{{"venue":"{venue}"}}'))
        if fills:
            self._fill(number, written, venue, ended, lines, selling=selling)
            return
        events.append(link(written, acknowledged, S.SUBMITTED, S.OPEN, "{}"))
        if end is S.CANCELLED:
            events.append(link(written, finished, S.OPEN, S.CANCELLED, "{}"))

    def _fill(
        self, number: int, order: str, venue: str, at: datetime, lines: _Lines, *, selling: bool
    ) -> None:
        parts = 2 if not selling and number % CYCLE == IN_PARTS else 1
        before: Status = S.SUBMITTED
        written = _at(at)
        for part in range(1, parts + 1):
            trade_id = str(10**9 + 2 * number + part)
            quantity = self._quantity // parts
            money, fee = self._price * quantity * _QUOTE, self._price * quantity
            after = S.FILLED if part == parts else S.PARTIALLY_FILLED
            lines.order_events.append(
                self._chain.line(order, written, before, after, f'{{"fill":"{trade_id}"}}')
            )
            before = after
            lines.fills.append(
                f"{self._prefix}\t{self.symbol}\t{trade_id}\t{order}\t{self.bot}\t{venue}\t{self.base}\tUSDT\t"
                f"{'sell' if selling else 'buy'}\t{_text(quantity * _QUANTITY)}\t{_text(self._price * _UNIT // 100)}\t"
                f"{_text(fee)}\tUSDT\t0.00001\t{written}\t{written}\t1\n"
            )
            if not selling:
                self.held.enter(written, quantity * _QUANTITY, money)
            self.held.count(at, written, trade_id, fee)
            if selling:
                lines.trades.append(self._trade(self.held.leave(money), written, quantity * _QUANTITY, money))

    def _trade(self, gained: int, closed_at: str, quantity: int, quote: int) -> str:
        held = self.held
        line = (
            f"{self._user}\t{self.bot}\t{self.symbol}\t{held.trades}\t{self._chain.account}\tlong\t{held.opened_at}\t"
            f"{closed_at}\t{_text(held.entry_quantity)}\t{_text(held.entry_quote)}\t{_text(quantity)}\t{_text(quote)}\t"
            f"{_text(gained)}\t{_text(held.trade_fees)}\t{held.trade_fills}\tf\n"
        )
        held.trade_fees = held.trade_fills = 0
        return line

    def end(self, lines: _Lines) -> dict[str, object] | None:
        """The journey that is under way, and the position; None for a bot without a fill."""
        held = self.held
        if not held.fill_count:
            return None
        if held.quantity:
            lines.trades.append(self._trade(0, _NONE, 0, 0))
        return {
            "bot_id": self.bot,
            "symbol": self.symbol,
            "account_id": self._chain.account,
            "quantity": _text(held.quantity),
            "cost": _text(held.cost),
            "realised": _text(held.realised),
            "fees": _text(held.fees),
            "day": held.day,
            "day_start_result": _text(held.day_start_result),
            "fill_count": held.fill_count,
            "trade_count": held.trades,
            "last_fill_at": held.last_fill_at,
            "last_trade_id": held.last_trade_id,
        }


def make(
    admin: Secret,
    count: int,
    tell: Callable[[int], None],
    tell_table: Callable[[str, int], None] | None = None,
) -> None:
    """A ledger of so many orders and all that bots would have seen beside them, or nothing."""
    user = user_id(USER)
    with samples.writing(admin, user, "sample-data") as writer:
        bots.enrol_user(writer.tx, USER)
        makers = list(_enrol(writer, user))
        step = min(STEP_MAX, SPAN / max(1, count))
        orders = _orders(makers, count, step)
        lines, made = _Lines(), 0
        while batch := list(islice(orders, BATCH_ORDERS if made else FIRST_ORDERS)):
            for maker, at, rests in batch:
                maker.order(at, lines, rests=rests)
            writer.copy(lines.batches())
            lines, made = _Lines(), made + len(batch)
            tell(made)
        positions = [maker.end(lines) for maker in makers]
        writer.copy(lines.batches())
        for position in positions:
            if position is not None:
                writer.record_position(position)
        writer.make_observations(tell_table or (lambda table, rows: None))
        _remember(writer)
        writer.finish()


def _remember(writer: samples.Writer) -> None:
    """What components and a model would have saved, by their own hand."""
    for component in (RiskKeeper(), Analytics()):
        writer.make_component_state(component.name, component.save())
    examples = [
        Example({"momentum": place % 100 / 50 - 1}, place % 100 > LOST)
        for place in range(0, 37 * EXAMPLES, 37)
    ]
    trained = models.train(examples, None)
    if trained is None:
        raise errors.BrokenInvariant(detail=f"{EXAMPLES} made-up examples were too few for a model")
    writer.make_models(trained.model.save(), trained.metrics, trained.training_size)


def _enrol(writer: samples.Writer, user: UserId) -> Iterator[_Bot]:
    for account_name, entries in DESKS.items():
        account = account_id(user, account_name)
        bots.enrol_account(
            writer.tx, account, name=account_name, venue="bitget", kind=MarketKind.SPOT, paper=True
        )
        chain = _Chain(user, account)
        for name, base, price, quantity in entries:
            maker = _Bot(user, chain, name, base, price, quantity)
            bots.enrol_bot(
                writer.tx,
                account,
                maker.bot,
                name=name,
                strategy="momentum",
                parameters={},
                symbols=[maker.symbol],
                limits=LIMITS,
            )
            yield maker


def _orders(makers: list[_Bot], count: int, step: timedelta) -> Iterator[tuple[_Bot, datetime, bool]]:
    """In turns; the last one of each bot rests in the book."""
    for number in range(count):
        rests = count > CYCLE and number >= count - len(makers)
        yield makers[number % len(makers)], BEGIN + number * step, rests


def _at(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


def _text(units: int) -> str:
    """Units as a decimal number; there is no float on the way."""
    sign, size = ("-", -units) if units < 0 else ("", units)
    return f"{sign}{size // _UNIT}.{size % _UNIT:0{UNIT_PLACES}d}"
