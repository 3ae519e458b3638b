"""How a revision meets the database: one migrator at a time, bounded waits, one transaction for each revision.

The only module that imports SQLAlchemy. `runtime/store/schema.py` calls it and gives it a way to connect; it never
reads the environment, and what it raises are the driver's own errors.
"""

from alembic import context
from sqlalchemy import create_engine, exc, pool

# Any number will do as long as it never changes: every migrator of every version asks for the same lock.
MIGRATION_LOCK = 7_310_529_446
LOCK_TIMEOUT_MS = 5_000
STATEMENT_TIMEOUT_MS = 600_000

# The advisory lock is waited for as long as a statement may run, because another migrator may be at work; a table's
# lock is not, because all that the program does queues up behind a migrator that waits. The lock belongs to the
# session, so that it spans the transactions of all revisions; the connection's end releases it.
PREPARATION = f"""\
set timezone = 'UTC';
set client_min_messages = warning;
set statement_timeout = {STATEMENT_TIMEOUT_MS};
do $$ begin perform pg_advisory_lock({MIGRATION_LOCK}); end $$;
set lock_timeout = {LOCK_TIMEOUT_MS};
"""
OPTIONS = {"transaction_per_migration": True, "version_table_schema": "public"}


def run_offline() -> None:
    context.configure(dialect_name="postgresql", **OPTIONS)  # type: ignore[arg-type]
    context.get_context().impl.static_output(PREPARATION)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    engine = create_engine(
        "postgresql+psycopg://", creator=context.config.attributes["connect"], poolclass=pool.NullPool
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(PREPARATION)
            connection.commit()
            context.configure(connection=connection, **OPTIONS)  # type: ignore[arg-type]
            with context.begin_transaction():
                context.run_migrations()
    except exc.DBAPIError as wrapped:
        # Its own text repeats the whole script and its parameters; the driver's says what was wrong.
        raise (wrapped.orig or wrapped) from None
    finally:
        engine.dispose()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
