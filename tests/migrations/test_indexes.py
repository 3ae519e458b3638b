"""Indexes that foreign keys need: whoever removes or renames a parent looks for its children through them."""

from tests.database import Database
from tests.migrations import catalogue

# Nobody may delete an account or a bot, and their keys never change: nobody looks from there for the rows that
# name them; an index would cost each insert.
UNINDEXED = {
    "audit_log_user_fkey",
    "commands_account_fkey",
    "commands_bot_fkey",
    "orders_bot_fkey",
    "positions_bot_fkey",
    "scoring_runs_user_fkey",
    "trader_scores_bot_fkey",
    "trades_bot_fkey",
}

_INDEXES = """
    select t.relname, array(select a.attname from unnest(i.indkey::smallint[]) with ordinality as k (number, place)
      join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number order by place)
    from pg_index as i join pg_class as t on t.oid = i.indrelid
    where t.relnamespace = 'holdfast'::regnamespace and i.indpred is null
"""


def unindexed(database: Database) -> set[str]:
    """Foreign keys whose columns, the tenant's aside, no whole index begins with."""
    with database.connect() as connection:
        indexes = connection.execute(_INDEXES).fetchall()
        return {
            name
            for name, table, _, own, _ in catalogue.foreign_keys(connection)
            if not any(table == owner and _begins_with(columns, set(own)) for owner, columns in indexes)
        }


def _begins_with(columns: list[str], own: set[str]) -> bool:
    # The tenant stands last in the indexes, so that a planner without statistics does not take any of them for it.
    without_tenant = own - {"user_id"}
    return any(each and set(columns[: len(each)]) == each for each in (own, without_tenant))


def test_foreign_keys__have_an_index_where_somebody_looks(undisturbed: Database) -> None:
    assert unindexed(undisturbed) == UNINDEXED


def test_roles__may_delete_nothing(undisturbed: Database) -> None:
    asked = "select count(*) from pg_class as t, unnest(%s::text[]) as r where relkind = 'r'"
    asked += " and relnamespace = 'holdfast'::regnamespace and has_table_privilege(r, t.oid, 'delete')"
    assert undisturbed.rows(asked, (list(catalogue.ROLES),)) == [(0,)]
