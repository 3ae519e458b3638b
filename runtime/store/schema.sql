-- The whole schema as the migrations leave it; written by `make schema`, compared by a test, run by nobody.
-- The roles must be there: holdfast_owner, who owns everything, holdfast_bot, holdfast_api, holdfast_readonly.

create schema holdfast;
grant usage on schema holdfast to holdfast_api;
grant usage on schema holdfast to holdfast_bot;
grant usage on schema holdfast to holdfast_overseer;
grant usage on schema holdfast to holdfast_readonly;
grant usage on schema holdfast to holdfast_retention;

create domain holdfast.amount as numeric(38,18)
  constraint amount_is_finite CHECK (((VALUE < 'Infinity'::numeric) AND (VALUE > '-Infinity'::numeric)));

create domain holdfast.positive as numeric(38,18)
  constraint positive_is_finite CHECK (((VALUE < 'Infinity'::numeric) AND (VALUE > (0)::numeric)));

create domain holdfast.unsigned as numeric(38,18)
  constraint unsigned_is_finite CHECK (((VALUE < 'Infinity'::numeric) AND (VALUE >= (0)::numeric)));

CREATE OR REPLACE FUNCTION holdfast.assert_written(held bigint, written bigint, expected bigint)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
begin
  if held <> 1 then
    raise exception 'the lease is not held in this epoch' using errcode = 'HF001';
  end if;
  if written <> expected then
    raise exception 'wrote % of % rows: one is not in the state it was left in', written, expected using errcode = 'HF002';
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.bot_is_sound(state text, symbols text[])
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
begin
  return state in ('running', 'paused', 'halted') and cardinality(symbols) > 0;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.check_order_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if (new.status = old.status or holdfast.may_move(old.status, new.status))
    and new.filled_quantity >= old.filled_quantity
    and (old.venue_order_id is null or new.venue_order_id = old.venue_order_id) then
    return new;
  end if;
  if old.status <> new.status and not holdfast.may_move(old.status, new.status) then
    raise exception 'an order may not move from % to %', old.status, new.status using errcode = 'HF004';
  end if;
  raise exception 'what was filled of an order, and the id its venue gave it, may not be rewritten'
    using errcode = 'HF003';
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.check_scoring_move()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'holdfast', 'pg_temp'
AS $function$
begin
  if (old.status, new.status) not in (('pending', 'running'), ('pending', 'failed'), ('running', 'completed'),
      ('running', 'failed')) then
    raise exception 'a scoring run does not go from % to %', old.status, new.status using errcode = 'check_violation';
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.count_changed_trades()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  pair record;
  written integer;
  ended integer;
begin
  select count(*), count(a.closed_at) into written, ended from after as a;
  -- Nearly every fill opens a trade or adds to one: that must cost next to nothing.
  if ended = 0 and not exists (select from before where closed_at is not null) then
    return null;
  end if;
  if written = 1 and exists (select from before where closed_at is null and not voided) then
    perform holdfast.count_trade(user_id, bot_id, symbol, closed_at, number, realised - fees, fees, closed_at - opened_at)
    from after where not voided;
    return null;
  end if;
  -- A fill that came late writes all trades of its position; those that stayed as they were are no change.
  for pair in
    with counted as (
      select user_id, bot_id, symbol, number, opened_at, closed_at, realised - fees as result, fees
      from after where closed_at is not null and not voided
    ), known as (
      select user_id, bot_id, symbol, number, opened_at, closed_at, realised - fees as result, fees
      from before where closed_at is not null and not voided
    ), changed as (
      (select false as is_gone, c.* from counted as c except select false, k.* from known as k)
      union all
      (select true, k.* from known as k except select true, c.* from counted as c)
    )
    select user_id, bot_id, symbol, count(*) as trades, bool_or(is_gone) as some_are_gone, min(closed_at) as at,
      min(number) as number, min(result) as result, min(fees) as fees, min(closed_at - opened_at) as held
    from changed
    group by user_id, bot_id, symbol
  loop
    if pair.trades = 1 and not pair.some_are_gone then
      perform holdfast.count_trade(pair.user_id, pair.bot_id, pair.symbol, pair.at, pair.number, pair.result, pair.fees,
        pair.held);
    else
      perform holdfast.recount_trades(pair.user_id, pair.bot_id, pair.symbol, (pair.at at time zone 'UTC')::date);
    end if;
  end loop;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.count_closed_trade()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform holdfast.count_trade(new.user_id, new.bot_id, new.symbol, new.closed_at, new.number, new.realised - new.fees,
    new.fees, new.closed_at - new.opened_at);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.count_trade(tenant_id uuid, bot uuid, traded text, at timestamp with time zone, place integer, result numeric, fee numeric, lasted interval)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  way constant integer := sign(result);
  won constant numeric := greatest(result, 0);
  gone constant numeric := greatest(-result, 0);
begin
  insert into holdfast.performance as p (user_id, bot_id, symbol, trades, wins, losses, gained, lost, fees, best, worst, held,
    streak, longest_wins, longest_losses, last_closed_at, last_number)
  values (tenant_id, bot, traded, 1, greatest(way, 0), greatest(-way, 0), won, gone, fee, result, result, lasted, way,
    greatest(way, 0), greatest(-way, 0), at, place)
  on conflict (bot_id, symbol, user_id) do update set trades = p.trades + 1, wins = p.wins + excluded.wins,
    losses = p.losses + excluded.losses, gained = p.gained + excluded.gained, lost = p.lost + excluded.lost,
    fees = p.fees + excluded.fees, best = greatest(p.best, excluded.best), worst = least(p.worst, excluded.worst),
    held = p.held + excluded.held,
    streak = case when sign(p.streak) = way then p.streak + way else way end,
    longest_wins = greatest(p.longest_wins, case when way > 0 then greatest(p.streak, 0) + 1 else 0 end),
    longest_losses = greatest(p.longest_losses, case when way < 0 then greatest(-p.streak, 0) + 1 else 0 end),
    last_closed_at = excluded.last_closed_at, last_number = excluded.last_number
  where (p.last_closed_at, p.last_number) < (excluded.last_closed_at, excluded.last_number);
  if not found then
    perform holdfast.recount_trades(tenant_id, bot, traded, (at at time zone 'UTC')::date);
    return;
  end if;
  insert into holdfast.performance_days as d (user_id, bot_id, day, symbol, trades, wins, losses, gained, lost, fees, best,
    worst, held)
  values (tenant_id, bot, (at at time zone 'UTC')::date, traded, 1, greatest(way, 0), greatest(-way, 0), won, gone, fee,
    result, result, lasted)
  on conflict (bot_id, day, symbol, user_id) do update set trades = d.trades + 1, wins = d.wins + excluded.wins,
    losses = d.losses + excluded.losses, gained = d.gained + excluded.gained, lost = d.lost + excluded.lost,
    fees = d.fees + excluded.fees, best = greatest(d.best, excluded.best), worst = least(d.worst, excluded.worst),
    held = d.held + excluded.held;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.facts_of(bot uuid, since timestamp with time zone, until timestamp with time zone)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
