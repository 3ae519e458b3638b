-- The ledger: orders move, order events and fills are appended, positions and trades are derived from fills.
-- The tenant stands last in keys and in no other index: every query has it, and an index that begins with it looks
-- as good as the right one to a planner without statistics, which then reads all of a tenant's rows.
set local role holdfast_owner;

create table holdfast.jobs (
  user_id uuid not null,
  job_id uuid not null,
  account_id uuid not null,
  bot_id uuid not null,
  trigger_reason text not null,
  status text not null default 'running',
  started_at timestamptz not null,
  finished_at timestamptz,
  constraint jobs_pkey primary key (job_id, user_id),
  constraint jobs_bot_fkey foreign key (user_id, account_id, bot_id)
    references holdfast.bots (user_id, account_id, bot_id),
  constraint jobs_status_known check (status in ('running', 'completed', 'failed', 'recovered'))
);
create index jobs_running on holdfast.jobs (account_id) where status = 'running';

-- The one table of legal moves in SQL; the guarded updates and the trigger both ask it, and a test holds it against
-- runtime/domain/order.py.
create function holdfast.may_move(before text, after text) returns boolean
  language sql immutable parallel safe
  return case before
    when 'pending' then after in ('submitted', 'unknown', 'rejected', 'failed')
    when 'unknown' then after in ('submitted', 'open', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected', 'failed')
    when 'submitted' then after in ('open', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected', 'unknown')
    when 'open' then after in ('partially_filled', 'filled', 'cancelled', 'expired', 'unknown')
    when 'partially_filled' then after in ('filled', 'cancelled', 'expired', 'unknown')
    when 'cancelled' then after = 'filled'
    when 'expired' then after = 'filled'
    when 'rejected' then after = 'unknown'
    when 'failed' then after = 'unknown'
    else false
  end;

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
  filled_quantity holdfast.unsigned not null default 0,
  cancel_requested_at timestamptz,
  reason text not null default '',
  epoch bigint not null,
  created_at timestamptz not null,
  send_before timestamptz not null,
  updated_at timestamptz not null,
  constraint orders_pkey primary key (order_id, user_id),
  constraint orders_client_order_id_key unique (account_id, client_order_id, user_id),
  constraint orders_intent_key unique (bot_id, intent_key, user_id),
  constraint orders_venue_order_id_key unique (account_id, venue_order_id, user_id),
  constraint orders_bot_fkey foreign key (user_id, account_id, bot_id)
    references holdfast.bots (user_id, account_id, bot_id),
  constraint orders_job_fkey foreign key (user_id, job_id) references holdfast.jobs (user_id, job_id),
  constraint orders_side_known check (side in ('buy', 'sell')),
  constraint orders_kind_known check (kind in ('market', 'limit')),
  constraint orders_price_fits_kind check ((kind = 'limit') = (price is not null)),
  constraint orders_status_known check (status in ('pending', 'submitted', 'open', 'partially_filled', 'filled',
    'cancelled', 'rejected', 'expired', 'unknown', 'failed')),
  constraint orders_acknowledged_has_venue_id check (
    status in ('pending', 'unknown', 'rejected', 'failed') or venue_order_id is not null),
  constraint orders_filled_is_whole check (status <> 'filled' or filled_quantity = quantity),
  constraint orders_not_overfilled check (filled_quantity <= quantity),
  constraint orders_sent_after_written check (send_before >= created_at)
);
create index orders_unsettled on holdfast.orders (account_id, created_at)
  where status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown');
create index orders_recent on holdfast.orders (account_id, updated_at);

-- What a WHEN says is parsed anew for every statement, so what each order's life passes has none: it calls the function.
create function holdfast.check_order_change() returns trigger
  language plpgsql
as $body$
begin
  if old.status <> new.status and not holdfast.may_move(old.status, new.status) then
    raise exception 'an order may not move from % to %', old.status, new.status using errcode = 'HF004';
  end if;
  if new.filled_quantity < old.filled_quantity or new.venue_order_id is distinct from old.venue_order_id
    and old.venue_order_id is not null then
    raise exception 'what was filled of an order, and the id its venue gave it, may not be rewritten'
      using errcode = 'HF003';
  end if;
  return new;
end
$body$;
create trigger orders_move_is_legal before update of status, filled_quantity, venue_order_id on holdfast.orders
  for each row execute function holdfast.check_order_change();

create function holdfast.refuse_order_rewrite() returns trigger
  language plpgsql
as $body$
begin
  raise exception 'what an order asked for may not be rewritten' using errcode = 'HF003';
end
$body$;
create trigger orders_intent_is_fixed before update of user_id, order_id, account_id, bot_id, job_id, client_order_id,
    intent_key, symbol, side, kind, quantity, price, reduce_only, epoch, created_at, send_before on holdfast.orders
  for each row when (
    new.user_id <> old.user_id
    or new.order_id <> old.order_id
    or new.account_id <> old.account_id
    or new.bot_id <> old.bot_id
    or new.job_id is distinct from old.job_id
    or new.client_order_id <> old.client_order_id
    or new.intent_key <> old.intent_key
    or new.symbol <> old.symbol
    or new.side <> old.side
    or new.kind <> old.kind
    or new.quantity <> old.quantity
    or new.price is distinct from old.price
    or new.reduce_only <> old.reduce_only
    or new.epoch <> old.epoch
    or new.created_at <> old.created_at
    or new.send_before <> old.send_before
  ) execute function holdfast.refuse_order_rewrite();

create table holdfast.order_events (
  user_id uuid not null,
  account_id uuid not null,
  sequence bigint not null,
  order_id uuid not null,
  at timestamptz not null,
  status_before text,
  status_after text not null,
  detail text not null,
  previous bytea not null,
  digest bytea not null,
  epoch bigint not null,
  constraint order_events_pkey primary key (account_id, sequence, user_id),
  constraint order_events_order_fkey foreign key (user_id, order_id) references holdfast.orders (user_id, order_id),
  constraint order_events_sequence_positive check (sequence > 0),
  constraint order_events_digest_is_sha256 check (octet_length(digest) = 32 and octet_length(previous) = 32)
);
create index order_events_order on holdfast.order_events (order_id, sequence);

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
  traded_at timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp(),
  epoch bigint not null,
  constraint fills_pkey primary key (account_id, symbol, venue_trade_id, user_id),
  constraint fills_order_fkey foreign key (user_id, order_id) references holdfast.orders (user_id, order_id),
  constraint fills_side_known check (side in ('buy', 'sell'))
);
create index fills_order on holdfast.fills (order_id);
create index fills_position on holdfast.fills (bot_id, symbol, traded_at);
create index fills_recent on holdfast.fills (account_id, traded_at);

