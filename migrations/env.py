"""How a revision meets the database: one migrator at a time, bounded waits, one transaction for each revision.

The only module that imports SQLAlchemy's engine. `runtime/store/schema.py` calls it with an open connection string in
the configuration; it never reads the environment.
"""

from alembic import context
from sqlalchemy import create_engine, pool, text

# Any number will do as long as it never changes: every migrator of every version asks for the same lock.
MIGRATION_LOCK = 7_310_529_446
LOCK_TIMEOUT_MS = 5_000
STATEMENT_TIMEOUT_MS = 600_000


def run_offline() -> None:
    context.configure(
        dialect_name="postgresql",
        literal_binds=True,
        transaction_per_migration=True,
        version_table_schema="public",
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        # Session-level, so that it spans the transactions of all revisions; the connection's end releases it.
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        _limit_waits(connection)
        context.configure(
            connection=connection, transaction_per_migration=True, version_table_schema="public"
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def _limit_waits(connection) -> None:  # type: ignore[no-untyped-def]
    connection.execute(text(f"set statement_timeout = {STATEMENT_TIMEOUT_MS}"))
    connection.execute(text(f"set lock_timeout = {LOCK_TIMEOUT_MS}"))
    connection.execute(text("set timezone = 'UTC'"))
    connection.commit()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
