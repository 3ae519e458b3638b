"""The door to PostgreSQL: connections, transactions, and the translation of everything that can go wrong there.

A `Store` belongs to one tenant. Its transactions set that tenant themselves, for their own extent only, and refuse a
server that is read-only: a standby answers like a primary until somebody writes. Above this door nobody knows psycopg.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout

from runtime import errors
from runtime.domain import money
from runtime.domain.identity import AccountId, UserId
from runtime.settings import Secret
from runtime.store import access, roundtrip
from runtime.store.timing import Timing
from runtime.telemetry import table

SCHEMA = "holdfast"
# Both in the statement's own round trip: the tenant, and whether this server takes writes at all.
_ENTER = "select set_config('holdfast.user_id', %s, true), current_setting('transaction_read_only')"
_OVERSEE = "set transaction isolation level repeatable read, read only; set local role holdfast_overseer"
_CONNECT_SECONDS = 5
# How the schema refuses a write whose epoch is not the lease's.
_FENCED = "HF001"

Row = tuple[Any, ...]
Parameters = Mapping[str, Any]


class _PlainNumber(Loader):
    """numeric as the domain writes it: what was loaded must equal what was there, trailing zeros included."""

    def load(self, data: Buffer) -> Decimal:
        return money.read(bytes(data).decode())


# Process-wide on purpose, as the JSON below.
psycopg.adapters.register_loader("numeric", _PlainNumber)

# One for all: `json.loads` with such a wish makes a new one for every value.
_JSON = json.JSONDecoder(parse_float=Decimal)


def parse_json(text: str | bytes) -> Any:
    return _JSON.decode(text if isinstance(text, str) else text.decode())


# Process-wide on purpose: no connection of ours may ever turn a number in jsonb into a float.
set_json_loads(parse_json)


@dataclass(frozen=True, slots=True)
class Fence:
    """What every ledger write must show: the account, and the epoch of the lease it believes to hold."""

    account_id: AccountId
    epoch: int


class Tx:
    """A transaction that is open. Store functions take it first."""

    def __init__(self, connection: psycopg.Connection[Row], tenant: UserId, timing: Timing) -> None:
        self._connection = connection
        self._timing = timing
        self.tenant = tenant

    def rows(self, query: str, parameters: Parameters | None = None) -> Sequence[Row]:
        began_at = time.monotonic()
        cursor = self._connection.execute(query.encode(), parameters)
        rows = cursor.fetchall() if cursor.description else ()
        self._timing.answered(query, began_at)
        return rows

    def row(self, query: str, parameters: Parameters | None = None) -> Row | None:
        rows = self.rows(query, parameters)
        if len(rows) > 1:
            raise errors.BrokenInvariant(detail=f"one row was expected, PostgreSQL found {len(rows)}")
        return rows[0] if rows else None

    def streamed(self, query: str, parameters: Parameters) -> Iterator[Row]:
        """Each row as soon as it comes, while PostgreSQL works on those after it."""
        began_at = time.monotonic()
        with self._connection.cursor(binary=True) as cursor:
            yield from cursor.stream(query.encode(), parameters)
        self._timing.streamed_seconds(query, began_at)

    def copy_bytes(self, query: str, parameters: Parameters) -> bytes:
        """Everything that a binary COPY says, for whoever reads it as columns."""
        began_at = time.monotonic()
        with self._connection.cursor() as cursor, cursor.copy(query.encode(), parameters) as copy:
            data = b"".join(copy)
        self._timing.streamed_seconds(query, began_at)
        return data


class SingleTx(Tx):
    """A transaction of exactly one statement: sent, run and committed in one network round trip."""

    def __init__(self, connection: psycopg.Connection[Row], tenant: UserId, timing: Timing) -> None:
        super().__init__(connection, tenant, timing)
        self._spent = False

    def streamed(self, query: str, parameters: Parameters) -> Iterator[Row]:
        raise errors.BrokenInvariant(detail="rows were to be streamed out of a single-statement transaction")

    def copy_bytes(self, query: str, parameters: Parameters) -> bytes:
        raise errors.BrokenInvariant(detail="rows were to be copied out of a single-statement transaction")

    def rows(self, query: str, parameters: Parameters | None = None) -> Sequence[Row]:
        if self._spent:
            raise errors.BrokenInvariant(
                detail="a single-statement transaction was asked for a second statement"
            )
        self._spent = True
        began_at = time.monotonic()
        rows = roundtrip.run(self._connection, str(self.tenant), query, parameters)
        self._timing.answered(query, began_at)
        return rows


class Store:
    """The ledger of one tenant."""

    def __init__(
        self,
        url: Secret,
        tenant: UserId,
        *,
        pool_max: int = 4,
        statement_seconds: float = 10.0,
        wait_seconds: float = 5.0,
        timing: Timing | None = None,
    ) -> None:
        self.tenant = tenant
        self._timing = timing or Timing()
        self._wait_seconds = wait_seconds
        self._pool = ConnectionPool(
            connection_class=access.Admitted,
            min_size=1,
            max_size=pool_max,
            open=False,
            timeout=wait_seconds,
            reconnect_timeout=wait_seconds,
            kwargs={
                "address": url,
                "autocommit": True,
                "prepare_threshold": 1,
                "connect_timeout": _CONNECT_SECONDS,
                "application_name": "holdfast",
                "options": _session_options(statement_seconds),
                **_keepalives(),
            },
        )

    def __enter__(self) -> Self:
        with _translated("connect"):
            self._pool.open(wait=True, timeout=self._wait_seconds)
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.close()

    @contextmanager
    def single(self, action: str, *, wait_seconds: float | None = None) -> Iterator[Tx]:
        """One statement, one round trip. `action` completes the sentence 'while we tried to ...'."""
        # Without the pool's own context: it commits or rolls back, and here nothing is ever begun.
        try:
            connection = self._pool.getconn(timeout=wait_seconds)
            try:
                yield SingleTx(connection, self.tenant, self._timing)
            except psycopg.errors.ReadOnlySqlTransaction:
                # After a failover the pool must not keep a connection to what is a standby now.
                connection.close()
                raise
            finally:
                self._pool.putconn(connection)
        except psycopg.Error as exc:
            raise _understood(exc, action, self._timing) from exc

    @contextmanager
    def transaction(self, action: str) -> Iterator[Tx]:
        """Several statements that hold together or not at all."""
        with (
            _translated(action, self._timing),
            self._pool.connection() as connection,
            connection.transaction(),
        ):
            _require_primary(connection, connection.execute(_ENTER, (str(self.tenant),)))
            yield Tx(connection, self.tenant, self._timing)

    @contextmanager
    def snapshot(self, action: str) -> Iterator[Tx]:
        """Many reads of one and the same instant."""
        with (
            _translated(action, self._timing),
            self._pool.connection() as connection,
            connection.transaction(),
        ):
            connection.execute("set transaction isolation level repeatable read, read only")
            connection.execute(_ENTER, (str(self.tenant),))
            yield Tx(connection, self.tenant, self._timing)

    @contextmanager
    def oversight(self, action: str) -> Iterator[Tx]:
        """Many reads of one instant, over all tenants: as the role that was made for it, if ours may become it."""
        with (
            _translated(action, self._timing),
            self._pool.connection() as connection,
            connection.transaction(),
        ):
            connection.execute(_OVERSEE)
            yield Tx(connection, self.tenant, self._timing)

    def of(self, tenant: UserId) -> Self:
        """Another tenant's ledger, through the same connections."""
        # Not copy.copy, which takes as long as the way to the server: this is done for each request.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, tenant=tenant)
        return other

    def pool_use(self) -> Mapping[str, int]:
        return self._pool.get_stats()


