"""What the catalogue of a migrated database says: the tables, their columns and keys, and who may do what.

The probes take their subjects from here, so that a table which comes tomorrow is probed though nobody thought of it.
"""

from typing import Any

import psycopg
from psycopg.rows import TupleRow

ROLES = ("holdfast_bot", "holdfast_api", "holdfast_readonly")
OWNER = "holdfast_owner"
# Reads all tenants, if it was granted that, through a policy of its own; the probes are not for it.
BACKUP = "holdfast_backup"
# The same for an admin: nobody logs in as it, the API becomes it for a transaction.
OVERSEER = "holdfast_overseer"
# Sees which tenants there are, and is one of them at a time; test_retention_rights.py says what it may take away.
RETENTION = "holdfast_retention"

Connection = psycopg.Connection[TupleRow]

_TABLES = """
    select relname from pg_class where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p') order by 1
"""
_COLUMNS = """
    select t.relname, a.attname, format_type(coalesce(nullif(y.typbasetype, 0), y.oid), null), a.attgenerated <> ''
    from pg_attribute as a
    join pg_class as t on t.oid = a.attrelid
    join pg_type as y on y.oid = a.atttypid
    where t.relnamespace = 'holdfast'::regnamespace and t.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
    order by 1, a.attnum
"""
_KEYS = """
    select i.indexrelid::regclass::text, array(select attname from pg_attribute
      where attrelid = i.indrelid and attnum = any (i.indkey::smallint[]))
    from pg_index as i join pg_class as t on t.oid = i.indrelid
    where t.relnamespace = 'holdfast'::regnamespace and i.indisunique
"""
_FOREIGN_KEYS = """
    select c.conname, t.relname, f.relname,
      array(select a.attname from unnest(c.conkey) with ordinality as k (number, place)
        join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.number order by place),
      array(select a.attname from unnest(c.confkey) with ordinality as k (number, place)
        join pg_attribute as a on a.attrelid = c.confrelid and a.attnum = k.number order by place)
    from pg_constraint as c
    join pg_class as t on t.oid = c.conrelid
    join pg_class as f on f.oid = c.confrelid
    where c.connamespace = 'holdfast'::regnamespace and c.contype = 'f'
"""
_UNGUARDED_TABLES = """
    select relname from pg_class as t
    where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p')
      and not (relrowsecurity and relforcerowsecurity and exists (select from pg_policy where polrelid = t.oid))
"""
_WIDE_POLICIES = """
    select tablename, policyname from pg_policies
    where schemaname = 'holdfast' and (permissive, cmd, qual, coalesce(with_check, qual))
      is distinct from ('PERMISSIVE', 'ALL', '(user_id = holdfast.tenant())', '(user_id = holdfast.tenant())')
      and (policyname, permissive, cmd, roles::text[], qual)
      is distinct from ('backup', 'PERMISSIVE', 'SELECT', array['holdfast_backup'], 'true')
      and (policyname, permissive, cmd, roles::text[], qual)
      is distinct from ('overseer', 'PERMISSIVE', 'SELECT', array['holdfast_overseer'], 'true')
      and (tablename, policyname, permissive, cmd, roles::text[], qual)
      is distinct from ('users', 'retention', 'PERMISSIVE', 'SELECT', array['holdfast_retention'], 'true')
"""
_UNSAVED_TABLES = """
    select relname from pg_class as t
    where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p') and relrowsecurity
      and not exists (select from pg_policy where polrelid = t.oid and polname = 'backup')
"""
_UNSEEN_TABLES = """
    select relname from pg_class as t
    where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p') and relrowsecurity
      and not (has_table_privilege('holdfast_overseer', t.oid, 'select')
        and exists (select from pg_policy where polrelid = t.oid and polname = 'overseer'))
"""
_OPEN_VIEWS = """
    select relname from pg_class
    where relnamespace = 'holdfast'::regnamespace
      and (relkind = 'm' or relkind = 'v' and not coalesce('security_invoker=true' = any (reloptions), false))
"""
_DEFINER_FUNCTIONS = "select proname from pg_proc where pronamespace = 'holdfast'::regnamespace and prosecdef"


def tables(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute(_TABLES)]


def columns(connection: Connection) -> list[tuple[str, str, str, bool]]:
    """(table, column, the type below any domain, whether it is computed)"""
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(_COLUMNS)]


def updatable_column(connection: Connection, role: str, table: str) -> str | None:
    """A column that this role may write in rows that are there; None if there is none."""
    found = connection.execute(
        "select column_name from information_schema.columns"
        " where table_schema = 'holdfast' and table_name = %s and is_generated = 'NEVER' and is_identity = 'NO'"
        " and has_column_privilege(%s, format('holdfast.%%I', table_name), column_name, 'update')"
        " order by ordinal_position desc limit 1",
        (table, role),
    ).fetchone()
    return None if found is None else str(found[0])


def unique_keys(connection: Connection) -> dict[str, list[str]]:
    return {row[0]: row[1] for row in connection.execute(_KEYS)}


def foreign_keys(connection: Connection) -> list[Any]:
    """(name, table, the table it points to, its columns, the columns it points to)"""
    return connection.execute(_FOREIGN_KEYS).fetchall()


def holes(connection: Connection) -> dict[str, list[Any]]:
    """Everything through which a tenant could see another, by kind. Empty lists, if all is well."""
    questions = {
        "table without forced row-level security and a policy": _UNGUARDED_TABLES,
        "policy that is not the tenant's": _WIDE_POLICIES,
        "table whose rows a backup would not hold": _UNSAVED_TABLES,
        "table whose rows an admin of all tenants would not see": _UNSEEN_TABLES,
        "view that reads with its owner's rights": _OPEN_VIEWS,
        "function that runs with its owner's rights": _DEFINER_FUNCTIONS,
    }
    # So that every name in an expression comes out whole.
    connection.execute("set search_path to ''")
    return {kind: connection.execute(question).fetchall() for kind, question in questions.items()}
