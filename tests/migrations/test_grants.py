"""Who may do what, exactly: a grant that is added or lost anywhere shows here as a difference from the tables below."""

import psycopg
import pytest

from tests.database import Database
from tests.migrations import catalogue

VERBS = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
BOT, API, READONLY = catalogue.ROLES

# What holds for every column of a table, per table and role.
WHOLE_TABLES: dict[str, dict[str, set[str]]] = {
    table: {BOT: {"select"}, API: {"select"}, READONLY: {"select"}}
    for table in (
        "users user_settings accounts bots leases jobs orders order_events fills positions trades commands audit_log "
        "quarantine reconciliations spool_positions decisions predictions phantoms blocked_signals candles "
        "market_snapshots equity_marks risk_marks allocations snapshots component_states "
        "scoring_runs trader_scores artefacts models model_aliases summaries performance_days "
        "performance"
    ).split()
}
for _table in (
    "leases jobs orders order_events fills positions trades quarantine reconciliations spool_positions decisions "
    "predictions phantoms blocked_signals candles market_snapshots equity_marks risk_marks allocations snapshots "
    "component_states scoring_runs trader_scores artefacts models model_aliases summaries performance_days "
    "performance"
).split():
    WHOLE_TABLES[_table][BOT] = {"select", "insert"}
WHOLE_TABLES["user_settings"][API] = WHOLE_TABLES["user_settings"][BOT] = {"select", "insert"}

# What holds for single columns only.
COLUMNS: dict[tuple[str, str, str], str] = {
    ("accounts", BOT, "update"): "baseline baseline_at",
    ("bots", BOT, "update"): (
        "breaker_day enabled equity limits memory memory_at parameters parameters_version state state_reason "
        "state_since ticked_at ticks"
    ),
    ("leases", BOT, "update"): (
        "acquired_at boot epoch expires_at holder host pid process_started ready_at released_at renewed_at spool_at "
        "spool_depth spool_id spool_oldest_at ticked_at"
    ),
    ("users", BOT, "update"): "enabled",
    ("users", API, "update"): "enabled",
    ("user_settings", BOT, "update"): "risk_profile settings updated_at",
    ("user_settings", API, "update"): "risk_profile settings updated_at",
    ("jobs", BOT, "update"): "finished_at status",
    ("orders", BOT, "update"): "cancel_requested_at filled_quantity status updated_at venue_order_id",
    ("positions", BOT, "update"): (
        "cost day day_start_result fees fees_other fill_count last_fill_at last_trade_id quantity realised trade_count "
        "updated_at"
    ),
    ("trades", BOT, "update"): (
        "closed_at direction entry_quantity entry_quote exit_quantity exit_quote fees fill_count opened_at "
        "realised voided"
    ),
    ("commands", BOT, "insert"): (
        "account_id arguments bot_id command_id idempotency_key reason requested_by user_id verb"
    ),
    ("commands", API, "insert"): (
        "account_id arguments bot_id command_id idempotency_key reason requested_by user_id verb"
    ),
    ("commands", BOT, "update"): "finished_at outcome status",
    ("audit_log", BOT, "insert"): "action actor facts subject user_id",
    ("audit_log", API, "insert"): "action actor facts subject user_id",
    ("quarantine", BOT, "update"): "resolution resolved_at resolved_by",
    ("spool_positions", BOT, "update"): "moved_at sequence",
    ("predictions", BOT, "update"): "outcome outcome_price resolved_at",
    ("phantoms", BOT, "update"): "closed_at closed_price outcome result",
    ("blocked_signals", BOT, "update"): "count last_at",
    ("candles", BOT, "update"): "close high low open volume",
    ("artefacts", BOT, "update"): "body place",
    ("models", BOT, "update"): "previous promoted promoted_at",
    ("scoring_runs", BOT, "update"): "error finished_at started_at status trader_count",
    ("performance_days", BOT, "update"): "best fees gained held losses lost trades wins worst",
    ("performance", BOT, "update"): (
        "best fees gained held last_closed_at last_number longest_losses longest_wins losses lost streak trades wins "
        "worst"
    ),
    ("component_states", BOT, "update"): "body codec counted digest epoch saved_at shape version",
}

