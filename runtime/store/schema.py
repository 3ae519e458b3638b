"""The schema's versions: brings a database to one, says which one it has, and refuses a program that does not fit it.

Alembic does the walking and `migrations/` holds the steps; nobody else imports Alembic, and it is loaded only where
something is to be changed: it takes longer than the rest of a desk's start. A URL is only ever handed to the driver,
never put into a sentence.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psycopg

from runtime import errors
from runtime.settings import Secret
from runtime.store import access, queries
from runtime.store.pool import Row

if TYPE_CHECKING:
    from alembic.config import Config

_SQL = queries.load("catalogue")
_ROOT = Path(__file__).resolve().parents[2]
_CONNECT_SECONDS = 5
# The server's own words in the driver's sentence, behind what that says about the address.
_FATAL = re.compile(r"FATAL:\s+(.+)")
_DUMP_HEAD = """\
-- The whole schema as the migrations leave it; written by `make schema`, compared by a test, run by nobody.
-- The roles must be there: holdfast_owner, who owns everything, holdfast_bot, holdfast_api, holdfast_readonly."""
# What a revision says about the programs that suit it: migrations/fitness.py writes it.
_SUITS = re.compile(r"programs from ([0-9]{4}) on run on this schema")
# In this order the text could be run.
_DUMP_PARTS = (
    "render_schemas",
    "render_domains",
    "render_functions",
    "render_tables",
    "render_constraints",
    "render_indexes",
    "render_views",
    "render_triggers",
    "render_row_security",
    "render_policies",
    "render_grants",
    "render_column_grants",
    "render_strangers",
)


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the schema's history; `applied` is None where no database was asked."""

    name: str
    title: str
    applied: bool | None


@dataclass(frozen=True, slots=True)
class _Step:
    revision: str
    doc: str
    path: str


def head() -> str:
    """The newest revision: the one this program needs."""
    return _names()[-1]


def history(url: Secret | None = None) -> list[Revision]:
    """Every revision, oldest first."""
    names = _names()
    found = None if url is None else current(url)
    applied = names.index(found) + 1 if found in names else 0
    return [
        Revision(step.revision, step.doc, None if url is None else number < applied)
        for number, step in enumerate(_steps())
    ]


def current(url: Secret) -> str | None:
    """The revision that a database is at; None if it was never migrated, or taken back to its base."""
    with _translated("read the schema's revision"), _connect(url) as connection:
        has_versions = connection.execute(_SQL["has_versions"].encode()).fetchone()
        rows = (
            connection.execute(_SQL["load_versions"].encode()).fetchall() if has_versions == (True,) else []
        )
    if len(rows) > 1:
        raise errors.BrokenInvariant(detail=f"the database says it is at {len(rows)} revisions at once")
    return str(rows[0][0]) if rows else None


def require_current(url: Secret) -> None:
    """Refuse a database whose schema is not the one that this program was written for, nor a newer one that says it
    suits this program still: else no release could be taken back whose migration only added something."""
    found, needed = current(url), head()
    if found == needed or (found not in (None, *_names()) and _suits(url, needed)):
        return
    if found is None:
        remedy = "it holds no schema of ours yet; `python -m runtime migrate` makes it."
    elif found in _names():
        remedy = "`python -m runtime migrate` brings the database up."
    else:
        remedy = (
            "a newer program migrated it; start that one, or let that one "
            f"go back with `python -m runtime rollback {needed}`."
        )
    raise errors.SchemaMismatch(found=found or "none", needed=needed, remedy=remedy)


def _suits(url: Secret, program: str) -> bool:
    with _translated("read what the schema suits"), _connect(url) as connection:
        row = connection.execute(_SQL["load_fitness"].encode()).fetchone()
    says = _SUITS.fullmatch(str(row[0])) if row else None
    # Revisions are numbered with four digits, and a test keeps it so: their texts order as they do.
    return says is not None and says[1] <= program


def upgrade(url: Secret, revision: str = "head") -> None:
    """Bring a database up to a revision. A migrator that is at work already is waited for."""
    target, found = _position(revision), _known(current(url))
    if target < found:
        detail = f"the database is at {_name(found)}, beyond {_name(target)}; `rollback` takes it back"
        raise errors.InvalidCommand(verb="migrate", detail=detail)
    if target > found:
        with _translated("migrate the schema"):
            _alembic("upgrade", _config(url), target)


def downgrade(url: Secret, revision: str, *, drop_data: bool = False) -> None:
    """Take a database back to a revision, or to `base`: no schema at all. What has rows is lost only if `drop_data`."""
    target, found = _position(revision), _known(current(url))
    if target > found:
        detail = f"the database is at {_name(found)}, before {_name(target)}; `migrate` brings it up"
        raise errors.InvalidCommand(verb="rollback", detail=detail)
    config = _config(url)
    config.attributes["drop_data"] = drop_data
    if not drop_data:
        config.attributes["must_lose_nothing"] = [step.path for step in _steps()[target:found]]
    with _translated("take the schema back"):
        _alembic("downgrade", config, target)


