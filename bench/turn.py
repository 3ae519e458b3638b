"""What one turn of a bot writes into the log of PostgreSQL, against the whole state as one document of 2.7 MB."""

import json
import random
import statistics
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

from bench.figure import Figure
from bench.ground import Ground, migrated
from bench.order_life import live
from runtime.learning.analytics import POINTS_MAX, TRADES_MAX, Analytics
from runtime.learning.memory import Component
from runtime.learning.risk_keeper import RiskKeeper
from runtime.local.postgres import Server
from runtime.store import bots, components
from runtime.store.bots import TickMark
from tests.store.desks import NOW, Desk, make_fill, make_intent, open_desk

BLOB_BYTES = 2_700_000
TURNS = 25
# The analytics are saved every five minutes, and a desk ticks every second.
TURNS_A_SAVE = 300


def figures(server: Server) -> Iterator[Figure]:
    with migrated(server) as ground, open_desk(ground.database.secret("holdfast_bot"), ground.names) as desk:
        ours = _wal(ground, _turns(desk))
        analytics = _full_analytics()
        saved = _wal(ground, lambda number: _save(desk, _more(analytics, number)))
        blob = _wal(ground, _document(ground))
    turn = ours + saved / TURNS_A_SAVE
    remark = (
        f"{blob / 1000:.0f} kB against {ours / 1000:.1f} kB, and {saved / 1000:.0f} kB every five minutes"
    )
    yield Figure(
        "log: one document / one turn, an order in it", blob / turn, "x", 100, at_least=True, remark=remark
    )


def _wal(ground: Ground, turn: Callable[[int], None]) -> float:
    """Bytes of one turn: the median, since a checkpoint or a vacuum may fall into any of them."""
    written = list[int]()
    with ground.database.connect() as connection:
        for number in range(TURNS):
            before = connection.execute("select pg_current_wal_insert_lsn()").fetchall()[0][0]
            turn(number)
            found = connection.execute(
                "select pg_current_wal_insert_lsn() - %s::pg_lsn", (before,)
            ).fetchall()
            written.append(int(found[0][0]))
    return statistics.median(written)


def _turns(desk: Desk) -> Callable[[int], None]:
    """An order from its intent to its fill, the tick with the bot's memory, and the risk keeper, who asks for it."""
    ledger, keeper = desk.ledger(), RiskKeeper()

    def turn(number: int) -> None:
        intent = make_intent(desk.bot_id)
        live(ledger, number, intent, make_fill(intent, number + 1, "1.5", price=Decimal("100.25")))
        with desk.store.single("record the tick") as tx:
            bots.record_tick(
                tx, desk.fence, NOW, [TickMark(desk.bot_id, Decimal(number), {"candle": number})]
            )
        keeper.mark(Decimal(number), NOW)
        keeper.close(Decimal(number - 3), NOW)
        _save(desk, keeper)

    return turn


def _save(desk: Desk, component: Component) -> None:
    with desk.store.single("save what a component remembers") as tx:
        components.record_state(
            tx, desk.fence, desk.bot_id, component.name, component.save(), counted={"BTC/USDT": 1}, kept=5
        )


def _full_analytics() -> Analytics:
    made, dice = Analytics(), random.Random(7)
    for number in range(max(TRADES_MAX, POINTS_MAX)):
        made.close(Decimal(dice.randint(-10_000, 10_000)) / 100, NOW + timedelta(seconds=number))
        made.mark(Decimal(dice.randint(0, 1_000_000)) / 100, NOW + timedelta(seconds=number))
    return made


def _more(analytics: Analytics, number: int) -> Analytics:
    analytics.mark(Decimal(number), NOW + timedelta(days=1, seconds=number))
    return analytics


def _document(ground: Ground) -> Callable[[int], None]:
    """A table of one row, written anew as a whole for whatever changed; as jsonb, which PostgreSQL compresses."""
    ground.database.rows("create table public.arena (id int primary key, state jsonb not null)")
    ground.database.rows("insert into public.arena values (1, '{}')")
    state: dict[str, object] = {"trades": list(_trades())}

    def turn(number: int) -> None:
        state["turn"] = number
        ground.database.rows("update public.arena set state = %s::jsonb where id = 1", (json.dumps(state),))

    return turn


def _trades() -> Iterator[dict[str, object]]:
    dice, length = random.Random(7), 0
    while length < BLOB_BYTES:
        at = (NOW + timedelta(seconds=dice.randint(0, 10**7))).isoformat()
        trade = {
            "id": f"{dice.getrandbits(64):016x}",
            "symbol": "BTCUSDT",
            "side": dice.choice(("LONG", "SHORT")),
        }
        figures = {name: dice.randint(1, 10**8) / 1000 for name in ("entry", "exit", "pnl", "fee")}
        yield {**trade, **figures, "at": at}
        length += len(json.dumps({**trade, **figures, "at": at})) + 2