create table holdfast.positions (
  user_id uuid not null,
  bot_id uuid not null,
  symbol text not null,
  account_id uuid not null,
  quantity holdfast.amount not null,
  cost holdfast.amount not null,
  average_price numeric generated always as (
    case when quantity = 0 then null else round(cost / quantity, 18) end) stored,
  realised holdfast.amount not null,
  fees holdfast.amount not null,
  fees_other jsonb not null default '{}',
  day date,
  day_start_result holdfast.amount not null default 0,
  fill_count integer not null,
  trade_count integer not null,
  last_fill_at timestamptz,
  last_trade_id text,
  updated_at timestamptz not null default clock_timestamp(),
  constraint positions_pkey primary key (bot_id, symbol, user_id),
  constraint positions_bot_fkey foreign key (user_id, account_id, bot_id)
    references holdfast.bots (user_id, account_id, bot_id),
  constraint positions_average_is_finite check (average_price < 'Infinity' and average_price > '-Infinity')
);
create index positions_account on holdfast.positions (account_id);

create table holdfast.trades (
  user_id uuid not null,
  bot_id uuid not null,
  symbol text not null,
  number integer not null,
  account_id uuid not null,
  direction text not null,
  opened_at timestamptz not null,
  closed_at timestamptz,
  entry_quantity holdfast.unsigned not null,
  entry_quote holdfast.unsigned not null,
  exit_quantity holdfast.unsigned not null,
  exit_quote holdfast.unsigned not null,
  realised holdfast.amount not null,
  fees holdfast.amount not null,
  fill_count integer not null,
  voided boolean not null default false,
  constraint trades_pkey primary key (bot_id, symbol, number, user_id),
  constraint trades_bot_fkey foreign key (user_id, account_id, bot_id)
    references holdfast.bots (user_id, account_id, bot_id),
  constraint trades_direction_known check (direction in ('long', 'short')),
  constraint trades_closed_after_opened check (closed_at >= opened_at)
);
create index trades_open on holdfast.trades (account_id) where closed_at is null and not voided;

create trigger order_events_append_only before update or delete on holdfast.order_events
  for each row execute function holdfast.refuse_change();
create trigger fills_append_only before update or delete on holdfast.fills
  for each row execute function holdfast.refuse_change();

do $tenants$
declare
  table_name text;
begin
  foreach table_name in array array['jobs', 'orders', 'order_events', 'fills', 'positions', 'trades'] loop
    execute format('alter table holdfast.%I enable row level security, force row level security', table_name);
    execute format('create policy tenant on holdfast.%I using (user_id = holdfast.tenant())', table_name);
    execute format('create trigger %I before truncate on holdfast.%I for each statement '
      'execute function holdfast.refuse_truncate()',
      table_name || '_truncate', table_name);
    execute format('grant select on holdfast.%I to holdfast_bot, holdfast_api, holdfast_readonly', table_name);
    execute format('grant insert on holdfast.%I to holdfast_bot', table_name);
  end loop;
end
$tenants$;

grant update (status, finished_at) on holdfast.jobs to holdfast_bot;
grant update (status, venue_order_id, filled_quantity, cancel_requested_at, updated_at) on holdfast.orders to holdfast_bot;
grant update (quantity, cost, realised, fees, fees_other, day, day_start_result, fill_count, trade_count, last_fill_at,
  last_trade_id, updated_at) on holdfast.positions to holdfast_bot;
grant update (direction, opened_at, closed_at, entry_quantity, entry_quote, exit_quantity, exit_quote, realised, fees,
  fill_count, voided) on holdfast.trades to holdfast_bot;