@contextmanager
def owner_transaction(url: Secret, tenant: UserId, action: str) -> Iterator[Tx]:
    """One transaction as the schema's owner, for enrolling users, accounts and bots. Row-level security still holds."""
    with _translated(action), access.connect(url, connect_timeout=_CONNECT_SECONDS) as connection:
        connection.execute(sql.SQL("set local search_path to {}").format(sql.Identifier(SCHEMA)))
        connection.execute("set local role holdfast_owner")
        _require_primary(connection, connection.execute(_ENTER, (str(tenant),)))
        yield Tx(connection, tenant, Timing())


def _session_options(statement_seconds: float) -> str:
    settings = {
        "search_path": SCHEMA,
        "timezone": "UTC",
        "statement_timeout": int(statement_seconds * 1000),
        # A plan that a session made when the tables were small is kept; what is in memory is as near as the next row.
        "random_page_cost": "1.1",
        "jit": "off",
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def _keepalives() -> Mapping[str, int]:
    # A peer that vanished without a goodbye is noticed in about ten seconds instead of two hours.
    return {
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }


def _require_primary(connection: psycopg.Connection[Row], entered: psycopg.Cursor[Row]) -> None:
    row = entered.fetchone()
    if row is None or row[1] != "off":
        connection.close()
        raise psycopg.OperationalError("this server is a read-only standby")


@contextmanager
def _translated(action: str, timing: Timing | None = None) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as exc:
        raise _understood(exc, action, timing) from exc


def _understood(exc: psycopg.Error, action: str, timing: Timing | None) -> errors.BotError:
    """psycopg's errors into ours, once, by what the reader must do next."""
    if isinstance(exc, PoolTimeout):
        return errors.StoreUnavailable(action=action, detail="no connection could be had in time")
    if timing is not None and exc.sqlstate == _FENCED:
        timing.meters.count(table.FENCED_WRITES)
    return _meaning(exc, action)


def _meaning(exc: psycopg.Error, action: str) -> errors.BotError:
    state, text = exc.sqlstate or "", _first_line(exc)
    match state:
        case _ if state == _FENCED:
            return errors.LeaseLost(account="in hand", epoch="we held", detail=text)
        case "HF002" | "HF003" | "HF004":
            return errors.BrokenInvariant(detail=f"{text} (while we tried to {action})")
        case "23505":
            return errors.AlreadyRecorded(constraint=exc.diag.constraint_name or "", action=action)
        case "40001" | "40P01" | "55P03":
            return errors.Conflict(detail=text)
        case "42501":
            return errors.NotAllowed(action=action, detail=text)
    if state.startswith(("08", "25006", "53", "55", "57", "58")) or (
        not state and isinstance(exc, psycopg.OperationalError)
    ):
        return errors.StoreUnavailable(action=action, detail=text)
    return errors.BrokenInvariant(
        detail=f"PostgreSQL refused to {action}: {text} ({state or type(exc).__name__})"
    )


def _first_line(exc: psycopg.Error) -> str:
    # Only what the server says: the driver's own text for a failed connection may hold the address and the user.
    return exc.diag.message_primary or type(exc).__name__
