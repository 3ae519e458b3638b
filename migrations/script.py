"""Runs the SQL file that stands beside a revision, up or down, or prints it when only the script is wanted."""

from pathlib import Path

from alembic import context, op
from sqlalchemy import text


def up(revision_file: str) -> None:
    _run(Path(revision_file).with_suffix(".up.sql"))


def down(revision_file: str) -> None:
    _run(Path(revision_file).with_suffix(".down.sql"))


def _run(path: Path) -> None:
    script = path.read_text(encoding="utf-8") + "\nreset role;\n"
    if context.is_offline_mode():
        op.execute(text(script.replace(":", "\\:")))
    else:
        # Straight to the driver: SQLAlchemy would take colons and percent signs for parameters.
        op.get_bind().exec_driver_sql(script)