AS $function$
begin
  return jsonb_build_object(
    'decisions', (
      select jsonb_build_object('count', count(*), 'failed', count(*) filter (where not success),
        'orders', coalesce(sum(cardinality(order_ids)), 0), 'duration_ms', coalesce(sum(duration_ms), 0),
        'prompt_length', coalesce(sum(prompt_length), 0), 'answer_length', coalesce(sum(answer_length), 0),
        'first_at', min(at), 'last_at', max(at))
      from holdfast.decisions where bot_id = bot and at >= since and at < until),
    'last_notes', (
      select left(notes, 1000) from holdfast.decisions
      where bot_id = bot and at >= since and at < until order by at desc limit 1),
    'predictions', (
      select jsonb_object_agg(model, counted) from (
        select model, jsonb_build_object('count', count(*), 'right', count(*) filter (where outcome = 'right'),
          'wrong', count(*) filter (where outcome = 'wrong'), 'void', count(*) filter (where outcome = 'void')) as counted
        from holdfast.predictions where bot_id = bot and at >= since and at < until group by model) as by_model),
    'signals', (
      select jsonb_build_object('count', count(*), 'executed', count(*) filter (where executed),
        'won', count(*) filter (where outcome = 'won'), 'lost', count(*) filter (where outcome = 'lost'),
        'expired', count(*) filter (where outcome = 'expired'), 'void', count(*) filter (where outcome = 'void'))
      from holdfast.phantoms where bot_id = bot and at >= since and at < until),
    'blocked', (
      select jsonb_object_agg(reason, counted) from (
        select reason, sum(count) as counted from holdfast.blocked_signals
        where bot_id = bot and day >= (since at time zone 'UTC')::date
          and day::timestamp at time zone 'UTC' < until group by reason) as by_reason),
    'equity', (
      select jsonb_build_object('marks', count(*), 'low', min(equity)::text, 'high', max(equity)::text)
      from holdfast.equity_marks where bot_id = bot and at >= since and at < until),
    'equity_first', (
      select equity::text from holdfast.equity_marks where bot_id = bot and at >= since and at < until order by at limit 1),
    'equity_last', (
      select equity::text from holdfast.equity_marks where bot_id = bot and at >= since and at < until
      order by at desc limit 1),
    'risk', (
      select jsonb_build_object('marks', count(*), 'drawdown_max', max(drawdown)::text, 'exposure_max', max(exposure)::text,
        'breaker_tripped', coalesce(bool_or(breaker_tripped), false))
      from holdfast.risk_marks where bot_id = bot and at >= since and at < until),
    'allocations_last', (
      select jsonb_object_agg(asset, share::text) from holdfast.allocations
      where bot_id = bot and at = (
        select max(at) from holdfast.allocations where bot_id = bot and at >= since and at < until)),
    'snapshots', (select count(*) from holdfast.snapshots where bot_id = bot and at >= since and at < until),
    'trades', (
      select jsonb_build_object('count', count(*), 'won', count(*) filter (where realised > fees),
        'lost', count(*) filter (where realised < fees), 'result', coalesce(sum(realised - fees), 0)::text,
        'fees', coalesce(sum(fees), 0)::text)
      from holdfast.trades where bot_id = bot and closed_at >= since and closed_at < until and not voided));
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.job_is_sound(status text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
begin
  return status in ('running', 'completed', 'failed', 'recovered');
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.may_move(before text, after text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (((before || '>'::text) || after) = ANY (ARRAY['pending>submitted'::text, 'pending>unknown'::text, 'pending>rejected'::text, 'pending>failed'::text, 'unknown>submitted'::text, 'unknown>open'::text, 'unknown>partially_filled'::text, 'unknown>filled'::text, 'unknown>cancelled'::text, 'unknown>expired'::text, 'unknown>rejected'::text, 'unknown>failed'::text, 'submitted>open'::text, 'submitted>partially_filled'::text, 'submitted>filled'::text, 'submitted>cancelled'::text, 'submitted>expired'::text, 'submitted>rejected'::text, 'submitted>unknown'::text, 'open>partially_filled'::text, 'open>filled'::text, 'open>cancelled'::text, 'open>expired'::text, 'open>unknown'::text, 'partially_filled>filled'::text, 'partially_filled>cancelled'::text, 'partially_filled>expired'::text, 'partially_filled>unknown'::text, 'cancelled>filled'::text, 'expired>filled'::text, 'rejected>unknown'::text, 'failed>unknown'::text]));

CREATE OR REPLACE FUNCTION holdfast.order_is_sound(side text, kind text, status text, quantity numeric, price numeric, filled_quantity numeric, venue_order_id text, created_at timestamp with time zone, send_before timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
begin
  return side in ('buy', 'sell')
    and case kind when 'limit' then price is not null when 'market' then price is null else false end
    and case
      when status in ('pending', 'unknown', 'rejected', 'failed') then true
      when venue_order_id is null then false
      when status = 'filled' then filled_quantity = quantity
      else status in ('submitted', 'open', 'partially_filled', 'cancelled', 'expired')
    end
    and filled_quantity <= quantity
    and send_before >= created_at;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.recount_trades(tenant_id uuid, bot uuid, traded text, since date)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  update holdfast.performance_days as d
  set trades = 0, wins = 0, losses = 0, gained = 0, lost = 0, fees = 0, best = null, worst = null, held = '0'
  where d.user_id = tenant_id and d.bot_id = bot and d.symbol = traded and d.day >= since and d.trades > 0;
  insert into holdfast.performance_days (user_id, bot_id, day, symbol, trades, wins, losses, gained, lost, fees, best, worst,
    held)
  select tenant_id, bot, (t.closed_at at time zone 'UTC')::date, traded, count(*),
    count(*) filter (where t.realised > t.fees), count(*) filter (where t.realised < t.fees),
    coalesce(sum(t.realised - t.fees) filter (where t.realised > t.fees), 0),
    coalesce(sum(t.fees - t.realised) filter (where t.realised < t.fees), 0),
    sum(t.fees), max(t.realised - t.fees), min(t.realised - t.fees), sum(t.closed_at - t.opened_at)
  from holdfast.trades as t
  where t.user_id = tenant_id and t.bot_id = bot and t.symbol = traded and not t.voided
    and t.closed_at >= since::timestamp at time zone 'UTC'
  group by 3
  on conflict (bot_id, day, symbol, user_id) do update set trades = excluded.trades, wins = excluded.wins,
    losses = excluded.losses, gained = excluded.gained, lost = excluded.lost, fees = excluded.fees, best = excluded.best,
    worst = excluded.worst, held = excluded.held;
  insert into holdfast.performance (user_id, bot_id, symbol, trades, wins, losses, gained, lost, fees, best, worst, held,
    streak, longest_wins, longest_losses, last_closed_at, last_number)
  with ways as (
    select t.closed_at, t.number, sign(t.realised - t.fees)::int as way,
      sign(t.realised - t.fees) is distinct from lag(sign(t.realised - t.fees)) over in_order as turns
    from holdfast.trades as t
    where t.user_id = tenant_id and t.bot_id = bot and t.symbol = traded and t.closed_at is not null and not t.voided
    window in_order as (order by t.closed_at, t.number)
  ), runs as (
    select run, min(way) as way, count(*)::int as length
    from (select *, count(*) filter (where turns) over (order by closed_at, number) as run from ways) as placed
    group by run
  ), streaks as (
    select (array_agg(way * length order by run desc))[1] as streak,
      coalesce(max(length) filter (where way > 0), 0) as longest_wins,
      coalesce(max(length) filter (where way < 0), 0) as longest_losses
    from runs
  ), last as (
    select closed_at, number from ways order by closed_at desc, number desc limit 1
  )
  select tenant_id, bot, traded, sum(d.trades), sum(d.wins), sum(d.losses), sum(d.gained), sum(d.lost), sum(d.fees),
    max(d.best), min(d.worst), sum(d.held), coalesce(min(s.streak), 0), min(s.longest_wins), min(s.longest_losses),
    coalesce(min(last.closed_at), '-infinity'), coalesce(min(last.number), 0)
  from holdfast.performance_days as d cross join streaks as s left join last on true
  where d.user_id = tenant_id and d.bot_id = bot and d.symbol = traded
  having count(*) > 0
  on conflict (bot_id, symbol, user_id) do update set trades = excluded.trades, wins = excluded.wins,
    losses = excluded.losses, gained = excluded.gained, lost = excluded.lost, fees = excluded.fees, best = excluded.best,
    worst = excluded.worst, held = excluded.held, streak = excluded.streak, longest_wins = excluded.longest_wins,
    longest_losses = excluded.longest_losses, last_closed_at = excluded.last_closed_at,
    last_number = excluded.last_number;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'HF003';
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.refuse_epoch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'epoch % may not follow epoch % of another holder', new.epoch, old.epoch using errcode = 'HF001';
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.refuse_order_rewrite()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'what an order asked for may not be rewritten' using errcode = 'HF003';
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.refuse_removal()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'version % of % is in use', old.version, old.name using errcode = 'HF003';
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.refuse_truncate()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% holds the rows of all tenants and is never truncated', tg_table_name using errcode = 'HF003';
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.tell_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_notify('holdfast_changes', coalesce(holdfast.tenant()::text, '') || ' ' || tg_argv[0]);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION holdfast.tenant()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('holdfast.user_id'::text, true), ''::text))::uuid;

create table holdfast.accounts (
  user_id uuid not null,
  account_id uuid not null,
  name text not null,
  venue text not null,
  kind text not null,
  paper boolean not null,
  baseline jsonb,
  baseline_at timestamp with time zone,
  created_at timestamp with time zone default now() not null
);

create table holdfast.allocations (
  user_id uuid not null,
  bot_id uuid not null,
  at timestamp with time zone not null,
  asset text not null,
  value holdfast.amount not null,
  share holdfast.amount not null,
  target_share holdfast.amount,
  drift numeric generated always as (((share)::numeric - (target_share)::numeric)) stored
);

create table holdfast.artefacts (
  user_id uuid not null,
  digest bytea not null,
  size bigint not null,
  place text not null,
  body bytea,
  created_at timestamp with time zone default clock_timestamp() not null
);

create table holdfast.audit_log (
  user_id uuid not null,
  audit_id bigint generated always as identity,
  at timestamp with time zone default clock_timestamp() not null,
  actor text not null,
  action text not null,
  subject text not null,
  facts jsonb default '{}'::jsonb not null
);

create table holdfast.blocked_signals (
  user_id uuid not null,
  bot_id uuid not null,
  day date not null,
  reason text not null,
  count bigint not null,
  last_at timestamp with time zone not null
);

create table holdfast.bots (
  user_id uuid not null,
  bot_id uuid not null,
  account_id uuid not null,
  name text not null,
  strategy text not null,
  parameters jsonb not null,
  parameters_version integer default 1 not null,
  symbols text[] not null,
  limits jsonb not null,
  enabled boolean default true not null,
  state text default 'running'::text not null,
  state_reason text default ''::text not null,
  state_since timestamp with time zone default now() not null,
  memory jsonb default '{}'::jsonb not null,
  memory_at timestamp with time zone,
  breaker_day date,
  ticks bigint default 0 not null,
  ticked_at timestamp with time zone,
  equity holdfast.amount,
  created_at timestamp with time zone default now() not null
);

create table holdfast.candles (
  user_id uuid not null,
  account_id uuid not null,
  symbol text not null,
  timeframe text not null,
  opened_at timestamp with time zone not null,
  open holdfast.positive not null,
  high holdfast.positive not null,
  low holdfast.positive not null,
  close holdfast.positive not null,
  volume holdfast.unsigned not null
);

create table holdfast.commands (
  user_id uuid not null,
  command_id uuid default gen_random_uuid() not null,
  account_id uuid not null,
  bot_id uuid,
  verb text not null,
  arguments jsonb default '{}'::jsonb not null,
  requested_by text not null,
  reason text default ''::text not null,
  requested_at timestamp with time zone default clock_timestamp() not null,
  idempotency_key text not null,
  status text default 'pending'::text not null,
  outcome text,
  finished_at timestamp with time zone
);

create table holdfast.component_states (
  user_id uuid not null,
  bot_id uuid not null,
  component text not null,
  place integer not null,
  version bigint not null,
  epoch bigint not null,
  saved_at timestamp with time zone default clock_timestamp() not null,
  shape integer not null,
  codec text not null,
  body bytea not null,
  digest bytea not null,
  counted jsonb not null
);

create table holdfast.decisions (
  user_id uuid not null,
  decision_id uuid not null,
  bot_id uuid not null,
  at timestamp with time zone not null,
  prompt text,
  prompt_length integer,
  answer text,
  answer_length integer,
  decisions jsonb not null,
  notes text not null,
  success boolean not null,
  duration_ms integer not null,
  cause_keys text[] not null,
  order_ids uuid[] not null
);

create table holdfast.equity_marks (
  user_id uuid not null,
  bot_id uuid not null,
  at timestamp with time zone not null,
  equity holdfast.amount not null,
  realised_today holdfast.amount not null,
  unrealised holdfast.amount not null
);

create table holdfast.fills (
  user_id uuid not null,
  account_id uuid not null,
  symbol text not null,
  venue_trade_id text not null,
  order_id uuid not null,
  bot_id uuid not null,
  venue_order_id text not null,
  base text not null,
  quote text not null,
  side text not null,
  quantity holdfast.positive not null,
  price holdfast.positive not null,
  fee holdfast.amount not null,
  fee_coin text not null,
  quantity_step holdfast.positive not null,
  traded_at timestamp with time zone not null,
  recorded_at timestamp with time zone default clock_timestamp() not null,
  epoch bigint not null
);

create table holdfast.jobs (
  user_id uuid not null,
  job_id uuid not null,
  account_id uuid not null,
  bot_id uuid not null,
  trigger_reason text not null,
  status text default 'running'::text not null,
  started_at timestamp with time zone not null,
  finished_at timestamp with time zone
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
  acquired_at timestamp with time zone not null,
  renewed_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  released_at timestamp with time zone,
  ready_at timestamp with time zone,
  ticked_at timestamp with time zone,
  spool_id uuid,
  spool_depth bigint,
  spool_oldest_at timestamp with time zone,
  spool_at timestamp with time zone
);

create table holdfast.market_snapshots (
  user_id uuid not null,
  account_id uuid not null,
  symbol text not null,
  at timestamp with time zone not null,
  bid holdfast.positive not null,
  ask holdfast.positive not null,
  last holdfast.positive not null,
  details jsonb not null
);

create table holdfast.model_aliases (
  user_id uuid not null,
  bot_id uuid not null,
  alias text not null,
  name text not null,
  created_at timestamp with time zone default clock_timestamp() not null
);

create table holdfast.models (
  user_id uuid not null,
  bot_id uuid not null,
  name text not null,
  version bigint not null,
  digest bytea not null,
  shape integer not null,
  codec text not null,
  metrics jsonb not null,
  training_size integer not null,
  examples_seen bigint not null,
  promoted boolean not null,
  previous bigint,
  epoch bigint not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  promoted_at timestamp with time zone
);

create table holdfast.order_events (
  user_id uuid not null,
  account_id uuid not null,
  sequence bigint not null,
  order_id uuid not null,
  at timestamp with time zone not null,
  status_before text,
  status_after text not null,
  detail text not null,
  previous bytea not null,
  digest bytea not null,
  epoch bigint not null
);

create table holdfast.orders (
  user_id uuid not null,
  order_id uuid not null,
  account_id uuid not null,
  bot_id uuid not null,
  job_id uuid,
  client_order_id text not null,
  intent_key text not null,
  symbol text not null,
  side text not null,
  kind text not null,
  quantity holdfast.positive not null,
  price holdfast.positive,
  reduce_only boolean not null,
  status text not null,
  venue_order_id text,
  filled_quantity holdfast.unsigned default 0 not null,
  cancel_requested_at timestamp with time zone,
  reason text default ''::text not null,
  epoch bigint not null,
  created_at timestamp with time zone not null,
  send_before timestamp with time zone not null,
  updated_at timestamp with time zone not null
);

create table holdfast.performance (
  user_id uuid not null,
  bot_id uuid not null,
  symbol text not null,
  trades integer not null,
  wins integer not null,
  losses integer not null,
  gained holdfast.unsigned not null,
  lost holdfast.unsigned not null,
  fees holdfast.amount not null,
  best holdfast.amount,
  worst holdfast.amount,
  held interval not null,
  streak integer not null,
  longest_wins integer not null,
  longest_losses integer not null,
  last_closed_at timestamp with time zone not null,
  last_number integer not null
);

create table holdfast.performance_days (
  user_id uuid not null,
  bot_id uuid not null,
  day date not null,
  symbol text not null,
  trades integer not null,
  wins integer not null,
  losses integer not null,
  gained holdfast.unsigned not null,
  lost holdfast.unsigned not null,
  fees holdfast.amount not null,
  best holdfast.amount,
  worst holdfast.amount,
  held interval not null
);

create table holdfast.phantoms (
  user_id uuid not null,
  phantom_id uuid not null,
  bot_id uuid not null,
  at timestamp with time zone not null,
  symbol text not null,
  strategy text not null,
  side text not null,
  executed boolean not null,
  reason text not null,
  score holdfast.amount,
  cause_key text,
  opened_price holdfast.positive not null,
  take_profit holdfast.positive,
  stop_loss holdfast.positive,
  features jsonb not null,
  closed_at timestamp with time zone,
  closed_price holdfast.positive,
  outcome text,
  result holdfast.amount
);

create table holdfast.positions (
  user_id uuid not null,
  bot_id uuid not null,
  symbol text not null,
  account_id uuid not null,
  quantity holdfast.amount not null,
  cost holdfast.amount not null,
  average_price numeric generated always as (
CASE
    WHEN ((quantity)::numeric = (0)::numeric) THEN NULL::numeric
    ELSE round(((cost)::numeric / (quantity)::numeric), 18)
END) stored,
  realised holdfast.amount not null,
  fees holdfast.amount not null,
  fees_other jsonb default '{}'::jsonb not null,
  day date,
  day_start_result holdfast.amount default 0 not null,
  fill_count integer not null,
  trade_count integer not null,
  last_fill_at timestamp with time zone,
  last_trade_id text,
  updated_at timestamp with time zone default clock_timestamp() not null
);

create table holdfast.predictions (
  user_id uuid not null,
  prediction_id uuid not null,
  bot_id uuid not null,
  at timestamp with time zone not null,
  symbol text not null,
  model text not null,
  horizon_seconds integer not null,
  direction text not null,
  confidence holdfast.unsigned,
  price holdfast.positive not null,
  target holdfast.positive,
  features jsonb not null,
  outcome text,
  outcome_price holdfast.positive,
  resolved_at timestamp with time zone
);

create table holdfast.quarantine (
  user_id uuid not null,
  account_id uuid not null,
  kind text not null,
  venue_id text not null,
  symbol text not null,
  sentence text not null,
  detail jsonb not null,
  found_at timestamp with time zone not null,
  resolution text,
  resolved_at timestamp with time zone,
  resolved_by text
);

create table holdfast.reconciliations (
  user_id uuid not null,
  reconciliation_id uuid not null,
  account_id uuid not null,
  kind text not null,
  epoch bigint not null,
  started_at timestamp with time zone not null,
  finished_at timestamp with time zone not null,
  clean boolean not null,
  proved integer not null,
  unproved integer not null,
  quarantined integer not null,
  summary text not null,
  findings jsonb not null
);

create table holdfast.risk_marks (
  user_id uuid not null,
  bot_id uuid not null,
  at timestamp with time zone not null,
  exposure holdfast.unsigned not null,
  drawdown holdfast.unsigned not null,
  breaker_tripped boolean not null,
  metrics jsonb not null
);

create table holdfast.scoring_runs (
  user_id uuid not null,
  run_id uuid default gen_random_uuid() not null,
  scorer text not null,
  status text default 'pending'::text not null,
  requested_at timestamp with time zone default clock_timestamp() not null,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  trader_count integer default 0 not null,
  error text
);

create table holdfast.snapshots (
  user_id uuid not null,
  bot_id uuid not null,
  at timestamp with time zone not null,
  reason text not null,
  state jsonb not null
);

create table holdfast.spool_positions (
  user_id uuid not null,
  spool_id uuid not null,
  sequence bigint not null,
  moved_at timestamp with time zone default clock_timestamp() not null
);

create table holdfast.summaries (
  user_id uuid not null,
  bot_id uuid not null,
  kind text not null,
  name text not null,
  from_at timestamp with time zone not null,
  to_at timestamp with time zone not null,
  written_at timestamp with time zone default clock_timestamp() not null,
  facts jsonb not null
);

create table holdfast.trader_scores (
  user_id uuid not null,
  run_id uuid not null,
  trader text not null,
  bot_id uuid,
  rank integer not null,
  score holdfast.amount not null,
  metrics jsonb not null
);

create table holdfast.trades (
  user_id uuid not null,
  bot_id uuid not null,
  symbol text not null,
  number integer not null,
  account_id uuid not null,
  direction text not null,
  opened_at timestamp with time zone not null,
  closed_at timestamp with time zone,
  entry_quantity holdfast.unsigned not null,
  entry_quote holdfast.unsigned not null,
  exit_quantity holdfast.unsigned not null,
  exit_quote holdfast.unsigned not null,
  realised holdfast.amount not null,
  fees holdfast.amount not null,
  fill_count integer not null,
  voided boolean default false not null
);

create table holdfast.user_settings (
  user_id uuid not null,
  risk_profile text default 'balanced'::text not null,
  settings jsonb default '{}'::jsonb not null,
  updated_at timestamp with time zone default now() not null
);

create table holdfast.users (
  user_id uuid not null,
  name text not null,
  enabled boolean default true not null,
  created_at timestamp with time zone default now() not null
);

alter table holdfast.accounts add constraint accounts_pkey PRIMARY KEY (user_id, account_id);
alter table holdfast.allocations add constraint allocations_pkey PRIMARY KEY (bot_id, at, asset, user_id);
alter table holdfast.artefacts add constraint artefacts_pkey PRIMARY KEY (digest, user_id);
alter table holdfast.audit_log add constraint audit_log_pkey PRIMARY KEY (audit_id, user_id);
alter table holdfast.blocked_signals add constraint blocked_signals_pkey PRIMARY KEY (bot_id, day, reason, user_id);
alter table holdfast.bots add constraint bots_pkey PRIMARY KEY (user_id, bot_id);
alter table holdfast.candles add constraint candles_pkey PRIMARY KEY (account_id, symbol, timeframe, opened_at, user_id);
alter table holdfast.commands add constraint commands_pkey PRIMARY KEY (command_id, user_id);
alter table holdfast.component_states add constraint component_states_pkey PRIMARY KEY (bot_id, component, place, user_id);
alter table holdfast.decisions add constraint decisions_pkey PRIMARY KEY (decision_id, user_id);
alter table holdfast.equity_marks add constraint equity_marks_pkey PRIMARY KEY (bot_id, at, user_id);
alter table holdfast.fills add constraint fills_pkey PRIMARY KEY (account_id, symbol, venue_trade_id, user_id);
alter table holdfast.jobs add constraint jobs_pkey PRIMARY KEY (job_id, user_id);
alter table holdfast.leases add constraint leases_pkey PRIMARY KEY (user_id, account_id);
alter table holdfast.market_snapshots add constraint market_snapshots_pkey PRIMARY KEY (account_id, symbol, at, user_id);
alter table holdfast.model_aliases add constraint model_aliases_pkey PRIMARY KEY (bot_id, alias, user_id);
alter table holdfast.models add constraint models_pkey PRIMARY KEY (bot_id, name, version, user_id);
alter table holdfast.order_events add constraint order_events_pkey PRIMARY KEY (account_id, sequence, user_id);
alter table holdfast.orders add constraint orders_pkey PRIMARY KEY (order_id, user_id);
alter table holdfast.performance add constraint performance_pkey PRIMARY KEY (bot_id, symbol, user_id);
alter table holdfast.performance_days add constraint performance_days_pkey PRIMARY KEY (bot_id, day, symbol, user_id);
alter table holdfast.phantoms add constraint phantoms_pkey PRIMARY KEY (phantom_id, user_id);
alter table holdfast.positions add constraint positions_pkey PRIMARY KEY (bot_id, symbol, user_id);
alter table holdfast.predictions add constraint predictions_pkey PRIMARY KEY (prediction_id, user_id);
alter table holdfast.quarantine add constraint quarantine_pkey PRIMARY KEY (account_id, kind, venue_id, user_id);
alter table holdfast.reconciliations add constraint reconciliations_pkey PRIMARY KEY (reconciliation_id, user_id);
alter table holdfast.risk_marks add constraint risk_marks_pkey PRIMARY KEY (bot_id, at, user_id);
alter table holdfast.scoring_runs add constraint scoring_runs_pkey PRIMARY KEY (run_id, user_id);
alter table holdfast.snapshots add constraint snapshots_pkey PRIMARY KEY (bot_id, at, user_id);
alter table holdfast.spool_positions add constraint spool_positions_pkey PRIMARY KEY (spool_id, user_id);
alter table holdfast.summaries add constraint summaries_pkey PRIMARY KEY (bot_id, kind, name, user_id);
alter table holdfast.trader_scores add constraint trader_scores_pkey PRIMARY KEY (run_id, rank, user_id);
alter table holdfast.trades add constraint trades_pkey PRIMARY KEY (bot_id, symbol, number, user_id);
alter table holdfast.user_settings add constraint user_settings_pkey PRIMARY KEY (user_id);
alter table holdfast.users add constraint users_pkey PRIMARY KEY (user_id);
alter table holdfast.accounts add constraint accounts_name_key UNIQUE (user_id, name);
alter table holdfast.bots add constraint bots_account_key UNIQUE (user_id, account_id, bot_id);
alter table holdfast.bots add constraint bots_name_key UNIQUE (user_id, account_id, name);
alter table holdfast.commands add constraint commands_idempotency_key UNIQUE (idempotency_key, user_id);
alter table holdfast.orders add constraint orders_client_order_id_key UNIQUE (account_id, client_order_id, user_id);
alter table holdfast.orders add constraint orders_venue_order_id_key UNIQUE (account_id, venue_order_id, user_id);
alter table holdfast.trader_scores add constraint trader_scores_trader_once UNIQUE (run_id, trader, user_id);
alter table holdfast.accounts add constraint accounts_kind_known CHECK ((kind = ANY (ARRAY['spot'::text, 'linear'::text])));
alter table holdfast.artefacts add constraint artefacts_body_where_it_lies CHECK (((place = 'database'::text) = (body IS NOT NULL)));
alter table holdfast.artefacts add constraint artefacts_place_known CHECK ((place = ANY (ARRAY['database'::text, 'folder'::text, 'bucket'::text])));
alter table holdfast.artefacts add constraint artefacts_sound CHECK (((length(digest) = 32) AND (size >= 0) AND (octet_length(body) <= 67108864)));
alter table holdfast.blocked_signals add constraint blocked_signals_count_known CHECK ((count >= 0));
alter table holdfast.bots add constraint bots_sound CHECK (holdfast.bot_is_sound(state, symbols));
alter table holdfast.commands add constraint commands_finished_has_outcome CHECK (((status = 'pending'::text) = (finished_at IS NULL)));
alter table holdfast.commands add constraint commands_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'done'::text, 'refused'::text])));
alter table holdfast.commands add constraint commands_verb_known CHECK ((verb = ANY (ARRAY['pause'::text, 'resume'::text, 'flatten'::text, 'cancel'::text, 'adopt'::text, 'ignore'::text, 'close'::text, 'reset'::text, 'promote'::text, 'rollback'::text])));
alter table holdfast.component_states add constraint component_states_codec_known CHECK ((codec = ANY (ARRAY['json'::text, 'npz'::text, 'raw'::text])));
alter table holdfast.component_states add constraint component_states_sound CHECK (((place >= 0) AND (version >= 1) AND (shape >= 1) AND (length(digest) = 32) AND (octet_length(body) <= 67108864)));
alter table holdfast.decisions add constraint decisions_lengths_fit CHECK (((length(prompt) <= prompt_length) AND (length(answer) <= answer_length) AND (duration_ms >= 0)));
alter table holdfast.fills add constraint fills_side_known CHECK ((side = ANY (ARRAY['buy'::text, 'sell'::text])));
alter table holdfast.jobs add constraint jobs_sound CHECK (holdfast.job_is_sound(status));
alter table holdfast.leases add constraint leases_epoch_positive CHECK ((epoch > 0));
alter table holdfast.leases add constraint leases_spool_whole CHECK ((((spool_id IS NULL) = (spool_depth IS NULL)) AND ((spool_id IS NULL) = (spool_at IS NULL)) AND (spool_depth >= 0)));
alter table holdfast.model_aliases add constraint model_aliases_sound CHECK (((alias <> name) AND ((length(alias) >= 1) AND (length(alias) <= 200)) AND ((length(name) >= 1) AND (length(name) <= 200))));
alter table holdfast.models add constraint models_codec_known CHECK ((codec = ANY (ARRAY['json'::text, 'npz'::text, 'raw'::text])));
alter table holdfast.models add constraint models_promoted_once_at CHECK (((promoted_at IS NOT NULL) OR (NOT promoted)));
alter table holdfast.models add constraint models_sound CHECK (((version >= 1) AND (shape >= 1) AND (training_size >= 0) AND (examples_seen >= 0) AND ((length(name) >= 1) AND (length(name) <= 200))));
alter table holdfast.order_events add constraint order_events_linked CHECK (((sequence > 0) AND (octet_length(digest) = 32) AND (octet_length(previous) = 32)));
alter table holdfast.orders add constraint orders_sound CHECK (holdfast.order_is_sound(side, kind, status, (quantity)::numeric, (price)::numeric, (filled_quantity)::numeric, venue_order_id, created_at, send_before));
alter table holdfast.performance add constraint performance_counted CHECK (((wins >= 0) AND (losses >= 0) AND ((wins + losses) <= trades)));
alter table holdfast.performance_days add constraint performance_days_counted CHECK (((wins >= 0) AND (losses >= 0) AND ((wins + losses) <= trades)));
alter table holdfast.phantoms add constraint phantoms_closed_whole CHECK ((num_nulls(closed_at, closed_price, outcome, result) = ANY (ARRAY[0, 4])));
alter table holdfast.phantoms add constraint phantoms_outcome_known CHECK ((outcome = ANY (ARRAY['won'::text, 'lost'::text, 'expired'::text, 'void'::text])));
alter table holdfast.phantoms add constraint phantoms_side_known CHECK ((side = ANY (ARRAY['buy'::text, 'sell'::text])));
alter table holdfast.predictions add constraint predictions_direction_known CHECK ((direction = ANY (ARRAY['up'::text, 'down'::text, 'flat'::text])));
alter table holdfast.predictions add constraint predictions_outcome_known CHECK ((outcome = ANY (ARRAY['right'::text, 'wrong'::text, 'void'::text])));
alter table holdfast.predictions add constraint predictions_resolved_whole CHECK (((outcome IS NULL) = (resolved_at IS NULL)));
alter table holdfast.quarantine add constraint quarantine_kind_known CHECK ((kind = ANY (ARRAY['order'::text, 'fill'::text])));
alter table holdfast.quarantine add constraint quarantine_resolution_known CHECK ((resolution = ANY (ARRAY['adopted'::text, 'ignored'::text, 'closed'::text])));
alter table holdfast.quarantine add constraint quarantine_resolved_whole CHECK (((resolution IS NULL) = (resolved_at IS NULL)));
alter table holdfast.reconciliations add constraint reconciliations_kind_known CHECK ((kind = ANY (ARRAY['recovery'::text, 'periodic'::text, 'operator'::text])));
alter table holdfast.scoring_runs add constraint scoring_runs_count_known CHECK ((trader_count >= 0));
alter table holdfast.scoring_runs add constraint scoring_runs_error_fits CHECK (((status = 'failed'::text) = (error IS NOT NULL)));
alter table holdfast.scoring_runs add constraint scoring_runs_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'completed'::text, 'failed'::text])));
alter table holdfast.scoring_runs add constraint scoring_runs_times_fit CHECK ((((status = 'pending'::text) = ((started_at IS NULL) AND (finished_at IS NULL))) AND ((status = ANY (ARRAY['completed'::text, 'failed'::text])) = (finished_at IS NOT NULL))));
alter table holdfast.spool_positions add constraint spool_positions_sequence_known CHECK ((sequence >= 0));
alter table holdfast.summaries add constraint summaries_in_order CHECK ((from_at <= to_at));
alter table holdfast.summaries add constraint summaries_kind_known CHECK ((kind = ANY (ARRAY['day'::text, 'life'::text])));
alter table holdfast.trader_scores add constraint trader_scores_rank_known CHECK ((rank >= 1));
alter table holdfast.trades add constraint trades_closed_after_opened CHECK ((closed_at >= opened_at));
alter table holdfast.trades add constraint trades_direction_known CHECK ((direction = ANY (ARRAY['long'::text, 'short'::text])));
alter table holdfast.user_settings add constraint user_settings_risk_profile_known CHECK ((risk_profile = ANY (ARRAY['conservative'::text, 'balanced'::text, 'aggressive'::text])));
alter table holdfast.accounts add constraint accounts_user_fkey FOREIGN KEY (user_id) REFERENCES holdfast.users(user_id);
alter table holdfast.audit_log add constraint audit_log_user_fkey FOREIGN KEY (user_id) REFERENCES holdfast.users(user_id);
alter table holdfast.blocked_signals add constraint blocked_signals_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.bots add constraint bots_account_fkey FOREIGN KEY (user_id, account_id) REFERENCES holdfast.accounts(user_id, account_id);
alter table holdfast.commands add constraint commands_account_fkey FOREIGN KEY (user_id, account_id) REFERENCES holdfast.accounts(user_id, account_id);
alter table holdfast.commands add constraint commands_bot_fkey FOREIGN KEY (user_id, account_id, bot_id) REFERENCES holdfast.bots(user_id, account_id, bot_id);
alter table holdfast.component_states add constraint component_states_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.decisions add constraint decisions_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.fills add constraint fills_order_fkey FOREIGN KEY (user_id, order_id) REFERENCES holdfast.orders(user_id, order_id);
alter table holdfast.leases add constraint leases_account_fkey FOREIGN KEY (user_id, account_id) REFERENCES holdfast.accounts(user_id, account_id);
alter table holdfast.model_aliases add constraint model_aliases_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.models add constraint models_artefact_fkey FOREIGN KEY (digest, user_id) REFERENCES holdfast.artefacts(digest, user_id);
alter table holdfast.models add constraint models_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.orders add constraint orders_bot_fkey FOREIGN KEY (user_id, account_id, bot_id) REFERENCES holdfast.bots(user_id, account_id, bot_id);
alter table holdfast.performance add constraint performance_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.performance_days add constraint performance_days_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.phantoms add constraint phantoms_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.positions add constraint positions_bot_fkey FOREIGN KEY (user_id, account_id, bot_id) REFERENCES holdfast.bots(user_id, account_id, bot_id);
alter table holdfast.predictions add constraint predictions_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.quarantine add constraint quarantine_account_fkey FOREIGN KEY (user_id, account_id) REFERENCES holdfast.accounts(user_id, account_id);
alter table holdfast.reconciliations add constraint reconciliations_account_fkey FOREIGN KEY (user_id, account_id) REFERENCES holdfast.accounts(user_id, account_id);
alter table holdfast.scoring_runs add constraint scoring_runs_user_fkey FOREIGN KEY (user_id) REFERENCES holdfast.users(user_id);
alter table holdfast.summaries add constraint summaries_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.trader_scores add constraint trader_scores_bot_fkey FOREIGN KEY (user_id, bot_id) REFERENCES holdfast.bots(user_id, bot_id);
alter table holdfast.trader_scores add constraint trader_scores_run_fkey FOREIGN KEY (run_id, user_id) REFERENCES holdfast.scoring_runs(run_id, user_id);
alter table holdfast.trades add constraint trades_bot_fkey FOREIGN KEY (user_id, account_id, bot_id) REFERENCES holdfast.bots(user_id, account_id, bot_id);
alter table holdfast.user_settings add constraint user_settings_user_fkey FOREIGN KEY (user_id) REFERENCES holdfast.users(user_id);

