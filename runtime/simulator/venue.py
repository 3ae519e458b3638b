"""The venue as a whole: a request comes in, a fault may spoil it, the work is done under one lock, a reply goes out.

Owns the floor, the faults and the log of requests. Promises that what a request changed is committed before its reply
leaves, and that a refusal changes nothing.
"""

import json
import threading
from collections import Counter, deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runtime import errors
from runtime.simulator import faults, matching, routes, signature
from runtime.simulator.books import Books, Shelf
from runtime.simulator.calls import NOBODY, Call
from runtime.simulator.clock import MarketClock, wall_ms
from runtime.simulator.config import AccountSpec, SimulatorConfig
from runtime.simulator.floor import Floor
from runtime.simulator.markets import MIX, SPOT
from runtime.simulator.prices import Feed, load_replay
from runtime.simulator.records import Account, Balance, Opening, Product
from runtime.simulator.replies import Reply, accepted, refused
from runtime.simulator.routes import Route
from runtime.simulator.signature import Request

REQUESTS_REMEMBERED_MAX = 10_000
PIN = "pin:"


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as the venue saw it."""

    at_ms: int
    method: str
    path: str
    account: str
    client_oid: str
    code: str
    status: int
    manner: str
    fault: str


class Venue:
    def __init__(self, config: SimulatorConfig) -> None:
        replays = {symbol: load_replay(path) for symbol, path in config.replays}
        self.config = config
        self.lock = threading.RLock()
        self.released = threading.Event()
        self.faults = faults.Faults()
        self.requests: deque[Logged] = deque(maxlen=REQUESTS_REMEMBERED_MAX)
        self.counts: Counter[str] = Counter()
        books = Books(config.books, sync=config.books_sync)
        first_ms = min((replay.first_second for replay in replays.values()), default=None)
        clock = MarketClock(
            books,
            mode=config.clock,
            speed=config.speed,
            first_ms=None if first_ms is None else first_ms * 1000,
        )
        feed = Feed(config.seed, SPOT | MIX, replays)
        feed.pins.update(
            {
                name.removeprefix(PIN): mark.value
                for name, mark in books.live.marks.items()
                if name.startswith(PIN)
            }
        )
        self.floor = Floor(books, feed, clock, clock.now_second())
        for spec in config.accounts:
            if spec.name not in books.live.accounts:
                self.open_account(spec)

    def open_account(self, spec: AccountSpec) -> None:
        books = self.floor.books
        with self.lock, books.change():
            books.put(Account(spec.name, spec.api_key, spec.api_secret, spec.passphrase, spec.fee_coin))
            for wallet, amounts in ((Product.SPOT, spec.spot), (Product.MIX, spec.mix)):
                for coin, amount in amounts.items():
                    books.put(Opening(spec.name, wallet, coin, amount))
                    books.put(Balance(spec.name, wallet, coin, amount, Decimal(0)))

    def match(self) -> None:
        """Let the market reach the resting orders."""
        with self.lock, self.floor.books.change():
            matching.match_resting(self.floor)

    def release(self) -> None:
        """Let go of every reply that is being held."""
        held, self.released = self.released, threading.Event()
        held.set()

    def answer(self, request: Request) -> Reply:
        route = routes.BY_PATH.get((request.method, request.path))
        if route is None:
            return refused("40404", "Request URL NOT FOUND", wall_ms(), status=404)
        with self.lock:
            asking = signature.account_of(self.floor.books.live.accounts.values(), request) or NOBODY
            fault = self.faults.take(request.path, route.product, asking.name)
        reply = self._spoilt(route, request, fault)
        self._log(request, asking, reply, fault)
        return reply

    def _spoilt(self, route: Route, request: Request, fault: faults.Fault | None) -> Reply:
        if fault is None:
            return self._perform(route, request, None)
        if fault.kind == "late_request":
            self.released.wait(fault.seconds_ms / 1000)
        kind = faults.KINDS[fault.kind]
        reply = self._perform(route, request, fault) if kind.works else Reply(200, b"")
        return kind.answer(fault, reply) if kind.answer else reply

    def _perform(self, route: Route, request: Request, fault: faults.Fault | None) -> Reply:
        with self.lock:
            now_ms = wall_ms()
            try:
                account = self._authenticated(request, now_ms) if route.signed else NOBODY
                params = _body(request) if request.method == "POST" else request.fields
                self.match()
                call = Call(params, self._shelf(fault), now_ms, account, self.faults.circumstance(fault))
                data = route.work(self.floor, call)
            except errors.RejectedByVenue as exc:
                return refused(exc.facts["code"], exc.facts["detail"], now_ms)
            spoil = faults.KINDS[fault.kind].spoil if fault else None
            if fault and spoil:
                data = faults.spoil(data, fault.names, spoil)
            return accepted(data, now_ms)

    def _authenticated(self, request: Request, now_ms: int) -> Account:
        accounts = self.floor.books.live.accounts.values()
        window_ms = self.config.timestamp_window_ms
        return signature.authenticate(accounts, request, now_ms=now_ms, window_ms=window_ms)

    def _shelf(self, fault: faults.Fault | None) -> Shelf:
        """The live books, or an older state of them when a fault says so."""
        books = self.floor.books
        if fault is None or fault.kind != "stale_data":
            return books.live
        if fault.frozen:
            return books.as_of(fault.created_ns)
        return books.as_of_age(fault.seconds_ms)

    def _log(self, request: Request, account: Account, reply: Reply, fault: faults.Fault | None) -> None:
        client_oid = ""
        if request.method == "POST":
            try:
                client_oid = str(_body(request).get("clientOid") or "")
            except errors.RejectedByVenue:
                client_oid = ""
        kind = fault.kind if fault else ""
        logged = Logged(
            at_ms=wall_ms(),
            method=request.method,
            path=request.path,
            account=account.name,
            client_oid=client_oid,
            code=reply.code,
            status=reply.status,
            manner=reply.manner.value,
            fault=kind,
        )
        with self.lock:
            self.requests.append(logged)
            self.counts[request.path] += 1


def _body(request: Request) -> dict[str, Any]:
    try:
        parsed = json.loads(request.body or b"{}", parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise errors.RejectedByVenue(venue="simulator", code="40017", detail="Parameter verification failed")
    return parsed
