-- Who owns what: roles, the tenant's setting, users, venue accounts, bots and the lease on an account.
-- Roles belong to the whole server, so another database of it may have made them already.
do $roles$
declare
  role_name text;
  -- Since PostgreSQL 16 whoever makes a role is its member, but may not become it without a grant of its own.
  to_become text := case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end;
begin
  foreach role_name in array array['holdfast_owner', 'holdfast_bot', 'holdfast_api', 'holdfast_readonly'] loop
    continue when exists (select from pg_roles where rolname = role_name);
    begin
      execute format('create role %I %s', role_name, case role_name when 'holdfast_owner' then 'nologin' else 'login' end);
    exception when duplicate_object or unique_violation then
      -- The migrator of another database was faster.
      null;
    end;
  end loop;
  if not pg_has_role(current_user, 'holdfast_owner', to_become) then
    begin
      execute format('grant holdfast_owner to %I', current_user);
    exception when insufficient_privilege then
      raise insufficient_privilege using message = format(
        '%I may not become holdfast_owner; whoever made that role must say: grant holdfast_owner to %1$I', current_user);
    end;
  end if;
end
$roles$;

create schema holdfast authorization holdfast_owner;
grant select on public.alembic_version to holdfast_owner, holdfast_bot, holdfast_api, holdfast_readonly;

set local role holdfast_owner;
grant usage on schema holdfast to holdfast_bot, holdfast_api, holdfast_readonly;

-- A transaction-local setting leaves '' behind it, not null.
create function holdfast.tenant() returns uuid
  language sql stable parallel safe
  return nullif(current_setting('holdfast.user_id', true), '')::uuid;

-- NaN sorts above Infinity, so "< Infinity" refuses both; numeric alone accepts NaN and calls it positive.
create domain holdfast.amount as numeric(38, 18)
  constraint amount_is_finite check (value < 'Infinity' and value > '-Infinity');
create domain holdfast.positive as numeric(38, 18)
  constraint positive_is_finite check (value < 'Infinity' and value > 0);
create domain holdfast.unsigned as numeric(38, 18)
  constraint unsigned_is_finite check (value < 'Infinity' and value >= 0);

-- Called at the end of a guarded write: a lost lease or a row that moved under us undoes the whole statement.
create function holdfast.assert_written(held bigint, written bigint, expected bigint) returns void
  language plpgsql immutable
as $body$
begin
  if held <> 1 then
    raise exception 'the lease is not held in this epoch' using errcode = 'HF001';
  end if;
  if written <> expected then
    raise exception 'wrote % of % rows: one is not in the state it was left in', written, expected using errcode = 'HF002';
  end if;
end
$body$;

create function holdfast.refuse_change() returns trigger
  language plpgsql
as $body$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'HF003';
end
$body$;

-- Row-level security does not see a truncate: it would empty all tenants' rows at once.
create function holdfast.refuse_truncate() returns trigger
  language plpgsql
as $body$
begin
  raise exception '% holds the rows of all tenants and is never truncated', tg_table_name using errcode = 'HF003';
end
$body$;

create table holdfast.users (
  user_id uuid not null,
  name text not null,
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  constraint users_pkey primary key (user_id)
);

create table holdfast.user_settings (
  user_id uuid not null,
  risk_profile text not null default 'balanced',
  settings jsonb not null default '{}',
  updated_at timestamptz not null default now(),
  constraint user_settings_pkey primary key (user_id),
  constraint user_settings_user_fkey foreign key (user_id) references holdfast.users (user_id),
  constraint user_settings_risk_profile_known check (risk_profile in ('conservative', 'balanced', 'aggressive'))
);

