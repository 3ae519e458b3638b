"""Runs the SQL file that stands beside a revision, up or down, or prints it when only the script is wanted."""

from pathlib import Path
from typing import Any

from alembic import context, op

from migrations.fitness import mark_after_down, mark_after_up
from migrations.losses import losses, refuse_losses


def up(revision_file: str) -> None:
    _run(Path(revision_file).with_suffix(".up.sql").read_text(encoding="utf-8"), mark_after_up(revision_file))


def down(revision_file: str) -> None:
    script = Path(revision_file).with_suffix(".down.sql").read_text(encoding="utf-8")
    if not context.config.attributes.get("drop_data", False):
        refuse_losses(_cursor(), losses(script))
    _run(script, mark_after_down(revision_file))


def _run(script: str, mark: str) -> None:
    # Alembic writes its version row as whoever connected, not as the owner whom the script became.
    script += f"\nreset role;\n{mark}"
    if context.is_offline_mode():
        context.get_context().impl.static_output(script)
    else:
        _cursor().execute(script)


def _cursor() -> Any:
    # Past SQLAlchemy, which would take percent signs for parameters.
    return op.get_bind().connection.cursor()
