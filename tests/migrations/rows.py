"""Rows for every table of the schema and as many tenants as a test wants: no probe looks at an empty table.

A new table is added to `rows_of`; a test compares its keys with the catalogue, so that none can be forgotten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

Row = Mapping[str, Any]

_HOUSE = UUID("9a3ff1a5-3c1c-4f0e-9a7c-2d1b6c1f7a10")
_AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whom the rows belong to. The ids follow from the name."""

    name: str

    @property
    def user_id(self) -> UUID:
        return uuid5(_HOUSE, self.name)

    def id(self, noun: str, number: int = 1) -> UUID:
        return uuid5(self.user_id, f"{noun} {number}")


def rows_of(tenant: Tenant, number: int = 1) -> dict[str, Row]:
    """One row for each table, parents first. Rows of another number are new rows under the parents of number 1."""
    rows = {
        **_enrolment(tenant, number),
        **_ledger(tenant, number),
        **_operations(tenant, number),
        **_thoughts(tenant, number),
        **_marks(tenant, number),
        **_scoring(tenant, number),
        **_learned(tenant, number),
        **_performance(tenant, number),
    }
    return {table: {"user_id": tenant.user_id, **row} for table, row in rows.items()}


def insert(connection: psycopg.Connection[Any], table: str, row: Row) -> None:
    connection.execute(insertion(table, row), list(row.values()))


def insertion(table: str, row: Row) -> sql.Composed:
    return sql.SQL("insert into holdfast.{} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join([sql.Placeholder()] * len(row)),
    )


def populate(
    connection: psycopg.Connection[Any], tenant: Tenant, *, only: Iterable[str] | None = None
) -> None:
    """A row in every table (or in those of an older revision), as somebody who may pass row-level security."""
    wanted = None if only is None else set(only)
    for table, row in rows_of(tenant).items():
        if wanted is None or table in wanted:
            insert(connection, table, row)


def _enrolment(tenant: Tenant, number: int) -> dict[str, Row]:
    account = tenant.id("account")
    lease = {
        "holder": tenant.id("holder"),
        "host": "here",
        "boot": "first",
        "pid": 1,
        "process_started": "now",
    }
    instants = {"acquired_at": _AT, "renewed_at": _AT, "expires_at": _AT + timedelta(seconds=30)}
    return {
        "users": {"name": f"{tenant.name} {number}"},
        "user_settings": {},
        "accounts": {
            "account_id": tenant.id("account", number),
            "name": f"main {number}",
            "venue": "bitget",
            "kind": "spot",
            "paper": True,
        },
        "bots": {
            "bot_id": tenant.id("bot", number),
            "account_id": account,
            "name": f"bot {number}",
            "strategy": "momentum",
            "parameters": Jsonb({}),
            "symbols": ["BTC/USDT"],
            "limits": Jsonb({}),
            "equity": _ONE,
        },
        "leases": {"account_id": tenant.id("account", number), "epoch": 1, **lease, **instants},
    }


def _ledger(tenant: Tenant, number: int) -> dict[str, Row]:
    account, bot, order = tenant.id("account"), tenant.id("bot"), tenant.id("order")
    chain = {"previous": bytes(32), "digest": bytes(32), "epoch": 1}
    ours = {"account_id": account, "bot_id": bot, "symbol": "BTC/USDT"}
    return {
        "jobs": {
            "job_id": tenant.id("job", number),
            "account_id": account,
            "bot_id": bot,
            "trigger_reason": "candle",
            "started_at": _AT,
        },
        "orders": order_row(tenant, number),
        "order_events": {
            "account_id": account,
            "sequence": number,
            "order_id": order,
            "at": _AT,
            "status_after": "pending",
            "detail": "{}",
            **chain,
        },
        "fills": {
            **ours,
            "venue_trade_id": f"trade {number}",
            "order_id": order,
            "venue_order_id": "venue 1",
            "base": "BTC",
            "quote": "USDT",
            "side": "buy",
            **dict.fromkeys(("quantity", "price", "fee", "quantity_step"), _ONE),
            "fee_coin": "USDT",
            "traded_at": _AT,
            "epoch": 1,
        },
        "positions": {
            **ours,
            "symbol": f"BTC{number}/USDT",
            **dict.fromkeys(("quantity", "cost", "realised", "fees"), _ONE),
            "fill_count": 1,
            "trade_count": 1,
        },
        "trades": {
            **ours,
            "number": number,
            "direction": "long",
            "opened_at": _AT,
            **dict.fromkeys(
                ("entry_quantity", "entry_quote", "exit_quantity", "exit_quote", "realised", "fees"), _ONE
            ),
            "fill_count": 1,
        },
    }


