"""The schema's versions: brings a database to one, says which one it has, and refuses a program that does not fit it.

Alembic does the walking and `migrations/` holds the steps; nobody else imports Alembic. A URL is only ever handed to
the driver, never put into a sentence.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from runtime import errors
from runtime.settings import Secret

_ROOT = Path(__file__).resolve().parents[2]
_CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the schema's history."""

    name: str
    title: str
    applied: bool


def upgrade(url: Secret, revision: str = "head") -> None:
    """Bring the database up to a revision; a migrator that is at work already is waited for."""
    command.upgrade(_config(url), revision)


def downgrade(url: Secret, revision: str, *, drop_data: bool = False) -> None:
    command.downgrade(_config(url), revision)


def _config(url: Secret | None = None, output: io.StringIO | None = None) -> Config:
    config = Config(_ROOT / "alembic.ini", output_buffer=output)
    if url is not None:
        config.attributes["connect"] = lambda: _connect(url)
    return config


def _connect(url: Secret) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        url.reveal(), connect_timeout=_CONNECT_SECONDS, application_name="holdfast migrate"
    )