CREATE INDEX commands_newest ON holdfast.commands USING btree (user_id, requested_at DESC);
CREATE INDEX commands_pending ON holdfast.commands USING btree (account_id, requested_at) WHERE (status = 'pending'::text);
CREATE INDEX decisions_newest ON holdfast.decisions USING btree (bot_id, at DESC);
CREATE INDEX fills_order ON holdfast.fills USING btree (order_id);
CREATE INDEX fills_position ON holdfast.fills USING btree (bot_id, symbol, traded_at);
CREATE INDEX fills_recent ON holdfast.fills USING btree (account_id, traded_at);
CREATE INDEX jobs_running ON holdfast.jobs USING btree (account_id) WHERE (status = 'running'::text);
CREATE INDEX jobs_started ON holdfast.jobs USING brin (started_at);
CREATE INDEX models_artefact ON holdfast.models USING btree (digest);
CREATE UNIQUE INDEX models_promoted ON holdfast.models USING btree (bot_id, name, user_id) WHERE promoted;
CREATE INDEX order_events_order ON holdfast.order_events USING btree (order_id, sequence);
CREATE INDEX orders_recent ON holdfast.orders USING btree (account_id, updated_at);
CREATE INDEX orders_unsettled ON holdfast.orders USING btree (account_id, created_at) WHERE (status = ANY (ARRAY['pending'::text, 'submitted'::text, 'open'::text, 'partially_filled'::text, 'unknown'::text]));
CREATE INDEX phantoms_newest ON holdfast.phantoms USING btree (bot_id, at DESC);
CREATE INDEX phantoms_open ON holdfast.phantoms USING btree (bot_id, symbol) WHERE (closed_at IS NULL);
CREATE INDEX positions_account ON holdfast.positions USING btree (account_id);
CREATE INDEX predictions_newest ON holdfast.predictions USING btree (bot_id, at DESC);
CREATE INDEX predictions_open ON holdfast.predictions USING btree (bot_id, symbol) WHERE (resolved_at IS NULL);
CREATE INDEX quarantine_unresolved ON holdfast.quarantine USING btree (account_id) WHERE (resolution IS NULL);
CREATE INDEX reconciliations_newest ON holdfast.reconciliations USING btree (account_id, kind, finished_at DESC);
CREATE INDEX reconciliations_started ON holdfast.reconciliations USING btree (account_id, started_at DESC);
CREATE INDEX scoring_runs_newest ON holdfast.scoring_runs USING btree (scorer, finished_at DESC) WHERE (status = 'completed'::text);
CREATE INDEX scoring_runs_unfinished ON holdfast.scoring_runs USING btree (scorer, requested_at) WHERE (status = ANY (ARRAY['pending'::text, 'running'::text]));
CREATE INDEX trades_closed_at ON holdfast.trades USING btree (bot_id, closed_at) WHERE ((closed_at IS NOT NULL) AND (NOT voided));
CREATE INDEX trades_newest ON holdfast.trades USING btree (bot_id, opened_at DESC);
CREATE INDEX trades_open ON holdfast.trades USING btree (account_id) WHERE ((closed_at IS NULL) AND (NOT voided));