def render_sql(revision: str = "head") -> str:
    """The script that brings an empty database up to a revision, for whoever may not run programs against it."""
    output = io.StringIO()
    _alembic("upgrade", _config(output=output), _position(revision), sql=True)
    return f"-- Run it with: psql --set ON_ERROR_STOP=1 --file ...\n\n{output.getvalue()}"


def dump(url: Secret) -> str:
    """The schema as the catalogue tells it, in an order in which it could be run. Equal schemas give equal texts."""
    parts = [_DUMP_HEAD]
    with _translated("read the schema"), _connect(url) as connection:
        # Without our schema in the path every name comes out whole.
        connection.execute(b"set search_path to pg_catalog")
        for part in _DUMP_PARTS:
            texts = [str(row[0]).strip() for row in connection.execute(_SQL[part].encode())]
            between = "\n\n" if any("\n" in text for text in texts) else "\n"
            parts += [between.join(texts)] if texts else []
    return "\n\n".join(parts) + "\n"


def _steps() -> list[_Step]:
    """The files say it by their numbers and names; a test holds them against what Alembic reads in them."""
    paths = sorted((_ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    parts = [(path.stem.partition("_"), path) for path in paths]
    return [_Step(number, title.replace("_", " "), str(path)) for (number, _, title), path in parts]


def _names() -> list[str]:
    return [step.revision for step in _steps()]


def _position(revision: str) -> int:
    """How many steps lead to it: 0 for `base`."""
    places = {"base": 0, **{name: number for number, name in enumerate(_names(), start=1)}}
    places["head"] = len(places) - 1
    if revision not in places:
        raise errors.BadInput(
            where=f"The revision {revision!r:.40}",
            detail="there is none of that name",
            remedy=f"There are: {', '.join(places)}.",
        )
    return places[revision]


def _name(position: int) -> str:
    return _names()[position - 1] if position else "base"


def _known(found: str | None) -> int:
    if found is not None and found not in _names():
        remedy = "a newer program migrated it, and only that one can change it."
        raise errors.SchemaMismatch(found=found, needed=head(), remedy=remedy)
    return 0 if found is None else _position(found)


def _alembic(
    verb: Literal["upgrade", "downgrade"], config: "Config", position: int, *, sql: bool = False
) -> None:
    from alembic import command

    walk = command.upgrade if verb == "upgrade" else command.downgrade
    walk(config, _name(position), sql=sql)


def _config(url: Secret | None = None, output: io.StringIO | None = None) -> "Config":
    from alembic.config import Config

    config = Config(_ROOT / "alembic.ini", output_buffer=output or io.StringIO())
    if url is not None:
        config.attributes["connect"] = lambda: _connect(url)
    return config


def _connect(url: Secret) -> "psycopg.Connection[Row]":
    return access.connect(url, connect_timeout=_CONNECT_SECONDS, application_name="holdfast migrate")


@contextmanager
def _translated(action: str) -> Iterator[None]:
    """The driver's errors into ours. Its text for a failed connection names the address, so it is not passed on."""
    try:
        yield
    except psycopg.Error as exc:
        raise _meaning(exc, action) from None


def _meaning(exc: psycopg.Error, action: str) -> errors.BotError:
    told = exc.diag.message_primary
    match exc:
        case psycopg.ProgrammingError() if exc.sqlstate is None:
            detail = "it is not the address of a PostgreSQL database"
            return errors.BadInput(
                where="DATABASE_URL", detail=detail, remedy="It looks like postgresql://user@host:5432/name."
            )
        case psycopg.errors.InsufficientPrivilege():
            return errors.NotAllowed(action=action, detail=told)
        case psycopg.errors.LockNotAvailable():
            remedy = "Stop the desks, or wait for a quieter moment, and run it again."
            detail = "another session kept a lock on a table of ours"
            return errors.MigrationStopped(detail=detail, remedy=remedy)
        case psycopg.errors.QueryCanceled():
            remedy = "The database was left as the last whole revision made it."
            return errors.MigrationStopped(detail=f"it took longer than allowed ({told})", remedy=remedy)
        case psycopg.errors.UndefinedColumn() | psycopg.errors.UndefinedTable():
            remedy = "Is DATABASE_URL the address of another program's database?"
            return errors.BadInput(
                where="The database", detail=f"it is not as we left it ({told})", remedy=remedy
            )
        case psycopg.OperationalError() if exc.sqlstate is None or exc.sqlstate.startswith(
            ("08", "57", "53")
        ):
            words = _FATAL.search(str(exc))
            return errors.StoreUnavailable(
                action=action, detail=told or (words[1] if words else "no server answers at its address")
            )
    return errors.MigrationStopped(
        detail=f"{told} ({exc.sqlstate})", remedy="The database was left as the last whole revision made it."
    )
