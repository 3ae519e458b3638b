"""How a revision meets the database: one migrator at a time, bounded waits, one transaction for each revision.

The only module that imports SQLAlchemy. `runtime/store/schema.py` calls it and gives it a way to connect; it never
reads the environment, and what it raises are the driver's own errors.
"""

from alembic import context
from sqlalchemy import create_engine, exc, pool

from migrations.losses import losses_of, refuse_losses

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


def run_offline() -> None:
    context.configure(
        dialect_name="postgresql", transaction_per_migration=True, version_table_schema="public"
    )
    context.get_context().impl.static_output(PREPARATION)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    attributes = context.config.attributes
    engine = create_engine("postgresql+psycopg://", creator=attributes["connect"], poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(PREPARATION)
            connection.commit()
            # Each step down asks again; here all are asked first, so that a refusal leaves everything as it was.
            tables = [table for path in attributes.get("must_lose_nothing", ()) for table in losses_of(path)]
            refuse_losses(connection.connection.cursor(), tables)
            connection.rollback()
            context.configure(
                connection=connection, transaction_per_migration=True, version_table_schema="public"
            )
            with context.begin_transaction():
                context.run_migrations()
    except exc.DBAPIError as wrapped:
        # Its own text repeats the whole script; the driver's says what was wrong.
        raise (wrapped.orig or wrapped) from None
    finally:
        engine.dispose()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
