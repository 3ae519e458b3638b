-- The role stays, as the others do: it belongs to the server.
set local role holdfast_owner;
drop index holdfast.jobs_started, holdfast.commands_newest, holdfast.trades_newest;
drop trigger reconciliations_tell on holdfast.reconciliations;
drop trigger quarantine_tell on holdfast.quarantine;
drop trigger commands_tell on holdfast.commands;
drop trigger leases_tell on holdfast.leases;
drop trigger bots_tell on holdfast.bots;
drop trigger order_events_tell on holdfast.order_events;
drop function holdfast.tell_change();
do $policies$
declare
  table_name name;
begin
  for table_name in
    select tablename from pg_policies where schemaname = 'holdfast' and policyname = 'overseer' order by 1
  loop
    execute format('drop policy overseer on holdfast.%I', table_name);
    execute format('revoke select on holdfast.%I from holdfast_overseer', table_name);
  end loop;
end
$policies$;
revoke usage on schema holdfast from holdfast_overseer;
