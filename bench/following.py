"""From a fill to everybody who looks: a desk writes as desks do, the ledger's own triggers say so, and a hundred
clients hear it in the stream of a real API process.
"""

import asyncio
import json
import statistics
import time
from contextlib import AsyncExitStack

from websockets.asyncio.client import ClientConnection, connect

from bench.figure import Figure
from bench.ground import Ground
from bench.year import USER
from runtime.domain.identity import AccountId, BotId, VenueTradeId, user_id
from runtime.domain.order import Status
from runtime.engine.ledger import Ledger
from tests.api.serving import Api
from tests.database import make_account, make_bot
from tests.store.desks import NOW, Desk, Names, make_fill, make_intent, open_desk

CLIENTS, FILLS, WARM = 100, 60, 5
# Longer than any number that the sample has: it is looked for in the text.
FIRST_TRADE = 10**12
SECONDS_MAX = 60.0


def follow(ground: Ground, api: Api) -> Figure:
    tenant = user_id(USER)
    account = make_account(ground.database, tenant)
    names = Names(tenant, AccountId(account), BotId(make_bot(ground.database, tenant, account)))
    with open_desk(ground.database.secret("holdfast_bot"), names) as desk:
        seconds = asyncio.run(_hear_all(api, desk))
    p99 = statistics.quantiles(seconds, n=100)[-1]
    remark = f"{FILLS} fills, median {statistics.median(seconds) * 1000:.1f} ms, longest {max(seconds) * 1000:.0f} ms"
    return Figure(f"a fill to {CLIENTS} clients of the stream, p99", p99 * 1000, "ms", 250, remark=remark)


async def _hear_all(api: Api, desk: Desk) -> list[float]:
    """Seconds of each client and fill."""
    address = f"{api.url.replace('http', 'ws')}/api/v1/stream"
    ledger, taken = desk.ledger(), list[float]()
    async with AsyncExitStack() as opened:
        sockets = list[ClientConnection]()
        for _ in range(CLIENTS):
            client = await opened.enter_async_context(connect(address, max_size=None, compression=None))
            await client.send(json.dumps({"token": api.token(USER)}))
            await client.recv()
            sockets.append(client)
        for number in range(WARM + FILLS):
            hearing = [asyncio.create_task(_hear(each, FIRST_TRADE + number)) for each in sockets]
            began = await asyncio.to_thread(_fill, desk, ledger, number)
            async with asyncio.timeout(SECONDS_MAX):
                heard = await asyncio.gather(*hearing)
            if number >= WARM:
                taken += [each - began for each in heard]
    return taken


async def _hear(socket: ClientConnection, trade: int) -> float:
    """When it was told of this trade of the venue. Nothing else is read from it: that is the client's own time."""
    wanted = f'"venue_trade_id":"{trade}"'
    async for text in socket:
        if wanted in str(text):
            return time.perf_counter()
    raise ConnectionError("the stream ended")


def _fill(desk: Desk, ledger: Ledger, number: int) -> float:
    """An order from its intent to its fill, without a pause; the instant before the fill's commit was begun."""
    intent = make_intent(desk.bot_id)
    fill = make_fill(intent, number, "1.5", venue_trade_id=VenueTradeId(f"{FIRST_TRADE + number}"))
    (order,) = ledger.record_intents(desk.bot_id, [intent], memory={}, trigger_reason="tick")
    order = ledger.advance(order, Status.SUBMITTED, NOW, {}, venue_order_id=fill.venue_order_id)
    began = time.perf_counter()
    ledger.record_fill(order, fill, NOW)
    return began
