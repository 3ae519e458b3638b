"""What a child does: it runs a desk as the product runs one, and leaves a sheet of what it learned for its parent."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from runtime import logs
from runtime.domain.identity import UserId, user_id
from runtime.domain.market import MarketKind
from runtime.engine import lease, loop, verifying
from runtime.engine.desk import Desk, Pace
from runtime.engine.ledger import Ledger
from runtime.exchanges import registry
from runtime.exchanges.ccxt_adapter import Credentials
from runtime.settings import Secret
from runtime.spool.exits import Exits
from runtime.store import bots
from runtime.store.pool import Store
from tests.crash.points import Tracer
from tests.crash.script import Director, build_strategy
from tests.venue import RunningSimulator

PACE = Pace(
    tick_seconds=0,
    request_timeout_seconds=5,
    send_within_seconds=5,
    lease_seconds=30,
    reconcile_seconds=3600,
    shutdown_seconds=5,
    store_lost_seconds=5,
    quote_age_seconds=30,
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run takes place: a tenant's account in the ledger, and an account at the venue that is empty."""

    folder: Path
    database_url: str
    venue_url: str
    user: str
    account: str
    venue_account: str
    kind: MarketKind
    pace: Pace = PACE

    @property
    def tenant(self) -> UserId:
        return user_id(self.user)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def sheet(self) -> Path:
        return self.folder / "sheet.json"

    @property
    def exits(self) -> Path:
        return self.folder / "exits"

    def via(self, *, database_url: str, venue_url: str) -> "Site":
        return replace(self, database_url=database_url, venue_url=venue_url)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a child that came to its end says."""

    differences: tuple[str, ...]
    turns: int
    lines: tuple[str, ...]


MakeDirector = Callable[[Desk], Director]


def trade(site: Site, tracer: Tracer, make_director: MakeDirector) -> int:
    """Run the desk until its director says so. Every line of ours that is executed passes the tracer."""
    logs.start("info")
    tracer.start()
    with Store(Secret(site.database_url), site.tenant, pool_max=1) as store:
        desk = take_desk(site, store)
        director = make_director(desk)
        director.on_turn = tracer.note_turn
        try:
            loop.run(desk, director)
        finally:
            desk.exchange.close()
        desk.lease.release()
        tracer.stop()
        differences = tuple(verifying.verify(store, desk.account.account_id))
    sheet = {"differences": differences, "turns": director.turns, "lines": tracer.noted}
    site.sheet.write_text(json.dumps(sheet), encoding="utf-8")
    return director.verdict


def take_desk(site: Site, store: Store) -> Desk:
    """The desk as `python -m runtime desk` builds it, but for the strategy."""
    with store.transaction("look for the account") as tx:
        account = bots.load_account(tx, site.account)
    assert account is not None, f"{site.account} is not enrolled"
    held = lease.acquire(store, account.account_id, account.name, site.pace.lease_seconds)
    credentials = Credentials(
        *(Secret(f"{site.venue_account}-{name}") for name in ("key", "secret", "passphrase"))
    )
    exchange = registry.open_exchange(
        account.venue,
        account.kind,
        credentials,
        base_url=site.venue_url,
        request_timeout_seconds=site.pace.request_timeout_seconds,
    )
    return Desk(
        account=account,
        lease=held,
        store=store,
        exchange=exchange,
        ledger=Ledger(store, held.fence),
        pace=site.pace,
        build_strategy=build_strategy,
        stopping=lambda: False,
        exits=Exits(site.exits, held.fence.epoch, may_leave=True),
    )


def read_sheet(site: Site) -> Sheet:
    written = json.loads(site.sheet.read_text(encoding="utf-8"))
    return Sheet(tuple(written["differences"]), written["turns"], tuple(written["lines"]))


def directed(venue: RunningSimulator, site: Site, ahead: int = 0) -> MakeDirector:
    return lambda desk: Director(desk, venue, site.venue_account, ahead)
