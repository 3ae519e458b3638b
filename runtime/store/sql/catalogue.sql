-- load_versions: the revisions that the database says it is at; one, if all is well
select version_num from public.alembic_version limit 10

-- load_fitness: what the newest revision says about the programs that may run on it
select obj_description('public.alembic_version'::regclass, 'pg_class')

-- has_versions: whether anybody ever migrated this database
select to_regclass('public.alembic_version') is not null

-- render_schemas: the schema and who may look into it
select format('create schema %I;', nspname) || coalesce((
  select string_agg(format(E'\ngrant %s on schema %I to %s;', lower(privilege_type), nspname, role), ''
    order by role collate "C", privilege_type collate "C")
  from aclexplode(nspacl)
  cross join lateral (select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as role) as r
  where grantee <> nspowner), '')
from pg_namespace where nspname = 'holdfast'

-- render_domains: domains with their checks
select format('create domain %s as %s', format_type(t.oid, null), format_type(t.typbasetype, t.typtypmod)) || (
  select string_agg(format(E'\n  constraint %I %s', c.conname, pg_get_constraintdef(c.oid)), '' order by c.conname collate "C")
  from pg_constraint as c where c.contypid = t.oid and c.contype = 'c') || ';'
from pg_type as t
where t.typnamespace = 'holdfast'::regnamespace and t.typtype = 'd'
order by t.typname collate "C"

-- render_functions: functions, bodies and all; anybody may call them as long as none has privileges of its own
select format('%s;%s', rtrim(pg_get_functiondef(oid), E'\n'),
  case when proacl is not null then format(E'\n-- privileges of its own: %s', proacl) end)
from pg_proc
where pronamespace = 'holdfast'::regnamespace and prokind in ('f', 'p')
order by proname collate "C", pg_get_function_identity_arguments(oid) collate "C"

-- render_tables: tables with their columns
select format(E'create table %s (\n%s\n);', t.oid::regclass, string_agg(
  format('  %I %s', a.attname, format_type(a.atttypid, a.atttypmod))
    || case when a.attidentity = 'a' then ' generated always as identity' else '' end
    || case when a.attgenerated = 's' then format(' generated always as (%s) stored', pg_get_expr(d.adbin, d.adrelid))
         when d.oid is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid) else '' end
    || case when a.attnotnull and a.attidentity = '' then ' not null' else '' end,
  E',\n' order by a.attnum))
from pg_class as t
join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef as d on d.adrelid = t.oid and d.adnum = a.attnum
where t.relnamespace = 'holdfast'::regnamespace and t.relkind = 'r'
group by t.oid, t.relname
order by t.relname collate "C"

-- render_constraints: keys first, then checks, then what points at the keys
select format('alter table %s add constraint %I %s;', conrelid::regclass, conname, pg_get_constraintdef(pg_constraint.oid))
from pg_constraint join pg_class as t on t.oid = conrelid
where connamespace = 'holdfast'::regnamespace and contype in ('p', 'u', 'c', 'f')
order by array_position('{p,u,c,f}'::"char"[], contype), t.relname collate "C", conname collate "C"

-- render_indexes: indexes that no constraint made
select pg_get_indexdef(i.indexrelid) || ';'
from pg_index as i join pg_class as c on c.oid = i.indexrelid
where c.relnamespace = 'holdfast'::regnamespace
  and not exists (select from pg_constraint where conindid = i.indexrelid and contype in ('p', 'u'))
order by c.relname collate "C"

-- render_views: views with their options
select format('create view %s%s as%s', oid::regclass, ' with (' || array_to_string(reloptions, ', ') || ')',
  E'\n' || pg_get_viewdef(oid))
from pg_class
where relnamespace = 'holdfast'::regnamespace and relkind in ('v', 'm')
order by relname collate "C"

-- render_triggers: triggers of ours, not those of foreign keys
select format('%s;%s', pg_get_triggerdef(g.oid), case when g.tgenabled <> 'O' then ' -- enabled: ' || g.tgenabled::text end)
from pg_trigger as g join pg_class as t on t.oid = g.tgrelid
where t.relnamespace = 'holdfast'::regnamespace and not g.tgisinternal
order by t.relname collate "C", g.tgname collate "C"

-- render_row_security: which tables have it, and that it binds their owner
select format('alter table %s %s row level security, %s row level security;', oid::regclass,
  case when relrowsecurity then 'enable' else 'disable' end, case when relforcerowsecurity then 'force' else 'no force' end)
from pg_class
where relnamespace = 'holdfast'::regnamespace and relkind = 'r'
order by relname collate "C"

-- render_policies: who sees which rows
select format('create policy %I on %s as %s for %s%s%s;', p.polname, p.polrelid::regclass,
  case when p.polpermissive then 'permissive' else 'restrictive' end,
  case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
  case when p.polroles = '{0}' then '' else ' to ' || (
    select string_agg(quote_ident(rolname), ', ' order by rolname collate "C") from pg_roles where oid = any (p.polroles)) end,
  coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
    || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''))
from pg_policy as p join pg_class as t on t.oid = p.polrelid
where t.relnamespace = 'holdfast'::regnamespace
order by t.relname collate "C", p.polname collate "C"

-- render_grants: what each role may do with whole tables
select format('grant %s on %s to %s;', string_agg(lower(g.privilege_type), ', ' order by g.privilege_type collate "C"),
  t.oid::regclass, r.role)
from pg_class as t cross join aclexplode(t.relacl) as g
cross join lateral (select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as role) as r
where t.relnamespace = 'holdfast'::regnamespace and g.grantee <> t.relowner
group by t.oid, t.relname, r.role
order by t.relname collate "C", r.role collate "C"

-- render_column_grants: what each role may do with single columns
select format('grant %s (%s) on %s to %s;', lower(g.privilege_type),
  string_agg(quote_ident(a.attname), ', ' order by a.attnum), t.oid::regclass, r.role)
from pg_class as t
join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
cross join aclexplode(a.attacl) as g
cross join lateral (select case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as role) as r
where t.relnamespace = 'holdfast'::regnamespace
group by t.oid, t.relname, r.role, g.privilege_type
order by t.relname collate "C", r.role collate "C", g.privilege_type collate "C"

-- render_strangers: kinds of things that this text could not make again, told so that none comes in unseen
select told from (
  select format('-- %s %s', case relkind when 'S' then 'sequence' else 'relation of kind ' || relkind::text end, oid::regclass)
  from pg_class
  where relnamespace = 'holdfast'::regnamespace and relkind not in ('r', 'v', 'm', 'i', 't')
    and not exists (select from pg_depend where objid = pg_class.oid and deptype = 'i')
  union all
  select format('-- type %s', format_type(oid, null)) from pg_type
  where typnamespace = 'holdfast'::regnamespace and typtype <> 'd' and typrelid = 0 and typelem = 0
  union all
  select format('-- aggregate %s', oid::regprocedure) from pg_proc
  where pronamespace = 'holdfast'::regnamespace and prokind not in ('f', 'p')
) as strangers (told)
order by told collate "C"