CREATE TRIGGER accounts_truncate BEFORE TRUNCATE ON holdfast.accounts FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER allocations_truncate BEFORE TRUNCATE ON holdfast.allocations FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER artefacts_truncate BEFORE TRUNCATE ON holdfast.artefacts FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE ON holdfast.audit_log FOR EACH ROW EXECUTE FUNCTION holdfast.refuse_change();
CREATE TRIGGER audit_log_truncate BEFORE TRUNCATE ON holdfast.audit_log FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER blocked_signals_truncate BEFORE TRUNCATE ON holdfast.blocked_signals FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER bots_tell AFTER INSERT OR UPDATE OF ticks, state, enabled, breaker_day ON holdfast.bots FOR EACH STATEMENT EXECUTE FUNCTION holdfast.tell_change('bots');
CREATE TRIGGER bots_truncate BEFORE TRUNCATE ON holdfast.bots FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER candles_truncate BEFORE TRUNCATE ON holdfast.candles FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER commands_tell AFTER INSERT OR UPDATE ON holdfast.commands FOR EACH STATEMENT EXECUTE FUNCTION holdfast.tell_change('commands');
CREATE TRIGGER commands_truncate BEFORE TRUNCATE ON holdfast.commands FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER component_states_truncate BEFORE TRUNCATE ON holdfast.component_states FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER decisions_append_only BEFORE DELETE ON holdfast.decisions FOR EACH ROW EXECUTE FUNCTION holdfast.refuse_change();
CREATE TRIGGER decisions_keep_all_but_texts BEFORE UPDATE ON holdfast.decisions FOR EACH ROW WHEN (((CURRENT_USER <> 'holdfast_retention'::name) OR (num_nonnulls(new.prompt, new.answer) > 0))) EXECUTE FUNCTION holdfast.refuse_change();
CREATE TRIGGER decisions_truncate BEFORE TRUNCATE ON holdfast.decisions FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER equity_marks_truncate BEFORE TRUNCATE ON holdfast.equity_marks FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER fills_append_only BEFORE DELETE OR UPDATE ON holdfast.fills FOR EACH ROW EXECUTE FUNCTION holdfast.refuse_change();
CREATE TRIGGER fills_truncate BEFORE TRUNCATE ON holdfast.fills FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER jobs_truncate BEFORE TRUNCATE ON holdfast.jobs FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER leases_epoch_rises BEFORE UPDATE ON holdfast.leases FOR EACH ROW WHEN (((new.epoch < old.epoch) OR ((new.epoch = old.epoch) AND (new.holder <> old.holder)))) EXECUTE FUNCTION holdfast.refuse_epoch();
CREATE TRIGGER leases_tell AFTER INSERT OR UPDATE OF epoch, released_at, ready_at ON holdfast.leases FOR EACH STATEMENT EXECUTE FUNCTION holdfast.tell_change('bots');
CREATE TRIGGER leases_truncate BEFORE TRUNCATE ON holdfast.leases FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER market_snapshots_truncate BEFORE TRUNCATE ON holdfast.market_snapshots FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER model_aliases_truncate BEFORE TRUNCATE ON holdfast.model_aliases FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER models_keep_promoted BEFORE DELETE ON holdfast.models FOR EACH ROW WHEN (old.promoted) EXECUTE FUNCTION holdfast.refuse_removal();
CREATE TRIGGER models_truncate BEFORE TRUNCATE ON holdfast.models FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER order_events_append_only BEFORE DELETE OR UPDATE ON holdfast.order_events FOR EACH ROW EXECUTE FUNCTION holdfast.refuse_change();
CREATE TRIGGER order_events_tell AFTER INSERT ON holdfast.order_events FOR EACH STATEMENT EXECUTE FUNCTION holdfast.tell_change('orders');
CREATE TRIGGER order_events_truncate BEFORE TRUNCATE ON holdfast.order_events FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER orders_intent_is_fixed BEFORE UPDATE OF user_id, order_id, account_id, bot_id, job_id, client_order_id, intent_key, symbol, side, kind, quantity, price, reduce_only, epoch, created_at, send_before ON holdfast.orders FOR EACH ROW WHEN (((new.user_id <> old.user_id) OR (new.order_id <> old.order_id) OR (new.account_id <> old.account_id) OR (new.bot_id <> old.bot_id) OR (new.job_id IS DISTINCT FROM old.job_id) OR (new.client_order_id <> old.client_order_id) OR (new.intent_key <> old.intent_key) OR (new.symbol <> old.symbol) OR (new.side <> old.side) OR (new.kind <> old.kind) OR ((new.quantity)::numeric <> (old.quantity)::numeric) OR ((new.price)::numeric IS DISTINCT FROM (old.price)::numeric) OR (new.reduce_only <> old.reduce_only) OR (new.epoch <> old.epoch) OR (new.created_at <> old.created_at) OR (new.send_before <> old.send_before))) EXECUTE FUNCTION holdfast.refuse_order_rewrite();
CREATE TRIGGER orders_move_is_legal BEFORE UPDATE OF status, filled_quantity, venue_order_id ON holdfast.orders FOR EACH ROW EXECUTE FUNCTION holdfast.check_order_change();
CREATE TRIGGER orders_truncate BEFORE TRUNCATE ON holdfast.orders FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER performance_truncate BEFORE TRUNCATE ON holdfast.performance FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER performance_days_truncate BEFORE TRUNCATE ON holdfast.performance_days FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER phantoms_truncate BEFORE TRUNCATE ON holdfast.phantoms FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER positions_truncate BEFORE TRUNCATE ON holdfast.positions FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER predictions_truncate BEFORE TRUNCATE ON holdfast.predictions FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER quarantine_tell AFTER INSERT OR UPDATE ON holdfast.quarantine FOR EACH STATEMENT EXECUTE FUNCTION holdfast.tell_change('quarantine');
CREATE TRIGGER quarantine_truncate BEFORE TRUNCATE ON holdfast.quarantine FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER reconciliations_tell AFTER INSERT ON holdfast.reconciliations FOR EACH STATEMENT EXECUTE FUNCTION holdfast.tell_change('reconciliations');
CREATE TRIGGER reconciliations_truncate BEFORE TRUNCATE ON holdfast.reconciliations FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER risk_marks_truncate BEFORE TRUNCATE ON holdfast.risk_marks FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER scoring_runs_move BEFORE UPDATE ON holdfast.scoring_runs FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION holdfast.check_scoring_move();
CREATE TRIGGER scoring_runs_truncate BEFORE TRUNCATE ON holdfast.scoring_runs FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER snapshots_truncate BEFORE TRUNCATE ON holdfast.snapshots FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER spool_positions_truncate BEFORE TRUNCATE ON holdfast.spool_positions FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER summaries_truncate BEFORE TRUNCATE ON holdfast.summaries FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER trader_scores_append_only BEFORE DELETE OR UPDATE ON holdfast.trader_scores FOR EACH ROW EXECUTE FUNCTION holdfast.refuse_change();
CREATE TRIGGER trader_scores_truncate BEFORE TRUNCATE ON holdfast.trader_scores FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER trades_changed AFTER UPDATE ON holdfast.trades REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION holdfast.count_changed_trades();
CREATE TRIGGER trades_closed AFTER INSERT ON holdfast.trades FOR EACH ROW WHEN (((new.closed_at IS NOT NULL) AND (NOT new.voided))) EXECUTE FUNCTION holdfast.count_closed_trade();
CREATE TRIGGER trades_truncate BEFORE TRUNCATE ON holdfast.trades FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER user_settings_truncate BEFORE TRUNCATE ON holdfast.user_settings FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();
CREATE TRIGGER users_truncate BEFORE TRUNCATE ON holdfast.users FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_truncate();

