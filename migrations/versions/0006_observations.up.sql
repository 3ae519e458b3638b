-- What bots saw and thought beside their orders. It comes in batches out of spools, each with the position up to which
-- that spool was read, so that nothing is written twice. The tenant stands last in keys, as in the ledger.
-- Marks and candles name a bot or an account without a foreign key: nobody may delete one, and they are many.
set local role holdfast_owner;

create table holdfast.spool_positions (
  user_id uuid not null,
  spool_id uuid not null,
  sequence bigint not null,
  moved_at timestamptz not null default clock_timestamp(),
  constraint spool_positions_pkey primary key (spool_id, user_id),
  constraint spool_positions_sequence_known check (sequence >= 0)
);

create table holdfast.decisions (
  user_id uuid not null,
  decision_id uuid not null,
  bot_id uuid not null,
  at timestamptz not null,
  prompt text,
  prompt_length integer,
  answer text,
  answer_length integer,
  decisions jsonb not null,
  notes text not null,
  success boolean not null,
  duration_ms integer not null,
  cause_keys text[] not null,
  order_ids uuid[] not null,
  constraint decisions_pkey primary key (decision_id, user_id),
  constraint decisions_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  -- A length that is larger than what is kept says that the text was cut.
  constraint decisions_lengths_fit check (
    length(prompt) <= prompt_length and length(answer) <= answer_length and duration_ms >= 0)
);
create index decisions_newest on holdfast.decisions (bot_id, at desc);

create table holdfast.predictions (
  user_id uuid not null,
  prediction_id uuid not null,
  bot_id uuid not null,
  at timestamptz not null,
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
  resolved_at timestamptz,
  constraint predictions_pkey primary key (prediction_id, user_id),
  constraint predictions_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint predictions_direction_known check (direction in ('up', 'down', 'flat')),
  constraint predictions_outcome_known check (outcome in ('right', 'wrong', 'void')),
  constraint predictions_resolved_whole check ((outcome is null) = (resolved_at is null))
);
create index predictions_newest on holdfast.predictions (bot_id, at desc);
create index predictions_open on holdfast.predictions (bot_id, symbol) where resolved_at is null;

create table holdfast.phantoms (
  user_id uuid not null,
  phantom_id uuid not null,
  bot_id uuid not null,
  at timestamptz not null,
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
  closed_at timestamptz,
  closed_price holdfast.positive,
  outcome text,
  result holdfast.amount,
  constraint phantoms_pkey primary key (phantom_id, user_id),
  constraint phantoms_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint phantoms_side_known check (side in ('buy', 'sell')),
  constraint phantoms_outcome_known check (outcome in ('won', 'lost', 'expired', 'void')),
  constraint phantoms_closed_whole check (num_nulls(closed_at, closed_price, outcome, result) in (0, 4))
);
create index phantoms_newest on holdfast.phantoms (bot_id, at desc);
create index phantoms_open on holdfast.phantoms (bot_id, symbol) where closed_at is null;

create table holdfast.blocked_signals (
  user_id uuid not null,
  bot_id uuid not null,
  day date not null,
  reason text not null,
  count bigint not null,
  last_at timestamptz not null,
  constraint blocked_signals_pkey primary key (bot_id, day, reason, user_id),
  constraint blocked_signals_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint blocked_signals_count_known check (count >= 0)
);

create table holdfast.candles (
  user_id uuid not null,
  account_id uuid not null,
  symbol text not null,
  timeframe text not null,
  opened_at timestamptz not null,
  open holdfast.positive not null,
  high holdfast.positive not null,
  low holdfast.positive not null,
  close holdfast.positive not null,
  volume holdfast.unsigned not null,
  constraint candles_pkey primary key (account_id, symbol, timeframe, opened_at, user_id)
);

create table holdfast.market_snapshots (
  user_id uuid not null,
  account_id uuid not null,
  symbol text not null,
  at timestamptz not null,
  bid holdfast.positive not null,
  ask holdfast.positive not null,
  last holdfast.positive not null,
  details jsonb not null,
  constraint market_snapshots_pkey primary key (account_id, symbol, at, user_id)
);

create table holdfast.equity_marks (
  user_id uuid not null,
  bot_id uuid not null,
  at timestamptz not null,
  equity holdfast.amount not null,
  realised_today holdfast.amount not null,
  unrealised holdfast.amount not null,
  constraint equity_marks_pkey primary key (bot_id, at, user_id)
);

create table holdfast.risk_marks (
  user_id uuid not null,
  bot_id uuid not null,
  at timestamptz not null,
  exposure holdfast.unsigned not null,
  drawdown holdfast.unsigned not null,
  breaker_tripped boolean not null,
  metrics jsonb not null,
  constraint risk_marks_pkey primary key (bot_id, at, user_id)
);

create table holdfast.allocations (
  user_id uuid not null,
  bot_id uuid not null,
  at timestamptz not null,
  asset text not null,
  value holdfast.amount not null,
  share holdfast.amount not null,
  target_share holdfast.amount,
  drift numeric generated always as (share - target_share) stored,
  constraint allocations_pkey primary key (bot_id, at, asset, user_id)
);

create table holdfast.snapshots (
  user_id uuid not null,
  bot_id uuid not null,
  at timestamptz not null,
  reason text not null,
  state jsonb not null,
  constraint snapshots_pkey primary key (bot_id, at, user_id)
);

do $tables$
declare
  table_name text;
begin
  foreach table_name in array array['spool_positions', 'decisions', 'predictions', 'phantoms', 'blocked_signals', 'candles',
    'market_snapshots', 'equity_marks', 'risk_marks', 'allocations', 'snapshots'] loop
    execute format('alter table holdfast.%I enable row level security, force row level security', table_name);
    execute format('create policy tenant on holdfast.%I using (user_id = holdfast.tenant())', table_name);
    execute format('create policy backup on holdfast.%I for select to holdfast_backup using (true)', table_name);
    execute format('create trigger %I before truncate on holdfast.%I for each statement '
      'execute function holdfast.refuse_truncate()',
      table_name || '_truncate', table_name);
    execute format('grant select on holdfast.%I to holdfast_bot, holdfast_api, holdfast_readonly', table_name);
    execute format('grant insert on holdfast.%I to holdfast_bot', table_name);
  end loop;
end
$tables$;

-- The marks are only ever inserted, which the grants say; what is too old of them will be taken away by retention.
create trigger decisions_append_only before update or delete on holdfast.decisions
  for each row execute function holdfast.refuse_change();

grant update (sequence, moved_at) on holdfast.spool_positions to holdfast_bot;
grant update (outcome, outcome_price, resolved_at) on holdfast.predictions to holdfast_bot;
grant update (closed_at, closed_price, outcome, result) on holdfast.phantoms to holdfast_bot;
grant update (count, last_at) on holdfast.blocked_signals to holdfast_bot;
grant update (open, high, low, close, volume) on holdfast.candles to holdfast_bot;
