"""Reads a desk file and enrols its user, accounts and bots. All faults are reported together; nothing is half enrolled.

user = "local"

[[account]]
name = "paper-spot"            # a desk
venue = "bitget"
kind = "spot"                  # or "linear": perpetuals margined in the quote coin
paper = true

[[account.bot]]
name = "momentum"
strategy = "momentum"
symbols = ["BTC/USDT"]
parameters = { fast = 3 }
limits = { order_quote_max = "500" }    # numbers near money are text
"""

import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime import errors
from runtime.domain import risk
from runtime.domain.identity import UserId, account_id, bot_id, user_id
from runtime.domain.market import MarketKind
from runtime.engine.desk import StrategyBuilder
from runtime.settings import Secret
from runtime.store import bots
from runtime.store.pool import owner_transaction

_ACCOUNT_FIELDS = {"name", "venue", "kind", "paper", "bot"}
_BOT_FIELDS = {"name", "strategy", "symbols", "parameters", "limits"}
FILE_BYTES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class BotEntry:
    name: str
    strategy: str
    symbols: tuple[str, ...]
    parameters: Mapping[str, object]
    limits: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AccountEntry:
    name: str
    venue: str
    kind: MarketKind
    paper: bool
    bots: tuple[BotEntry, ...]


@dataclass(frozen=True, slots=True)
class DeskFile:
    user: str
    accounts: tuple[AccountEntry, ...]


def read(path: Path, build_strategy: StrategyBuilder) -> DeskFile:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for, a device has no end
            raise _unreadable(path, "it is not a file")
        if found.st_size > FILE_BYTES_MAX:
            raise _unreadable(path, "it is larger than a desk file can be")
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise _unreadable(path, exc.strerror or type(exc).__name__) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise _unreadable(path, f"it is not TOML: {exc}") from exc
    except RecursionError as exc:
        raise _unreadable(path, "it is not TOML of a sane depth") from exc
    faults: list[str] = []
    parsed = _parse(raw, build_strategy, faults)
    if faults:
        raise _unreadable(path, "; ".join(faults))
    return parsed


def enrol(admin_url: Secret, desks: DeskFile) -> UserId:
    """Make the rows be as the file says; what bots remember is left alone."""
    user = user_id(desks.user)
    with owner_transaction(admin_url, user, "enrol the desks") as tx:
        bots.enrol_user(tx, desks.user)
        for account in desks.accounts:
            account_key = account_id(user, account.name)
            _require_same(account, bots.load_enrolled_account(tx, account_key))
            bots.enrol_account(
                tx,
                account_key,
                name=account.name,
                venue=account.venue,
                kind=account.kind,
                paper=account.paper,
            )
            for bot in account.bots:
                bots.enrol_bot(
                    tx,
                    account_key,
                    bot_id(account_key, bot.name),
                    name=bot.name,
                    strategy=bot.strategy,
                    parameters=bot.parameters,
                    symbols=bot.symbols,
                    limits=bot.limits,
                )
    return user


def _require_same(account: AccountEntry, known: tuple[str, str, bool] | None) -> None:
    """An account with a history cannot become another venue's."""
    if known is not None and known != (account.venue, account.kind, account.paper):
        raise errors.BadInput(
            where=f"The desk file's account {account.name}",
            detail=f"the ledger knows it as {known[0]} {known[1]}, {'paper' if known[2] else 'live'}",
            remedy="Give the changed one a new name.",
        )


def _parse(raw: Mapping[str, Any], build_strategy: StrategyBuilder, faults: list[str]) -> DeskFile:
    user = _name(raw.get("user"), "user", faults)
    faults += [f"{name!r} is not known at the top" for name in sorted(set(raw) - {"user", "account"})]
    entries = raw.get("account")
    if not isinstance(entries, list) or not entries:
        faults.append("it names no [[account]]")
        return DeskFile(user, ())
    accounts = tuple(
        _account(entry, build_strategy, faults) for entry in entries if _is_table(entry, "account", faults)
    )
    _require_distinct([account.name for account in accounts], "account", faults)
    return DeskFile(user, accounts)


def _account(raw: Mapping[str, Any], build_strategy: StrategyBuilder, faults: list[str]) -> AccountEntry:
    name = _name(raw.get("name"), "account.name", faults)
    where = f"account {name!r}"
    faults += [f"{where}: {field!r} is not known" for field in sorted(set(raw) - _ACCOUNT_FIELDS)]
    if raw.get("kind") not in set(MarketKind):
        faults.append(f"{where}: kind is {raw.get('kind')!r:.40}, not spot or linear")
    if not isinstance(raw.get("paper"), bool):
        faults.append(f"{where}: paper must be true or false")
    venue = _name(raw.get("venue"), f"{where}: venue", faults)
    entries = raw.get("bot")
    if not isinstance(entries, list) or not entries:
        faults.append(f"{where}: it has no [[account.bot]]")
        entries = []
    parsed = tuple(
        _bot(entry, where, build_strategy, faults) for entry in entries if _is_table(entry, where, faults)
    )
    _require_distinct([bot.name for bot in parsed], f"{where}: bot", faults)
    kind = MarketKind(raw["kind"]) if raw.get("kind") in set(MarketKind) else MarketKind.SPOT
    return AccountEntry(name, venue, kind, bool(raw.get("paper")), parsed)


def _bot(
    raw: Mapping[str, Any], account: str, build_strategy: StrategyBuilder, faults: list[str]
) -> BotEntry:
    name = _name(raw.get("name"), f"{account}: bot.name", faults)
    where = f"{account}, bot {name!r}"
    faults += [f"{where}: {field!r} is not known" for field in sorted(set(raw) - _BOT_FIELDS)]
    symbols = raw.get("symbols")
    if (
        not isinstance(symbols, list)
        or not symbols
        or not all(isinstance(each, str) and each for each in symbols)
    ):
        faults.append(f"{where}: symbols must be a list of at least one symbol")
        symbols = ["?"]
    strategy = _name(raw.get("strategy"), f"{where}: strategy", faults)
    parameters, limits = raw.get("parameters", {}), raw.get("limits")
    if not isinstance(parameters, dict) or not isinstance(limits, dict):
        faults.append(f"{where}: parameters and limits must be tables")
        return BotEntry(name, strategy, tuple(symbols), {}, {})
    faults += [f"{where}: {fault}" for fault in risk.parse_limits(limits)[1]]
    try:
        build_strategy(strategy, parameters, tuple(symbols))
    except errors.BadInput as fault:
        faults.append(f"{where}: {fault}")
    return BotEntry(name, strategy, tuple(symbols), parameters, limits)


def _name(raw: object, where: str, faults: list[str]) -> str:
    if isinstance(raw, str) and 0 < len(raw) <= 60 and raw.isprintable():
        return raw
    faults.append(f"{where} must be a printable text of 1 to 60 characters")
    return "?"


def _is_table(raw: object, where: str, faults: list[str]) -> bool:
    if not isinstance(raw, dict):
        faults.append(f"{where}: {raw!r:.40} is not a table")
    return isinstance(raw, dict)


def _require_distinct(names: list[str], what: str, faults: list[str]) -> None:
    faults += [
        f"{what} {name!r} stands twice" for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _unreadable(path: Path, detail: str) -> errors.BadInput:
    return errors.BadInput(
        where=f"The desk file {path}", detail=detail, remedy="docs/configuration.md shows a whole one."
    )
