"""What the components beside a strategy remember: brought back at the start, told what happened, saved now and then.

They are told of trades from the ledger alone, each component from where it stands itself. So one that comes back from
an old save is told of what closed since, once, and a kill costs no trade. What fails here is counted and said, and
trading goes on.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from heapq import merge
from typing import TypeVar

from runtime import errors, logs
from runtime.domain.identity import BotId
from runtime.domain.position import Trade
from runtime.engine.clock import elapsed_seconds
from runtime.engine.desk import Bot, Desk, Remembered
from runtime.learning.analytics import Analytics
from runtime.learning.memory import Watcher
from runtime.learning.risk_keeper import RiskKeeper
from runtime.store import components, positions
from runtime.store.components import SavedState
from runtime.telemetry import table

TRADES_A_READ = 5000

W = TypeVar("W", bound=Watcher)
Saves = Mapping[tuple[BotId, str], SavedState]


def load(desk: Desk) -> tuple[str, ...]:
    """Every component as it was saved last, and told of what closed since. A sentence about each."""
    with desk.store.single("load what components remember") as tx:
        newest = components.load_newest(tx, desk.account.account_id)
    saves = {(each.bot_id, each.component): each for each in newest}
    said: list[str] = []
    for bot in desk.bots:
        keeper, remembered = _back(desk, bot, RiskKeeper, saves, said)
        bot.keeper = keeper
        bot.remembered = (remembered, _back(desk, bot, Analytics, saves, said)[1])
        _tell_trades(desk, bot, desk.ledger.closed_trades(bot.bot_id))
    desk.save_at_monotonic = elapsed_seconds() + desk.pace.remember_seconds
    return tuple(said)


def tell(desk: Desk, bot: Bot, equity: Decimal, at: datetime) -> None:
    """What the bot is worth now, and which of its trades are over."""
    _tell_trades(desk, bot, desk.ledger.closed_trades(bot.bot_id, bot.symbols))
    for each in bot.remembered:
        each.component.mark(equity, at)


def forget(desk: Desk, bot: Bot) -> None:
    """Begin anew from here: what is over is not told again."""
    over = desk.ledger.closed_trades(bot.bot_id)
    bot.keeper = RiskKeeper()
    bot.remembered = tuple(Remembered(each, dict(over)) for each in (bot.keeper, Analytics()))
    for each in bot.remembered:
        _record(desk, bot, each)


def save_due(desk: Desk) -> None:
    """All of them when it is time, and at once those that ask."""
    if elapsed_seconds() >= desk.save_at_monotonic:
        save_all(desk)
    else:
        _save(desk, [(bot, each) for bot, each in _remembered(desk) if each.component.asks])


def save_all(desk: Desk) -> None:
    desk.save_at_monotonic = elapsed_seconds() + desk.pace.remember_seconds
    _save(desk, _remembered(desk))


def _remembered(desk: Desk) -> list[tuple[Bot, Remembered]]:
    return [(bot, each) for bot in desk.bots for each in bot.remembered]


def _save(desk: Desk, wanted: list[tuple[Bot, Remembered]]) -> None:
    """What cannot be saved now is tried again when it is time; only a lost lease ends the desk."""
    for place, (bot, remembered) in enumerate(wanted):
        try:
            _save_one(desk, bot, remembered)
        except errors.StoreUnavailable as fault:
            # The others would each wait as long for the same answer.
            left = len(wanted) - place
            desk.meters.count(table.SAVES_FAILED, by=left)
            logs.error("components are not saved", count=left, detail=str(fault))
            return


def _save_one(desk: Desk, bot: Bot, remembered: Remembered) -> None:
    remembered.component.asks = False
    try:
        _record(desk, bot, remembered)
    except (errors.LeaseLost, errors.StoreUnavailable):
        raise
    except (errors.BotError, ValueError) as fault:
        desk.meters.count(table.SAVES_FAILED)
        name = remembered.component.name
        logs.error("a component is not saved", bot=bot.name, component=name, detail=str(fault))


def _record(desk: Desk, bot: Bot, remembered: Remembered) -> None:
    saved, counted = remembered.component.save(), dict(remembered.counted)
    if remembered.on_record == (saved.sha256, counted):
        return
    with desk.store.single("save what a component remembers") as tx:
        components.record_state(
            tx,
            desk.fence,
            bot.bot_id,
            remembered.component.name,
            saved,
            counted=counted,
            kept=desk.pace.remember_versions,
        )
    remembered.on_record = (saved.sha256, counted)


def _back(
    desk: Desk, bot: Bot, fresh: Callable[[], W], saves: Saves, said: list[str]
) -> tuple[W, Remembered]:
    """The newest save that is whole and that the component can read, or a component that begins."""
    name = fresh().name
    state = newest = saves.get((bot.bot_id, name))
    while state is not None:
        component = _loaded(desk, bot, fresh, state)
        if component is not None:
            facts = {"version": state.version, "age_seconds": round(state.age_seconds, 1)}
            logs.info("component is back", bot=bot.name, component=name, sha256=state.saved.sha256, **facts)
            said.append(
                f"{bot.name}: {name} is back as version {state.version}, saved {state.age_seconds:.0f} s ago"
            )
            counted = dict(state.counted)
            return component, Remembered(component, counted, (state.saved.sha256, dict(counted)))
        with desk.store.single("load an earlier save of a component") as tx:
            state = components.load_before(tx, state)
    if newest is not None:
        logs.error("a component begins anew: none of its saves can be used", bot=bot.name, component=name)
        said.append(f"{bot.name}: {name} begins anew, for none of its saves can be used")
    component = fresh()
    return component, Remembered(component, {})


def _loaded(desk: Desk, bot: Bot, fresh: Callable[[], W], state: SavedState) -> W | None:
    component, why = fresh(), "its bytes are not those that were saved"
    if state.intact:
        try:
            component.load(state.saved)
            return component
        except Exception as fault:  # noqa: BLE001 # broad: whatever it raises, the save before is tried
            why = str(fault) or type(fault).__name__
    desk.meters.count(table.CHECKSUM_FAILURES)
    name, version = state.component, state.version
    logs.error("a save cannot be used", bot=bot.name, component=name, version=version, detail=why)
    return None


def _tell_trades(desk: Desk, bot: Bot, over: Mapping[str, int]) -> None:
    """In the order in which they closed, whatever their symbols."""
    known = {
        symbol: min((each.counted.get(symbol, 0) for each in bot.remembered), default=0) for symbol in over
    }
    behind = [symbol for symbol, number in over.items() if number > known[symbol]]
    if not behind:
        return
    now = desk.exchange.now()
    for trade, closed_at in merge(
        *(_closed(desk, bot, symbol, known[symbol]) for symbol in behind), key=lambda pair: pair[1]
    ):
        for each in bot.remembered:
            if trade.number > each.counted.get(trade.symbol, 0):
                # One that is dated ahead of the venue's clock shall not begin a day that has not come.
                each.component.close(trade.realised - trade.fees, min(closed_at, now))
                each.counted[trade.symbol] = trade.number


def _closed(desk: Desk, bot: Bot, symbol: str, after: int) -> Iterator[tuple[Trade, datetime]]:
    """The history may be long the first time: it is read in stretches, and the lease is held meanwhile."""
    while True:
        desk.lease.renew_if_due()
        with desk.store.single("look up the trades that closed") as tx:
            page = positions.load_trades_after(
                tx, desk.account.account_id, bot.bot_id, symbol, after=after, count=TRADES_A_READ
            )
        for trade in page:
            if trade.closed_at is not None:
                yield trade, trade.closed_at
        if len(page) < TRADES_A_READ:
            return
        after = page[-1].number
