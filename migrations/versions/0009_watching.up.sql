-- What the API needs: a role that sees all tenants because it may, a word to whoever listens when something changes, and
-- indexes that give the newest first.
do $role$
declare
  -- A member that inherits would see all tenants always; ours has to say that it becomes the overseer, for a transaction.
  may_refuse boolean := current_setting('server_version_num')::integer >= 160000;
begin
  if not exists (select from pg_roles where rolname = 'holdfast_overseer') then
    begin
      create role holdfast_overseer nologin;
    exception when duplicate_object or unique_violation then
      -- The migrator of another database was faster.
      null;
    end;
  end if;
  if not pg_has_role('holdfast_api', 'holdfast_overseer', 'member') then
    if may_refuse then
      execute 'grant holdfast_overseer to holdfast_api with inherit false, set true';
    else
      execute 'alter role holdfast_api noinherit';
      execute 'grant holdfast_overseer to holdfast_api';
    end if;
  end if;
exception when insufficient_privilege then
  raise insufficient_privilege using message = format(
    '%I may not grant holdfast_overseer; whoever made that role must say: grant holdfast_overseer to holdfast_api with '
    'inherit false, set true', current_user);
end
$role$;

set local role holdfast_owner;

grant usage on schema holdfast to holdfast_overseer;
do $policies$
declare
  table_name name;
begin
  for table_name in
    select relname from pg_class
    where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p') and relrowsecurity
    order by 1
  loop
    execute format('create policy overseer on holdfast.%I for select to holdfast_overseer using (true)', table_name);
    execute format('grant select on holdfast.%I to holdfast_overseer', table_name);
  end loop;
end
$policies$;

-- It wakes, it carries no facts: whose rows, and of which kind. Whoever hears it reads the table.
create function holdfast.tell_change() returns trigger language plpgsql as $body$
begin
  perform pg_notify('holdfast_changes', coalesce(holdfast.tenant()::text, '') || ' ' || tg_argv[0]);
  return null;
end
$body$;

-- Whatever becomes of an order or its fills is an event of it, so these tables need no word of their own.
create trigger order_events_tell after insert on holdfast.order_events
  for each statement execute function holdfast.tell_change('orders');
create trigger bots_tell after insert or update of ticks, state, enabled, breaker_day on holdfast.bots
  for each statement execute function holdfast.tell_change('bots');
create trigger leases_tell after insert or update of epoch, released_at, ready_at on holdfast.leases
  for each statement execute function holdfast.tell_change('bots');
create trigger commands_tell after insert or update on holdfast.commands
  for each statement execute function holdfast.tell_change('commands');
create trigger quarantine_tell after insert or update on holdfast.quarantine
  for each statement execute function holdfast.tell_change('quarantine');
create trigger reconciliations_tell after insert on holdfast.reconciliations
  for each statement execute function holdfast.tell_change('reconciliations');

create index trades_newest on holdfast.trades (bot_id, opened_at desc);
create index commands_newest on holdfast.commands (user_id, requested_at desc);
-- Rounds are written in the order of their start, so that a summary of each block finds a day, and costs a write nothing.
create index jobs_started on holdfast.jobs using brin (started_at);
