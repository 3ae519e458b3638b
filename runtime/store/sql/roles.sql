-- make_roles: what a database of ours needs of its server before a migrator may work, made by the server's master
do $roles$
declare
  role_name text;
  no_logins text[] := array['holdfast_owner', 'holdfast_overseer'];
begin
  foreach role_name in array array[
    'holdfast_owner', 'holdfast_bot', 'holdfast_api', 'holdfast_readonly', 'holdfast_migrator', 'holdfast_backup',
    'holdfast_overseer', 'holdfast_retention'
  ] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I %s', role_name,
        case when role_name = any (no_logins) then 'nologin' else 'login' end);
    end if;
    -- On RDS whoever holds this role signs in by token, and by token only.
    if role_name <> all (no_logins) and exists (select from pg_roles where rolname = 'rds_iam')
      and not pg_has_role(role_name, 'rds_iam', 'member') then
      execute format('grant rds_iam to %I', role_name);
    end if;
  end loop;
  if not pg_has_role('holdfast_migrator', 'holdfast_owner', 'member') then
    grant holdfast_owner to holdfast_migrator;
  end if;
  -- It has to say that it becomes the overseer; a member that inherits would see all tenants always.
  if not pg_has_role('holdfast_api', 'holdfast_overseer', 'member') then
    execute case when current_setting('server_version_num')::integer >= 160000
      then 'grant holdfast_overseer to holdfast_api with inherit false, set true'
      else 'alter role holdfast_api noinherit' end;
    if not pg_has_role('holdfast_api', 'holdfast_overseer', 'member') then
      grant holdfast_overseer to holdfast_api;
    end if;
  end if;
  if not pg_has_role('holdfast_backup', 'pg_read_all_data', 'member') then
    begin
      grant pg_read_all_data to holdfast_backup;
    exception when insufficient_privilege then
      raise warning 'the master may not grant pg_read_all_data: backups need it';
    end;
  end if;
  execute format('grant create on database %I to holdfast_migrator', current_database());
  grant usage, create on schema public to holdfast_migrator;
end
$roles$
