"""Runs the SQL file that stands beside a revision, up or down, or prints it when only the script is wanted."""

from pathlib import Path
from typing import Any

from alembic import context, op

from migrations.losses import losses, refuse_losses


def up(revision_file: str) -> None:
    _run(Path(revision_file).with_suffix(".up.sql").read_text(encoding="utf-8"))


def down(revision_file: str) -> None:
    script = Path(revision_file).with_suffix(".down.sql").read_text(encoding="utf-8")
    if not context.config.attributes.get("drop_data", False):
        refuse_losses(_cursor(), losses(script))
    _run(script)


def _run(script: str) -> None:
    # Alembic writes its version row as whoever connected, not as the owner whom the script became.
    script += "\nreset role;\n"
    if context.is_offline_mode():
        context.get_context().impl.static_output(script)
    else:
        _cursor().execute(script)


def _cursor() -> Any:
    # Past SQLAlchemy, which would take percent signs for parameters.
    return op.get_bind().connection.cursor()
