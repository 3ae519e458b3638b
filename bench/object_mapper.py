"""The same order life as the usual program would write it: SQLAlchemy sessions over the very same tables."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import MetaData, create_engine, select, text
from sqlalchemy.orm import Session, registry

from runtime.domain.order import CHAIN_START, Link, Status, chain
from runtime.settings import Secret
from tests.store.desks import NOW, SYMBOL, Names, make_fill, make_intent

MAPPED = ("leases", "bots", "jobs", "orders", "order_events", "fills", "positions", "trades")
_numbers = itertools.count(1)


class Mapper:
    """A class for each table, as the database describes it, and a session for each step."""

    def __init__(self, url: Secret, names: Names, epoch: int) -> None:
        self.names = names
        self.epoch = epoch
        self._engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url.reveal()))
        metadata, mapping = MetaData(), registry()
        metadata.reflect(self._engine, schema="holdfast", only=MAPPED)
        self.classes: dict[str, Any] = {}
        for name in MAPPED:
            self.classes[name] = type(name, (), {})
            mapping.map_imperatively(self.classes[name], metadata.tables[f"holdfast.{name}"])

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def step(self) -> Iterator[Session]:
        """One transaction in the tenant's name, with the lease locked and its epoch looked at."""
        with Session(self._engine) as session, session.begin():
            session.execute(
                text("select set_config('holdfast.user_id', :tenant, true)"),
                {"tenant": str(self.names.tenant)},
            )
            lease_class = self.classes["leases"]
            held = select(lease_class).where(lease_class.account_id == self.names.account_id)
            if session.scalars(held.with_for_update(read=True)).one().epoch != self.epoch:
                raise RuntimeError("the lease is lost")
            yield session

    def make(self, name: str, **values: Any) -> Any:
        row = self.classes[name]()
        for column, value in {
            "user_id": self.names.tenant,
            "account_id": self.names.account_id,
            **values,
        }.items():
            setattr(row, column, value)
        return row


class Lives:
    """Order after order, each event chained to the one before it."""

    def __init__(self, mapper: Mapper) -> None:
        self._mapper = mapper
        self._end: Link = CHAIN_START

    def live(self) -> None:
        number = next(_numbers)
        intent = make_intent(self._mapper.names.bot_id)
        fill = make_fill(intent, number, "1.5", price=Decimal("100.25"))
        self._write_intent(intent, number)
        with self._mapper.step() as session:
            order = self._get(session, "orders", {"order_id": intent.order_id})
            order.status, order.venue_order_id, order.updated_at = "submitted", fill.venue_order_id, NOW
            session.add(self._event(intent.order_id, Status.PENDING, Status.SUBMITTED))
        self._write_fill(intent, fill, number)

    def _write_intent(self, intent: Any, number: int) -> None:
        make, job_id = self._mapper.make, uuid4()
        asked = (
            "order_id",
            "bot_id",
            "client_order_id",
            "symbol",
            "quantity",
            "price",
            "reduce_only",
            "created_at",
        )
        values = {name: getattr(intent, name) for name in (*asked, "send_before", "reason")}
        with self._mapper.step() as session:
            self._get(session, "bots", {"bot_id": intent.bot_id}).memory = {"candle": number}
            job = make("jobs", job_id=job_id, bot_id=intent.bot_id, trigger_reason="tick", started_at=NOW)
            order = make(
                "orders",
                **values,
                job_id=job_id,
                intent_key=intent.key,
                side=str(intent.side),
                kind=str(intent.kind),
                status="pending",
                epoch=self._mapper.epoch,
                updated_at=NOW,
            )
            # Without relationships a session does not know which row must be first; a flush costs no trip of its own.
            for row in (job, order, self._event(intent.order_id, None, Status.PENDING)):
                session.add(row)
                session.flush()

    def _write_fill(self, intent: Any, fill: Any, number: int) -> None:
        make = self._mapper.make
        copied = (
            "order_id",
            "bot_id",
            "venue_trade_id",
            "venue_order_id",
            "symbol",
            "base",
            "quote",
            "quantity",
        )
        values = {
            name: getattr(fill, name) for name in (*copied, "price", "fee", "fee_coin", "quantity_step")
        }
        with self._mapper.step() as session:
            order = self._get(session, "orders", {"order_id": intent.order_id})
            order.status, order.filled_quantity, order.updated_at = "filled", fill.quantity, NOW
            position = self._get(session, "positions", {"bot_id": fill.bot_id, "symbol": SYMBOL}) or make(
                "positions", bot_id=fill.bot_id, symbol=SYMBOL, realised=0, fees=0, quantity=0, cost=0
            )
            position.quantity += fill.quantity
            position.cost += fill.quantity * fill.price
            position.fees += fill.fee
            position.fill_count, position.trade_count = number, 1
            position.last_fill_at, position.last_trade_id = fill.traded_at, fill.venue_trade_id
            trade = self._get(
                session, "trades", {"bot_id": fill.bot_id, "symbol": SYMBOL, "number": 1}
            ) or make(
                "trades",
                bot_id=fill.bot_id,
                symbol=SYMBOL,
                number=1,
                direction="long",
                opened_at=fill.traded_at,
                **dict.fromkeys(
                    ("entry_quantity", "entry_quote", "exit_quantity", "exit_quote", "realised", "fees"), 0
                ),
            )
            trade.entry_quantity += fill.quantity
            trade.entry_quote += fill.quantity * fill.price
            trade.fees += fill.fee
            trade.fill_count = number
            row = make("fills", **values, side="buy", traded_at=fill.traded_at, epoch=1)
            event = self._event(intent.order_id, Status.SUBMITTED, Status.FILLED)
            session.add_all([row, position, trade, event])

    def _get(self, session: Session, name: str, key: dict[str, Any]) -> Any:
        return session.get(self._mapper.classes[name], {"user_id": self._mapper.names.tenant, **key})

    def _event(self, order_id: Any, before: Status | None, after: Status) -> Any:
        event = chain(self._end, order_id, NOW, before, after, {"by": "mapper"})
        self._end = event.link
        return self._mapper.make(
            "order_events",
            sequence=event.sequence,
            order_id=order_id,
            at=NOW,
            status_before=before and str(before),
            status_after=str(after),
            detail=event.detail,
            previous=event.previous,
            digest=event.digest,
            epoch=self._mapper.epoch,
        )


@contextmanager
def mapped(url: Secret, names: Names, epoch: int) -> Iterator[Callable[[], None]]:
    mapper = Mapper(url, names, epoch)
    try:
        yield Lives(mapper).live
    finally:
        mapper.close()
