-- What operators ask for, who did what, what is foreign, and what each reconciliation found.
set local role holdfast_owner;

create table holdfast.commands (
  user_id uuid not null,
  command_id uuid not null default gen_random_uuid(),
  account_id uuid not null,
  bot_id uuid,
  verb text not null,
  arguments jsonb not null default '{}',
  requested_by text not null,
  reason text not null default '',
  requested_at timestamptz not null default clock_timestamp(),
  idempotency_key text not null,
  status text not null default 'pending',
  outcome text,
  finished_at timestamptz,
  constraint commands_pkey primary key (command_id, user_id),
  constraint commands_idempotency_key unique (idempotency_key, user_id),
  constraint commands_account_fkey foreign key (user_id, account_id) references holdfast.accounts (user_id, account_id),
  constraint commands_bot_fkey foreign key (user_id, account_id, bot_id)
    references holdfast.bots (user_id, account_id, bot_id),
  constraint commands_verb_known check (verb in ('pause', 'resume', 'flatten', 'cancel', 'adopt', 'ignore', 'close', 'reset')),
  constraint commands_status_known check (status in ('pending', 'done', 'refused')),
  constraint commands_finished_has_outcome check ((status = 'pending') = (finished_at is null))
);
create index commands_pending on holdfast.commands (account_id, requested_at) where status = 'pending';

create table holdfast.audit_log (
  user_id uuid not null,
  audit_id bigint generated always as identity,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  subject text not null,
  facts jsonb not null default '{}',
  constraint audit_log_pkey primary key (audit_id, user_id),
  constraint audit_log_user_fkey foreign key (user_id) references holdfast.users (user_id)
);
create trigger audit_log_append_only before update or delete on holdfast.audit_log
  for each row execute function holdfast.refuse_change();

create table holdfast.quarantine (
  user_id uuid not null,
  account_id uuid not null,
  kind text not null,
  venue_id text not null,
  symbol text not null,
  sentence text not null,
  detail jsonb not null,
  found_at timestamptz not null,
  resolution text,
  resolved_at timestamptz,
  resolved_by text,
  constraint quarantine_pkey primary key (account_id, kind, venue_id, user_id),
  constraint quarantine_account_fkey foreign key (user_id, account_id) references holdfast.accounts (user_id, account_id),
  constraint quarantine_kind_known check (kind in ('order', 'fill')),
  constraint quarantine_resolution_known check (resolution in ('adopted', 'ignored', 'closed')),
  constraint quarantine_resolved_whole check ((resolution is null) = (resolved_at is null))
);
create index quarantine_unresolved on holdfast.quarantine (account_id) where resolution is null;

create table holdfast.reconciliations (
  user_id uuid not null,
  reconciliation_id uuid not null,
  account_id uuid not null,
  kind text not null,
  epoch bigint not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  clean boolean not null,
  proved integer not null,
  unproved integer not null,
  quarantined integer not null,
  summary text not null,
  findings jsonb not null,
  constraint reconciliations_pkey primary key (reconciliation_id, user_id),
  constraint reconciliations_account_fkey foreign key (user_id, account_id)
    references holdfast.accounts (user_id, account_id),
  constraint reconciliations_kind_known check (kind in ('recovery', 'periodic', 'operator'))
);
create index reconciliations_newest on holdfast.reconciliations (account_id, kind, finished_at desc);
create index reconciliations_started on holdfast.reconciliations (account_id, started_at desc);

do $tenants$
declare
  table_name text;
begin
  foreach table_name in array array['commands', 'audit_log', 'quarantine', 'reconciliations'] loop
    execute format('alter table holdfast.%I enable row level security, force row level security', table_name);
    execute format('create policy tenant on holdfast.%I using (user_id = holdfast.tenant())', table_name);
    execute format('create trigger %I before truncate on holdfast.%I for each statement '
      'execute function holdfast.refuse_truncate()',
      table_name || '_truncate', table_name);
    execute format('grant select on holdfast.%I to holdfast_bot, holdfast_api, holdfast_readonly', table_name);
  end loop;
end
$tenants$;

-- Nobody may write a command that is finished already, nor a line of the audit log with another time than now.
grant insert (user_id, command_id, account_id, bot_id, verb, arguments, requested_by, reason, idempotency_key)
  on holdfast.commands to holdfast_bot, holdfast_api;
grant insert (user_id, actor, action, subject, facts) on holdfast.audit_log to holdfast_bot, holdfast_api;
grant insert on holdfast.reconciliations, holdfast.quarantine to holdfast_bot;
grant update (status, outcome, finished_at) on holdfast.commands to holdfast_bot;
grant update (resolution, resolved_at, resolved_by) on holdfast.quarantine to holdfast_bot;
