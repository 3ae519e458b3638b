"""What comes back is what was there: a desk is killed between two turns, and what is loaded again is compared."""

import json
import os
import re
import signal
from collections.abc import Callable
from decimal import Decimal

from runtime.domain.decision import Decision, Memory, Needs, View
from runtime.engine.desk import Desk, load_bots
from runtime.engine.recovery import COOLDOWN_REACH
from runtime.settings import Secret
from runtime.store.pool import Store
from tests.crash.children import fork
from tests.crash.ground import Ground
from tests.crash.judging import Verdict
from tests.crash.points import Point
from tests.crash.script import SYMBOLS, Director
from tests.crash.striking import finish, note, set_out, start, tail
from tests.crash.trading import Site, take_desk
from tests.venue import RunningSimulator

# What is to be the same, down to the last digit and time stamp.
ROWS = {
    "orders": "select to_jsonb(orders)::text from orders where user_id = %s order by order_id",
    "order_events": "select to_jsonb(order_events)::text from order_events where user_id = %s order by sequence",
    "fills": "select to_jsonb(fills)::text from fills where user_id = %s order by venue_trade_id",
    "positions": "select to_jsonb(positions)::text from positions where user_id = %s order by symbol",
    "trades": "select to_jsonb(trades)::text from trades where user_id = %s order by number",
    "quarantine": "select to_jsonb(quarantine)::text from quarantine where user_id = %s order by venue_id",
    "memory": "select memory::text || memory_at || state from bots where user_id = %s order by bot_id",
}
NUMBER = re.compile(r"Decimal\('([^']+)'\)")
SETTLED = {"open", "partially_filled", "filled", "cancelled"}
TURNS = range(1, 9)


class Silent:
    """Decides nothing and keeps what was remembered."""

    name = "silent"

    def __init__(self, symbol: str) -> None:
        self.needs = Needs((symbol,), "1m", 2)

    def decide(self, view: View, memory: Memory) -> Decision:
        return Decision(memory=memory)


class Idle(Director):
    """Notes what the desk knows after so many turns, and dies before the venue moves."""

    def __init__(self, desk: Desk, venue: RunningSimulator, site: Site, turns: int) -> None:
        super().__init__(desk, venue, site.venue_account)
        self._site = site
        self._last = turns

    def wait(self, timeout: float | None = None) -> bool:
        if self.turns + 1 == self._last:
            (self._site.folder / "before").write_text(describe(self.desk), encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().wait(timeout)


def describe(desk: Desk) -> str:
    """All that a desk knows of its ledger, in full; numbers without the zeros at their end."""
    ledger = desk.ledger
    known = {
        "orders": [_plain(order) for order in ledger.unsettled()],
        "positions": sorted(_plain(held) for held in ledger.positions()),
        "trades": sorted(_plain(trade) for trade in ledger._trades.values()),
        "chain": _plain(ledger._end),
        "last_orders": sorted(_plain(each) for each in ledger.last_order_at.items()),
        "bots": [_plain((bot.name, bot.state, dict(bot.memory), bot.breaker_day)) for bot in desk.bots],
        "baseline": _plain(sorted((desk.account.baseline or {}).items())),
    }
    return json.dumps(known, indent=1)


def _plain(value: object) -> str:
    return NUMBER.sub(lambda found: f"{Decimal(found[1]).normalize() + 0:f}", repr(value))


def strike_idle(ground: Ground, point: Point) -> Verdict:
    """Loaded again the desk knows the same, and recovery leaves the rows as they were if the venue did not move."""
    site, verdict = set_out(ground, point.kind), Verdict()
    child = start(site, lambda desk: Idle(desk, ground.venue, site, int(point.place)))
    note(verdict, site, child.wait())
    if verdict.reached:
        _compare_knowledge(site, verdict)
        _compare_rows(ground, site, verdict)
    finish(ground, site, verdict)
    return verdict


def _compare_knowledge(site: Site, verdict: Verdict) -> None:
    before, after = site.folder / "before", site.folder / "after"

    def load_again() -> int:
        with Store(Secret(site.database_url), site.tenant, pool_max=1) as store:
            desk = take_desk(site, store)
            load_bots(desk)
            desk.ledger.load(desk.exchange.now() - COOLDOWN_REACH)
            after.write_text(describe(desk), encoding="utf-8")
        return 0

    verdict.processes += 1
    if fork(load_again, site.log).wait():
        verdict.faults.append(f"it could not be loaded again: {tail(site)}")
    elif before.read_bytes() != after.read_bytes():
        verdict.faults.append(f"there was {before.read_text()}, what came back is {after.read_text()}")


def _compare_rows(ground: Ground, site: Site, verdict: Verdict) -> None:
    statuses = ground.ledger.execute("select status from orders where user_id = %s", (site.tenant,))
    had_seen_all = all(status in SETTLED for (status,) in statuses)
    before = dump(ground, site)
    code = start(site, _silenced(ground, site)).wait()
    verdict.processes += 1
    after = dump(ground, site)
    if had_seen_all and before != after:
        changed = sorted(set(before.splitlines()) ^ set(after.splitlines()))
        verdict.faults.append(
            f"recovery (left with {code}) changed rows although the venue had not moved: {changed}"
        )


def _silenced(ground: Ground, site: Site) -> Callable[[Desk], Director]:
    def make(desk: Desk) -> Director:
        desk.build_strategy = lambda *_: Silent(SYMBOLS[site.kind])
        director = Director(desk, ground.venue, site.venue_account)
        director.turns_max = 1
        return director

    return make


def dump(ground: Ground, site: Site) -> str:
    """This tenant's ledger as text."""
    return "\n".join(
        str(row[0]) for query in ROWS.values() for row in ground.ledger.execute(query, (site.tenant,))
    )