alter table holdfast.accounts enable row level security, force row level security;
alter table holdfast.allocations enable row level security, force row level security;
alter table holdfast.artefacts enable row level security, force row level security;
alter table holdfast.audit_log enable row level security, force row level security;
alter table holdfast.blocked_signals enable row level security, force row level security;
alter table holdfast.bots enable row level security, force row level security;
alter table holdfast.candles enable row level security, force row level security;
alter table holdfast.commands enable row level security, force row level security;
alter table holdfast.component_states enable row level security, force row level security;
alter table holdfast.decisions enable row level security, force row level security;
alter table holdfast.equity_marks enable row level security, force row level security;
alter table holdfast.fills enable row level security, force row level security;
alter table holdfast.jobs enable row level security, force row level security;
alter table holdfast.leases enable row level security, force row level security;
alter table holdfast.market_snapshots enable row level security, force row level security;
alter table holdfast.model_aliases enable row level security, force row level security;
alter table holdfast.models enable row level security, force row level security;
alter table holdfast.order_events enable row level security, force row level security;
alter table holdfast.orders enable row level security, force row level security;
alter table holdfast.performance enable row level security, force row level security;
alter table holdfast.performance_days enable row level security, force row level security;
alter table holdfast.phantoms enable row level security, force row level security;
alter table holdfast.positions enable row level security, force row level security;
alter table holdfast.predictions enable row level security, force row level security;
alter table holdfast.quarantine enable row level security, force row level security;
alter table holdfast.reconciliations enable row level security, force row level security;
alter table holdfast.risk_marks enable row level security, force row level security;
alter table holdfast.scoring_runs enable row level security, force row level security;
alter table holdfast.snapshots enable row level security, force row level security;
alter table holdfast.spool_positions enable row level security, force row level security;
alter table holdfast.summaries enable row level security, force row level security;
alter table holdfast.trader_scores enable row level security, force row level security;
alter table holdfast.trades enable row level security, force row level security;
alter table holdfast.user_settings enable row level security, force row level security;
alter table holdfast.users enable row level security, force row level security;