def order_row(tenant: Tenant, number: int = 1, *, status: str = "open") -> Row:
    """An order of one coin; filled to the end if its status says so."""
    return {
        "user_id": tenant.user_id,
        "order_id": tenant.id("order", number),
        "account_id": tenant.id("account"),
        "bot_id": tenant.id("bot"),
        "job_id": tenant.id("job"),
        "client_order_id": f"hf{number}",
        "intent_key": f"key {number}",
        "symbol": "BTC/USDT",
        "side": "buy",
        "kind": "limit",
        "quantity": _ONE,
        "price": _ONE,
        "reduce_only": False,
        "status": status,
        "venue_order_id": f"venue {number}",
        "filled_quantity": _ONE if status == "filled" else Decimal(0),
        "epoch": 1,
        "created_at": _AT,
        "send_before": _AT,
        "updated_at": _AT,
    }


def _operations(tenant: Tenant, number: int) -> dict[str, Row]:
    account = tenant.id("account")
    counts = dict.fromkeys(("proved", "unproved", "quarantined"), 0)
    return {
        "commands": {
            "command_id": tenant.id("command", number),
            "account_id": account,
            "verb": "pause",
            "requested_by": "operator",
            "idempotency_key": f"wish {number}",
        },
        "audit_log": {"actor": "operator", "action": "pause", "subject": "bot"},
        "quarantine": {
            "account_id": account,
            "kind": "order",
            "venue_id": f"foreign {number}",
            "symbol": "BTC/USDT",
            "sentence": "it is not ours",
            "detail": Jsonb({}),
            "found_at": _AT,
        },
        "reconciliations": {
            "reconciliation_id": tenant.id("reconciliation", number),
            "account_id": account,
            "kind": "periodic",
            "epoch": 1,
            "started_at": _AT,
            "finished_at": _AT,
            "clean": True,
            **counts,
            "summary": "",
            "findings": Jsonb([]),
        },
    }


def _thoughts(tenant: Tenant, number: int) -> dict[str, Row]:
    bot, at = tenant.id("bot"), _AT + timedelta(minutes=number)
    seen = {"bot_id": bot, "at": at, "symbol": "BTC/USDT", "features": Jsonb({})}
    return {
        "spool_positions": {"spool_id": tenant.id("spool", number), "sequence": number},
        "decisions": {
            "decision_id": tenant.id("decision", number),
            "bot_id": bot,
            "at": at,
            "decisions": Jsonb([]),
            "notes": "",
            "success": True,
            "duration_ms": 1,
            "cause_keys": [],
            "order_ids": [tenant.id("order")],
        },
        "predictions": {
            "prediction_id": tenant.id("prediction", number),
            **seen,
            "model": "logistic",
            "horizon_seconds": 60,
            "direction": "up",
            **dict.fromkeys(("confidence", "price", "target", "outcome_price"), _ONE),
            "outcome": "right",
            "resolved_at": at,
        },
        "phantoms": {
            "phantom_id": tenant.id("phantom", number),
            **seen,
            "strategy": "momentum",
            "side": "buy",
            "executed": False,
            "reason": "score too low",
            **dict.fromkeys(
                ("score", "opened_price", "take_profit", "stop_loss", "closed_price", "result"), _ONE
            ),
            "outcome": "won",
            "closed_at": at,
        },
        "blocked_signals": {
            "bot_id": bot,
            "day": at.date(),
            "reason": f"reason {number}",
            "count": 1,
            "last_at": at,
        },
    }