create table holdfast.accounts (
  user_id uuid not null,
  account_id uuid not null,
  name text not null,
  venue text not null,
  kind text not null,
  paper boolean not null,
  baseline jsonb,
  baseline_at timestamptz,
  created_at timestamptz not null default now(),
  constraint accounts_pkey primary key (user_id, account_id),
  constraint accounts_name_key unique (user_id, name),
  constraint accounts_user_fkey foreign key (user_id) references holdfast.users (user_id),
  constraint accounts_kind_known check (kind in ('spot', 'linear'))
);

create table holdfast.bots (
  user_id uuid not null,
  bot_id uuid not null,
  account_id uuid not null,
  name text not null,
  strategy text not null,
  parameters jsonb not null,
  parameters_version integer not null default 1,
  symbols text[] not null,
  limits jsonb not null,
  enabled boolean not null default true,
  state text not null default 'running',
  state_reason text not null default '',
  state_since timestamptz not null default now(),
  memory jsonb not null default '{}',
  memory_at timestamptz,
  breaker_day date,
  ticks bigint not null default 0,
  ticked_at timestamptz,
  equity holdfast.amount,
  created_at timestamptz not null default now(),
  constraint bots_pkey primary key (user_id, bot_id),
  constraint bots_name_key unique (user_id, account_id, name),
  -- What a bot writes names its account too; through this key both must fit.
  constraint bots_account_key unique (user_id, account_id, bot_id),
  constraint bots_account_fkey foreign key (user_id, account_id) references holdfast.accounts (user_id, account_id),
  constraint bots_state_known check (state in ('running', 'paused', 'halted')),
  constraint bots_symbols_named check (cardinality(symbols) > 0)
);

create table holdfast.leases (
  user_id uuid not null,
  account_id uuid not null,
  epoch bigint not null,
  holder uuid not null,
  host text not null,
  boot text not null,
  pid integer not null,
  process_started text not null,
  acquired_at timestamptz not null,
  renewed_at timestamptz not null,
  expires_at timestamptz not null,
  released_at timestamptz,
  ready_at timestamptz,
  ticked_at timestamptz,
  constraint leases_pkey primary key (user_id, account_id),
  constraint leases_account_fkey foreign key (user_id, account_id) references holdfast.accounts (user_id, account_id),
  constraint leases_epoch_positive check (epoch > 0)
);

-- An epoch that could go back, or belong to two, would let a zombie write.
create function holdfast.refuse_epoch() returns trigger
  language plpgsql
as $body$
begin
  raise exception 'epoch % may not follow epoch % of another holder', new.epoch, old.epoch using errcode = 'HF001';
end
$body$;
create trigger leases_epoch_rises before update on holdfast.leases
  for each row when (new.epoch < old.epoch or (new.epoch = old.epoch and new.holder <> old.holder))
  execute function holdfast.refuse_epoch();

do $tenants$
declare
  table_name text;
begin
  foreach table_name in array array['users', 'user_settings', 'accounts', 'bots', 'leases'] loop
    execute format('alter table holdfast.%I enable row level security, force row level security', table_name);
    execute format('create policy tenant on holdfast.%I using (user_id = holdfast.tenant())', table_name);
    execute format('create trigger %I before truncate on holdfast.%I for each statement '
      'execute function holdfast.refuse_truncate()',
      table_name || '_truncate', table_name);
    execute format('grant select on holdfast.%I to holdfast_bot, holdfast_api, holdfast_readonly', table_name);
  end loop;
end
$tenants$;

grant update (baseline, baseline_at) on holdfast.accounts to holdfast_bot;
grant update (enabled, state, state_reason, state_since, memory, memory_at, breaker_day, ticks, ticked_at, equity,
  parameters, parameters_version, limits) on holdfast.bots to holdfast_bot;
grant insert on holdfast.leases to holdfast_bot;
grant update (epoch, holder, host, boot, pid, process_started, acquired_at, renewed_at, expires_at, released_at, ready_at,
  ticked_at) on holdfast.leases to holdfast_bot;
grant insert, update (risk_profile, settings, updated_at) on holdfast.user_settings to holdfast_api;