create policy backup on holdfast.accounts as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.accounts as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.accounts as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.allocations as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.allocations as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.allocations as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.artefacts as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.artefacts as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.artefacts as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.audit_log as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.audit_log as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.audit_log as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.blocked_signals as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.blocked_signals as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.blocked_signals as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.bots as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.bots as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.bots as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.candles as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.candles as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.candles as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.commands as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.commands as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.commands as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.component_states as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.component_states as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.component_states as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.decisions as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.decisions as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.decisions as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.equity_marks as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.equity_marks as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.equity_marks as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.fills as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.fills as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.fills as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.jobs as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.jobs as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.jobs as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.leases as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.leases as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.leases as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.market_snapshots as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.market_snapshots as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.market_snapshots as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.model_aliases as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.model_aliases as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.model_aliases as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.models as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.models as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.models as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.order_events as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.order_events as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.order_events as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.orders as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.orders as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.orders as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.performance as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.performance as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.performance as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.performance_days as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.performance_days as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.performance_days as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.phantoms as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.phantoms as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.phantoms as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.positions as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.positions as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.positions as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.predictions as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.predictions as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.predictions as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.quarantine as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.quarantine as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.quarantine as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.reconciliations as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.reconciliations as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.reconciliations as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.risk_marks as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.risk_marks as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.risk_marks as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.scoring_runs as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.scoring_runs as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.scoring_runs as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.snapshots as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.snapshots as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.snapshots as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.spool_positions as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.spool_positions as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.spool_positions as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.summaries as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.summaries as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.summaries as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.trader_scores as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.trader_scores as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.trader_scores as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.trades as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.trades as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.trades as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.user_settings as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.user_settings as permissive for select to holdfast_overseer using (true);
create policy tenant on holdfast.user_settings as permissive for all using ((user_id = holdfast.tenant()));
create policy backup on holdfast.users as permissive for select to holdfast_backup using (true);
create policy overseer on holdfast.users as permissive for select to holdfast_overseer using (true);
create policy retention on holdfast.users as permissive for select to holdfast_retention using (true);
create policy tenant on holdfast.users as permissive for all using ((user_id = holdfast.tenant()));

