-- A dump must hold the rows of all tenants. A managed database lets nobody bypass row-level security, so the role that
-- takes backups gets a policy of its own on every table: it may read, if it was granted so, and never write.
do $role$
begin
  if not exists (select from pg_roles where rolname = 'holdfast_backup') then
    begin
      create role holdfast_backup login;
    exception when duplicate_object or unique_violation then
      -- The migrator of another database was faster.
      null;
    end;
  end if;
end
$role$;

set local role holdfast_owner;

do $policies$
declare
  table_name name;
begin
  for table_name in
    select relname from pg_class
    where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p') and relrowsecurity
    order by 1
  loop
    execute format('create policy backup on holdfast.%I for select to holdfast_backup using (true)', table_name);
  end loop;
end
$policies$;
