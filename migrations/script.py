"""Runs the SQL file that stands beside a revision, up or down, or prints it when only the script is wanted."""

from pathlib import Path

from alembic import context, op


def up(revision_file: str) -> None:
    _run(Path(revision_file).with_suffix(".up.sql"))


def down(revision_file: str) -> None:
    _run(Path(revision_file).with_suffix(".down.sql"))


def _run(path: Path) -> None:
    # Alembic writes its version row as whoever connected, not as the owner whom the script became.
    script = path.read_text(encoding="utf-8") + "\nreset role;\n"
    if context.is_offline_mode():
        context.get_context().impl.static_output(script)
    else:
        # Past SQLAlchemy: it would take percent signs for parameters.
        op.get_bind().connection.cursor().execute(script)