grant select on holdfast.accounts to holdfast_api;
grant select on holdfast.accounts to holdfast_bot;
grant select on holdfast.accounts to holdfast_overseer;
grant select on holdfast.accounts to holdfast_readonly;
grant select on holdfast.accounts to holdfast_retention;
grant select on holdfast.allocations to holdfast_api;
grant insert, select on holdfast.allocations to holdfast_bot;
grant select on holdfast.allocations to holdfast_overseer;
grant select on holdfast.allocations to holdfast_readonly;
grant delete, select on holdfast.allocations to holdfast_retention;
grant select on holdfast.artefacts to holdfast_api;
grant insert, select on holdfast.artefacts to holdfast_bot;
grant select on holdfast.artefacts to holdfast_overseer;
grant select on holdfast.artefacts to holdfast_readonly;
grant delete, select on holdfast.artefacts to holdfast_retention;
grant select on holdfast.audit_log to holdfast_api;
grant select on holdfast.audit_log to holdfast_bot;
grant select on holdfast.audit_log to holdfast_overseer;
grant select on holdfast.audit_log to holdfast_readonly;
grant select on holdfast.blocked_signals to holdfast_api;
grant insert, select on holdfast.blocked_signals to holdfast_bot;
grant select on holdfast.blocked_signals to holdfast_overseer;
grant select on holdfast.blocked_signals to holdfast_readonly;
grant delete, select on holdfast.blocked_signals to holdfast_retention;
grant select on holdfast.bots to holdfast_api;
grant select on holdfast.bots to holdfast_bot;
grant select on holdfast.bots to holdfast_overseer;
grant select on holdfast.bots to holdfast_readonly;
grant select on holdfast.bots to holdfast_retention;
grant select on holdfast.candles to holdfast_api;
grant insert, select on holdfast.candles to holdfast_bot;
grant select on holdfast.candles to holdfast_overseer;
grant select on holdfast.candles to holdfast_readonly;
grant delete, select on holdfast.candles to holdfast_retention;
grant select on holdfast.commands to holdfast_api;
grant select on holdfast.commands to holdfast_bot;
grant select on holdfast.commands to holdfast_overseer;
grant select on holdfast.commands to holdfast_readonly;
grant select on holdfast.component_states to holdfast_api;
grant insert, select on holdfast.component_states to holdfast_bot;
grant select on holdfast.component_states to holdfast_overseer;
grant select on holdfast.component_states to holdfast_readonly;
grant select on holdfast.decisions to holdfast_api;
grant insert, select on holdfast.decisions to holdfast_bot;
grant select on holdfast.decisions to holdfast_overseer;
grant select on holdfast.decisions to holdfast_readonly;
grant select on holdfast.decisions to holdfast_retention;
grant select on holdfast.equity_marks to holdfast_api;
grant insert, select on holdfast.equity_marks to holdfast_bot;
grant select on holdfast.equity_marks to holdfast_overseer;
grant select on holdfast.equity_marks to holdfast_readonly;
grant delete, select on holdfast.equity_marks to holdfast_retention;
grant select on holdfast.fills to holdfast_api;
grant insert, select on holdfast.fills to holdfast_bot;
grant select on holdfast.fills to holdfast_overseer;
grant select on holdfast.fills to holdfast_readonly;
grant select on holdfast.jobs to holdfast_api;
grant insert, select on holdfast.jobs to holdfast_bot;
grant select on holdfast.jobs to holdfast_overseer;
grant select on holdfast.jobs to holdfast_readonly;
grant select on holdfast.leases to holdfast_api;
grant insert, select on holdfast.leases to holdfast_bot;
grant select on holdfast.leases to holdfast_overseer;
grant select on holdfast.leases to holdfast_readonly;
grant select on holdfast.market_snapshots to holdfast_api;
grant insert, select on holdfast.market_snapshots to holdfast_bot;
grant select on holdfast.market_snapshots to holdfast_overseer;
grant select on holdfast.market_snapshots to holdfast_readonly;
grant delete, select on holdfast.market_snapshots to holdfast_retention;
grant select on holdfast.model_aliases to holdfast_api;
grant insert, select on holdfast.model_aliases to holdfast_bot;
grant select on holdfast.model_aliases to holdfast_overseer;
grant select on holdfast.model_aliases to holdfast_readonly;
grant select on holdfast.models to holdfast_api;
grant insert, select on holdfast.models to holdfast_bot;
grant select on holdfast.models to holdfast_overseer;
grant select on holdfast.models to holdfast_readonly;
grant delete, select on holdfast.models to holdfast_retention;
grant select on holdfast.order_events to holdfast_api;
grant insert, select on holdfast.order_events to holdfast_bot;
grant select on holdfast.order_events to holdfast_overseer;
grant select on holdfast.order_events to holdfast_readonly;
grant select on holdfast.orders to holdfast_api;
grant insert, select on holdfast.orders to holdfast_bot;
grant select on holdfast.orders to holdfast_overseer;
grant select on holdfast.orders to holdfast_readonly;
grant select on holdfast.performance to holdfast_api;
grant insert, select on holdfast.performance to holdfast_bot;
grant select on holdfast.performance to holdfast_overseer;
grant select on holdfast.performance to holdfast_readonly;
grant select on holdfast.performance_days to holdfast_api;
grant insert, select on holdfast.performance_days to holdfast_bot;
grant select on holdfast.performance_days to holdfast_overseer;
grant select on holdfast.performance_days to holdfast_readonly;
grant select on holdfast.phantoms to holdfast_api;
grant insert, select on holdfast.phantoms to holdfast_bot;
grant select on holdfast.phantoms to holdfast_overseer;
grant select on holdfast.phantoms to holdfast_readonly;
grant select on holdfast.phantoms to holdfast_retention;
grant select on holdfast.positions to holdfast_api;
grant insert, select on holdfast.positions to holdfast_bot;
grant select on holdfast.positions to holdfast_overseer;
grant select on holdfast.positions to holdfast_readonly;
grant select on holdfast.predictions to holdfast_api;
grant insert, select on holdfast.predictions to holdfast_bot;
grant select on holdfast.predictions to holdfast_overseer;
grant select on holdfast.predictions to holdfast_readonly;
grant delete, select on holdfast.predictions to holdfast_retention;
grant select on holdfast.quarantine to holdfast_api;
grant insert, select on holdfast.quarantine to holdfast_bot;
grant select on holdfast.quarantine to holdfast_overseer;
grant select on holdfast.quarantine to holdfast_readonly;
grant select on holdfast.reconciliations to holdfast_api;
grant insert, select on holdfast.reconciliations to holdfast_bot;
grant select on holdfast.reconciliations to holdfast_overseer;
grant select on holdfast.reconciliations to holdfast_readonly;
grant select on holdfast.risk_marks to holdfast_api;
grant insert, select on holdfast.risk_marks to holdfast_bot;
grant select on holdfast.risk_marks to holdfast_overseer;
grant select on holdfast.risk_marks to holdfast_readonly;
grant delete, select on holdfast.risk_marks to holdfast_retention;
grant select on holdfast.scoring_runs to holdfast_api;
grant insert, select on holdfast.scoring_runs to holdfast_bot;
grant select on holdfast.scoring_runs to holdfast_overseer;
grant select on holdfast.scoring_runs to holdfast_readonly;
grant select on holdfast.snapshots to holdfast_api;
grant insert, select on holdfast.snapshots to holdfast_bot;
grant select on holdfast.snapshots to holdfast_overseer;
grant select on holdfast.snapshots to holdfast_readonly;
grant delete, select on holdfast.snapshots to holdfast_retention;
grant select on holdfast.spool_positions to holdfast_api;
grant insert, select on holdfast.spool_positions to holdfast_bot;
grant select on holdfast.spool_positions to holdfast_overseer;
grant select on holdfast.spool_positions to holdfast_readonly;
grant select on holdfast.summaries to holdfast_api;
grant insert, select on holdfast.summaries to holdfast_bot;
grant select on holdfast.summaries to holdfast_overseer;
grant select on holdfast.summaries to holdfast_readonly;
grant insert, select on holdfast.summaries to holdfast_retention;
grant select on holdfast.trader_scores to holdfast_api;
grant insert, select on holdfast.trader_scores to holdfast_bot;
grant select on holdfast.trader_scores to holdfast_overseer;
grant select on holdfast.trader_scores to holdfast_readonly;
grant select on holdfast.trades to holdfast_api;
grant insert, select on holdfast.trades to holdfast_bot;
grant select on holdfast.trades to holdfast_overseer;
grant select on holdfast.trades to holdfast_readonly;
grant select on holdfast.trades to holdfast_retention;
grant insert, select on holdfast.user_settings to holdfast_api;
grant insert, select on holdfast.user_settings to holdfast_bot;
grant select on holdfast.user_settings to holdfast_overseer;
grant select on holdfast.user_settings to holdfast_readonly;
grant select on holdfast.users to holdfast_api;
grant select on holdfast.users to holdfast_bot;
grant select on holdfast.users to holdfast_overseer;
grant select on holdfast.users to holdfast_readonly;
grant select on holdfast.users to holdfast_retention;

