-- load_server: which database this is, and how many connections it allows
select current_database(), current_setting('server_version'), pg_database_size(current_database()),
  current_setting('max_connections')::integer, pg_postmaster_start_time(),
  (select version_num from public.alembic_version)

-- load_tables: every table of ours with its sizes, its rows as the statistics know them, and when it was last tended
select t.relname::text, pg_total_relation_size(t.oid), pg_table_size(t.oid), pg_indexes_size(t.oid),
  greatest(s.n_live_tup, t.reltuples::bigint, 0), s.n_dead_tup, s.n_mod_since_analyze,
  greatest(s.last_vacuum, s.last_autovacuum), greatest(s.last_analyze, s.last_autoanalyze),
  pg_has_role(t.relowner, 'usage')
from pg_class as t join pg_stat_all_tables as s on s.relid = t.oid
where t.relnamespace = 'holdfast'::regnamespace and t.relkind in ('r', 'p')
order by 2 desc, 1

-- find_oldest: the oldest instant of each table; a block returns nothing, so it leaves that in a setting
do $oldest$
declare
  each record;
  oldest timestamptz;
  found jsonb := '{}';
begin
  for each in
    select t.relname, (
      select a.attname from pg_attribute as a
      join unnest(array['at', 'opened_at', 'traded_at', 'created_at', 'started_at', 'requested_at', 'found_at',
        'saved_at', 'from_at', 'acquired_at', 'moved_at', 'updated_at', 'day']) with ordinality as wanted (name, place)
        on wanted.name = a.attname
      where a.attrelid = t.oid and not a.attisdropped order by wanted.place limit 1) as instant
    from pg_class as t
    where t.relnamespace = 'holdfast'::regnamespace and t.relkind in ('r', 'p')
  loop
    continue when each.instant is null;
    execute format('select min(%I)::timestamptz from holdfast.%I', each.instant, each.relname) into oldest;
    found := found || jsonb_build_object(each.relname, oldest);
  end loop;
  perform set_config('holdfast.oldest', found::text, false);
end
$oldest$

-- load_oldest: what the block before it found
select current_setting('holdfast.oldest')

-- load_connections: who is connected to this database, and what they do
select coalesce(usename::text, ''), application_name, coalesce(state, ''), count(*),
  coalesce(extract(epoch from max(clock_timestamp() - state_change)), 0)::float8
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
group by 1, 2, 3
order by 4 desc, 1, 2, 3

-- load_running: statements that run for long, by who asked; their texts may hold values and are not told
select pid, coalesce(usename::text, ''), application_name, extract(epoch from clock_timestamp() - query_start)::float8,
  coalesce(wait_event_type, '')
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
  and query_start < clock_timestamp() - %(slow_seconds)s * interval '1 second'
order by query_start
limit 20

-- find_slow: the slowest statements, if the server counts them; only of kinds whose constants it leaves out of their texts
do $slow$
declare
  found jsonb;
begin
  if exists (select from pg_extension where extname = 'pg_stat_statements')
    and 'pg_stat_statements' = any (string_to_array(replace(current_setting('shared_preload_libraries'), ' ', ''), ',')) then
    execute (
      select format('select coalesce(jsonb_agg(s), ''[]'') from (select calls, mean_exec_time / 1000 as mean_seconds, '
        'max_exec_time / 1000 as max_seconds, left(query, 200) as query from %I.pg_stat_statements '
        'where dbid = (select oid from pg_database where datname = current_database()) '
        'and query ~* ''^\s*(select|insert|update|delete|with)\M'' '
        'order by total_exec_time desc limit 10) as s', nspname)
      from pg_extension join pg_namespace on pg_namespace.oid = extnamespace where extname = 'pg_stat_statements'
    ) into found;
  end if;
  perform set_config('holdfast.slow', coalesce(found::text, ''), false);
end
$slow$

-- load_slow: what the block before it found; nothing where the server does not count
select nullif(current_setting('holdfast.slow'), '')

-- glance: the whole in one row, as any role of ours may see it
select pg_database_size(current_database()), (select version_num from public.alembic_version),
  (select count(*) from pg_stat_activity where datname = current_database()),
  current_setting('max_connections')::integer

-- glance_tables: the largest tables, with their rows and dead rows as the statistics know them
select t.relname::text, pg_total_relation_size(t.oid), greatest(s.n_live_tup, t.reltuples::bigint, 0), s.n_dead_tup
from pg_class as t join pg_stat_all_tables as s on s.relid = t.oid
where t.relnamespace = 'holdfast'::regnamespace and t.relkind in ('r', 'p')
order by 2 desc, 1
limit %(count)s