_COLUMN_GRANTS = """
    select t.relname, grantee.rolname, lower(acl.privilege_type), string_agg(a.attname, ' ' order by a.attname)
    from pg_attribute as a
    join pg_class as t on t.oid = a.attrelid
    cross join lateral aclexplode(a.attacl) as acl
    join pg_roles as grantee on grantee.oid = acl.grantee
    where t.relnamespace = 'holdfast'::regnamespace
    group by 1, 2, 3
"""
_GRANTED_TO_ALL = """
    select 'table', relname from pg_class cross join aclexplode(relacl)
    where relnamespace = 'holdfast'::regnamespace and grantee = 0
    union all
    select 'column', attname from pg_attribute cross join aclexplode(attacl)
    where attrelid in (select oid from pg_class where relnamespace = 'holdfast'::regnamespace) and grantee = 0
    union all
    select 'schema', nspname from pg_namespace cross join aclexplode(nspacl) where nspname = 'holdfast' and grantee = 0
"""


def whole_tables(connection: catalogue.Connection) -> dict[str, dict[str, set[str]]]:
    rows = connection.execute(
        "select t, r, v from unnest(%s::text[]) as t, unnest(%s::text[]) as r, unnest(%s::text[]) as v"
        " where has_table_privilege(r, 'holdfast.' || t, v)",
        (catalogue.tables(connection), list(catalogue.ROLES), list(VERBS)),
    ).fetchall()
    found: dict[str, dict[str, set[str]]] = {}
    for table, role, verb in rows:
        found.setdefault(table, {}).setdefault(role, set()).add(verb)
    return found


def test_grants__on_tables_are_these_and_no_others(undisturbed: Database) -> None:
    with undisturbed.connect() as connection:
        assert whole_tables(connection) == WHOLE_TABLES


def test_grants__on_columns_are_these_and_no_others(undisturbed: Database) -> None:
    rows = undisturbed.rows(_COLUMN_GRANTS)
    found = {(table, role, verb): columns for table, role, verb, columns in rows if role in catalogue.ROLES}
    assert found == COLUMNS


def test_grants__nothing_is_given_to_everybody(undisturbed: Database) -> None:
    assert undisturbed.rows(_GRANTED_TO_ALL) == []


def test_roles__may_log_in_and_nothing_else(undisturbed: Database) -> None:
    rows = undisturbed.rows(
        "select rolname, rolcanlogin, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication,"
        " exists (select from pg_auth_members where member = r.oid)"
        " from pg_roles as r where rolname like 'holdfast%%' and rolname <> 'holdfast_admin' order by 1"
    )
    assert rows == [
        (API, True, False, True),  # of the overseer, which it has to become
        (catalogue.BACKUP, True, False, False),
        (BOT, True, False, False),
        (catalogue.OVERSEER, False, False, False),
        (catalogue.OWNER, False, False, False),
        (READONLY, True, False, False),
        (catalogue.RETENTION, True, False, False),
    ]


@pytest.mark.parametrize("role", catalogue.ROLES)
def test_roles__may_make_nothing_and_move_no_version(undisturbed: Database, role: str) -> None:
    with undisturbed.connect(role) as connection:
        for statement in (
            "create table holdfast.mine (x int)",
            "create table public.mine (x int)",
            "create function holdfast.tenant2() returns int language sql return 1",
            "update public.alembic_version set version_num = '9999'",
            "set role holdfast_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        assert connection.execute("select count(*) from public.alembic_version").fetchone() == (1,)


def test_overseer__sees_every_row_and_may_write_none(undisturbed: Database) -> None:
    asked = "select count(*) from pg_class as t, unnest(%s::text[]) as v where relkind = 'r'"
    asked += (
        " and relnamespace = 'holdfast'::regnamespace and has_table_privilege('holdfast_overseer', t.oid, v)"
    )
    assert undisturbed.rows(asked, (["insert", "update", "delete", "truncate"],)) == [(0,)]
    inherits = "select inherit_option, set_option from pg_auth_members where member = 'holdfast_api'::regrole"
    assert undisturbed.rows(inherits) == [(False, True)]
