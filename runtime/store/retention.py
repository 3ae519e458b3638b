"""Takes what is too old out of the tables of observations, a batch at a time, and writes down first what is left of it;
and versions of models that nobody will go back to.

It works as a role that may do this and nothing else; of the ledger it may delete nothing. Each function is a statement
of its own, so that a job which is killed between two of them goes on where it stood.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from runtime import errors
from runtime.domain.identity import AccountId, BotId, UserId
from runtime.domain.retention import SETTLED_AFTER, Kind
from runtime.store import queries
from runtime.store.pool import Tx

_SQL = queries.load("retention")
ROLE = "holdfast_retention"
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
# By table, with the kind that says how long: what belongs to a bot, and what belongs to an account.
_OF_BOTS: Mapping[str, tuple[Kind, str]] = {
    "predictions": (Kind.PREDICTIONS, _SQL["take_predictions"]),
    "decisions' texts": (Kind.PROMPTS, _SQL["take_prompts"]),
    "blocked_signals": (Kind.BLOCKED, _SQL["take_blocked_signals"]),
    "equity_marks": (Kind.MARKS, _SQL["take_equity_marks"]),
    "risk_marks": (Kind.MARKS, _SQL["take_risk_marks"]),
    "allocations": (Kind.MARKS, _SQL["take_allocations"]),
    "snapshots": (Kind.SNAPSHOTS, _SQL["take_snapshots"]),
}
_CANDLES, _MARKET_SNAPSHOTS = _SQL["take_candles"], _SQL["take_market_snapshots"]


@dataclass(frozen=True, slots=True)
class Series:
    """Rows in one order of time. `bot_id` is None where they belong to an account."""

    table: str
    kind: Kind
    bot_id: BotId | None
    statement: str
    names: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Known:
    """A bot, and the first day of which anything is known of it."""

    bot_id: BotId
    name: str
    first_day: date


@dataclass(frozen=True, slots=True)
class Unnamed:
    """Bytes that no model names. `place` is the database or a folder."""

    sha256: str
    place: str


def require_role(tx: Tx) -> None:
    """As an administrator it would work too, past every right that it should not have."""
    ((role,),) = tx.rows(_SQL["load_role"])
    if role != ROLE:
        raise errors.NotAllowed(
            action="take away what is too old", detail=f"it is {role}, and {ROLE} is for this"
        )


def load_tenants(tx: Tx) -> list[tuple[UserId, str]]:
    return [(UserId(user), name) for user, name in tx.rows(_SQL["load_tenants"])]


def load_bots(tx: Tx) -> list[Known]:
    return [Known(BotId(bot), name, first) for bot, name, first in tx.rows(_SQL["load_bots"])]


def load_accounts(tx: Tx) -> list[AccountId]:
    return [AccountId(account) for (account,) in tx.rows(_SQL["load_accounts"])]


def load_open_days(tx: Tx, bot: Known, last: date, count: int) -> list[date]:
    """Up to `last`, oldest first: those whose summary is missing or may still change."""
    wanted = {"bot_id": bot.bot_id, "first": bot.first_day, "last": last, "settled_after": SETTLED_AFTER}
    return [day for (day,) in tx.rows(_SQL["load_open_days"], {**wanted, "count": count})]


def write_days(tx: Tx, bot_id: BotId, days: Sequence[date]) -> None:
    tx.rows(_SQL["write_days"], {"bot_id": bot_id, "days": list(days)})


def series_of_bot(bot_id: BotId) -> list[Series]:
    return [
        Series(table, kind, bot_id, statement, {"bot_id": bot_id})
        for table, (kind, statement) in _OF_BOTS.items()
    ]


def load_series_of_account(tx: Tx, account_id: AccountId) -> list[Series]:
    names = {"account_id": account_id}
    found = [
        Series("candles", Kind.CANDLES, None, _CANDLES, {**names, "symbol": symbol, "timeframe": timeframe})
        for symbol, timeframe in tx.rows(_SQL["load_candle_series"], names)
    ]
    return found + [
        Series("market_snapshots", Kind.SNAPSHOTS, None, _MARKET_SNAPSHOTS, {**names, "symbol": symbol})
        for (symbol,) in tx.rows(_SQL["load_market_symbols"], names)
    ]


def take(
    tx: Tx, series: Series, *, after: datetime, before: datetime, count: int
) -> tuple[datetime | None, int]:
    """Up to where the oldest rows were looked at, None at the end of them, and how many went."""
    parameters = {**series.names, "after": after, "before": before, "count": count}
    ((reached, gone),) = tx.rows(series.statement, parameters)
    return reached, gone


def take_models(tx: Tx, bot_id: BotId, *, kept: int, count: int) -> int:
    """How many went."""
    ((gone,),) = tx.rows(_SQL["take_models"], {"bot_id": bot_id, "kept": kept, "count": count})
    return int(gone)


def load_unnamed(tx: Tx, *, after: str, before: datetime, count: int) -> list[Unnamed]:
    """In the order of their digests, from the one after this on."""
    parameters = {"after": bytes.fromhex(after), "before": before, "count": count}
    return [Unnamed(*row) for row in tx.rows(_SQL["load_unnamed"], parameters)]


def take_artefacts(tx: Tx, sha256s: Sequence[str]) -> int:
    """How many went; one that a model names again stays."""
    ((gone,),) = tx.rows(_SQL["take_artefacts"], {"digests": [bytes.fromhex(each) for each in sha256s]})
    return int(gone)
