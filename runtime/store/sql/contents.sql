-- look_at_server: what a dump must know of the server it comes from, and what row-level security would hide from it
select current_database(), current_setting('server_version'), current_setting('server_version_num')::integer / 10000,
  array(select rolname::text from pg_roles where rolname !~ '^(pg_|rds)' order by 1),
  array(
    select relname::text from pg_class as t
    where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p') and row_security_active(t.oid)
      and not exists (
        select from pg_policy
        where polrelid = t.oid and polpermissive and polcmd in ('r', '*') and pg_get_expr(polqual, polrelid) = 'true'
          and exists (select from unnest(polroles) as r (oid) where r.oid = 0 or pg_has_role(r.oid, 'usage')))
    order by 1)

-- export_snapshot: the name under which another session sees this very instant
select pg_export_snapshot(), transaction_timestamp()

-- count_rows: every table of ours, whichever they are; a block returns nothing, so it leaves its result in a setting
do $counts$
declare
  each record;
  n bigint;
  counts jsonb := '{}';
begin
  for each in
    select nspname, relname from pg_class join pg_namespace as s on s.oid = relnamespace
    where relkind in ('r', 'p') and not relispartition
      and (nspname = 'holdfast' or (nspname, relname) = ('public', 'alembic_version'))
  loop
    execute format('select count(*) from %I.%I', each.nspname, each.relname) into n;
    counts := counts || jsonb_build_object(each.relname, n);
  end loop;
  perform set_config('holdfast.row_counts', counts::text, true);
end
$counts$

-- load_row_counts: what the block before it counted
select current_setting('holdfast.row_counts')

-- note_artefacts: what models need that lies outside the database, if this revision has any; a setting, as above
do $artefacts$
declare
  found jsonb := '{}';
begin
  if to_regclass('holdfast.artefacts') is not null then
    execute $query$
      select coalesce(jsonb_object_agg(a.user_id || '/' || encode(a.digest, 'hex'),
        jsonb_build_object('size', a.size, 'place', a.place)), '{}')
      from holdfast.artefacts as a
      where a.place <> 'database' and exists (
        select from holdfast.models as m where m.digest = a.digest and m.user_id = a.user_id)
    $query$ into found;
  end if;
  perform set_config('holdfast.artefacts', found::text, true);
end
$artefacts$

-- load_artefacts: what the block before it noted
select current_setting('holdfast.artefacts')

-- load_revisions: the schema's revision, of the same instant as the rows
select version_num from public.alembic_version

-- load_order_states: how many orders of each account are in which state
select account_id::text, status, count(*) from holdfast.orders group by 1, 2 order by 1, 2

-- load_fill_sums: what each account traded and paid, exact to the last digit
select account_id::text, fee_coin, count(*), trim_scale(sum(quantity * price))::text, trim_scale(sum(fee))::text
from holdfast.fills
group by 1, 2 order by 1, 2

-- load_chain_ends: where the chain of events of each account stands
select e.account_id::text, e.sequence, encode(e.digest, 'hex')
from (select user_id, account_id, max(sequence) as sequence from holdfast.order_events group by 1, 2) as newest
join holdfast.order_events as e using (user_id, account_id, sequence)
order by 1

-- load_all_accounts: of all tenants, for whoever may see them all
select user_id, account_id, name from holdfast.accounts order by 1, 2