def _marks(tenant: Tenant, number: int) -> dict[str, Row]:
    bot, at = tenant.id("bot"), _AT + timedelta(minutes=number)
    market = {"account_id": tenant.id("account"), "symbol": "BTC/USDT"}
    return {
        "candles": {
            **market,
            "timeframe": "3m",
            "opened_at": at,
            **dict.fromkeys(("open", "high", "low", "close", "volume"), _ONE),
        },
        "market_snapshots": {
            **market,
            "at": at,
            **dict.fromkeys(("bid", "ask", "last"), _ONE),
            "details": Jsonb({}),
        },
        "equity_marks": {
            "bot_id": bot,
            "at": at,
            **dict.fromkeys(("equity", "realised_today", "unrealised"), _ONE),
        },
        "risk_marks": {
            "bot_id": bot,
            "at": at,
            **dict.fromkeys(("exposure", "drawdown"), _ONE),
            "breaker_tripped": False,
            "metrics": Jsonb({}),
        },
        "allocations": {
            "bot_id": bot,
            "at": at,
            "asset": "BTC",
            **dict.fromkeys(("value", "share", "target_share"), _ONE),
        },
        "component_states": {
            "bot_id": bot,
            "component": "risk_keeper",
            "place": number,
            "version": number,
            "epoch": 1,
            "shape": 1,
            "codec": "json",
            "body": b"{}",
            "digest": bytes(32),
            "counted": Jsonb({}),
        },
        "snapshots": {"bot_id": bot, "at": at, "reason": "tick", "state": Jsonb({})},
    }


def _scoring(tenant: Tenant, number: int) -> dict[str, Row]:
    run = tenant.id("scoring run")
    return {
        "scoring_runs": {"run_id": tenant.id("scoring run", number), "scorer": "sample"},
        "trader_scores": {
            "run_id": run,
            "trader": f"trader {number}",
            "bot_id": tenant.id("bot"),
            "rank": number,
            "score": _ONE,
            "metrics": Jsonb({}),
        },
        "summaries": {
            "bot_id": tenant.id("bot"),
            "kind": "day",
            "name": f"2026-11-{number:02}",
            "from_at": _AT,
            "to_at": _AT,
            "facts": Jsonb({}),
        },
    }


def _learned(tenant: Tenant, number: int) -> dict[str, Row]:
    bot, digest = tenant.id("bot"), number.to_bytes(32, "big")
    return {
        "artefacts": {"digest": digest, "size": 3, "place": "database", "body": b"abc"},
        "models": {
            "bot_id": bot,
            "name": f"ml:{number}",
            "version": number,
            "digest": (1).to_bytes(32, "big"),
            "shape": 1,
            "codec": "npz",
            "metrics": Jsonb({}),
            "training_size": 1,
            "examples_seen": 1,
            "promoted": True,
            "promoted_at": _AT,
            "epoch": 1,
        },
        "model_aliases": {"bot_id": bot, "alias": f"old {number}", "name": "ml:1"},
    }


def _performance(tenant: Tenant, number: int) -> dict[str, Row]:
    ours = {"bot_id": tenant.id("bot"), "symbol": f"BTC{number}/USDT"}
    sums = {"trades": 1, "wins": 1, "losses": 0, "held": timedelta(hours=1)}
    money = dict.fromkeys(("gained", "lost", "fees", "best", "worst"), _ONE)
    streaks = {"streak": 1, "longest_wins": 1, "longest_losses": 0}
    return {
        "performance_days": {**ours, "day": _AT.date(), **sums, **money},
        "performance": {**ours, **sums, **money, **streaks, "last_closed_at": _AT, "last_number": 1},
    }