grant update (baseline, baseline_at) on holdfast.accounts to holdfast_bot;
grant update (place, body) on holdfast.artefacts to holdfast_bot;
grant insert (user_id, actor, action, subject, facts) on holdfast.audit_log to holdfast_api;
grant insert (user_id, actor, action, subject, facts) on holdfast.audit_log to holdfast_bot;
grant update (count, last_at) on holdfast.blocked_signals to holdfast_bot;
grant update (parameters, parameters_version, limits, enabled, state, state_reason, state_since, memory, memory_at, breaker_day, ticks, ticked_at, equity) on holdfast.bots to holdfast_bot;
grant update (open, high, low, close, volume) on holdfast.candles to holdfast_bot;
grant insert (user_id, command_id, account_id, bot_id, verb, arguments, requested_by, reason, idempotency_key) on holdfast.commands to holdfast_api;
grant insert (user_id, command_id, account_id, bot_id, verb, arguments, requested_by, reason, idempotency_key) on holdfast.commands to holdfast_bot;
grant update (status, outcome, finished_at) on holdfast.commands to holdfast_bot;
grant update (version, epoch, saved_at, shape, codec, body, digest, counted) on holdfast.component_states to holdfast_bot;
grant update (prompt, answer) on holdfast.decisions to holdfast_retention;
grant update (status, finished_at) on holdfast.jobs to holdfast_bot;
grant update (epoch, holder, host, boot, pid, process_started, acquired_at, renewed_at, expires_at, released_at, ready_at, ticked_at, spool_id, spool_depth, spool_oldest_at, spool_at) on holdfast.leases to holdfast_bot;
grant update (promoted, previous, promoted_at) on holdfast.models to holdfast_bot;
grant update (status, venue_order_id, filled_quantity, cancel_requested_at, updated_at) on holdfast.orders to holdfast_bot;
grant update (trades, wins, losses, gained, lost, fees, best, worst, held, streak, longest_wins, longest_losses, last_closed_at, last_number) on holdfast.performance to holdfast_bot;
grant update (trades, wins, losses, gained, lost, fees, best, worst, held) on holdfast.performance_days to holdfast_bot;
grant update (closed_at, closed_price, outcome, result) on holdfast.phantoms to holdfast_bot;
grant update (quantity, cost, realised, fees, fees_other, day, day_start_result, fill_count, trade_count, last_fill_at, last_trade_id, updated_at) on holdfast.positions to holdfast_bot;
grant update (outcome, outcome_price, resolved_at) on holdfast.predictions to holdfast_bot;
grant update (resolution, resolved_at, resolved_by) on holdfast.quarantine to holdfast_bot;
grant update (status, started_at, finished_at, trader_count, error) on holdfast.scoring_runs to holdfast_bot;
grant update (sequence, moved_at) on holdfast.spool_positions to holdfast_bot;
grant update (written_at, facts) on holdfast.summaries to holdfast_retention;
grant update (direction, opened_at, closed_at, entry_quantity, entry_quote, exit_quantity, exit_quote, realised, fees, fill_count, voided) on holdfast.trades to holdfast_bot;
grant update (risk_profile, settings, updated_at) on holdfast.user_settings to holdfast_api;
grant update (risk_profile, settings, updated_at) on holdfast.user_settings to holdfast_bot;
grant update (enabled) on holdfast.users to holdfast_api;
grant update (enabled) on holdfast.users to holdfast_bot;
