-- look_for_orders: whether we would see everybody's orders, whether somebody else has some, and whether we have
select not row_security_active('holdfast.orders'),
  exists (select from orders where user_id <> %(tenant)s), exists (select from orders where user_id = %(tenant)s)

-- make_stage: rows are copied here first, because nobody may copy into a table with row-level security
do $stage$
declare
  each text;
begin
  foreach each in array array['jobs', 'orders', 'order_events', 'fills', 'trades'] loop
    execute format('create temporary table %I (like holdfast.%I) on commit drop', 'sample_' || each, each);
  end loop;
  -- So many at once are counted when all are there.
  alter table holdfast.trades disable trigger trades_closed, disable trigger trades_changed;
end
$stage$

-- pour: what was copied goes into the ledger, past every constraint and policy of it
do $pour$
declare
  each text;
begin
  foreach each in array array['jobs', 'orders', 'order_events', 'fills', 'trades'] loop
    execute format('insert into holdfast.%I select * from %I', each, 'sample_' || each);
    execute format('truncate %I', 'sample_' || each);
  end loop;
end
$pour$

-- record_position: what a bot's fills leave it with
insert into positions (user_id, bot_id, symbol, account_id, quantity, cost, realised, fees, day, day_start_result,
  fill_count, trade_count, last_fill_at, last_trade_id)
values (tenant(), %(bot_id)s, %(symbol)s, %(account_id)s, %(quantity)s::text::numeric, %(cost)s::text::numeric,
  %(realised)s::text::numeric, %(fees)s::text::numeric, %(day)s, %(day_start_result)s::text::numeric, %(fill_count)s,
  %(trade_count)s, %(last_fill_at)s, %(last_trade_id)s)

-- count_trades: what the made-up trades brought, and from now on each is counted as it comes
do $count$
begin
  alter table holdfast.trades enable trigger trades_closed, enable trigger trades_changed;
  perform holdfast.recount_trades(user_id, bot_id, symbol, '-infinity')
  from (select distinct user_id, bot_id, symbol from holdfast.trades where user_id = holdfast.tenant()) as pairs;
end
$count$

-- make_decisions: of each order the thought that led to it
insert into decisions (user_id, decision_id, bot_id, at, prompt, prompt_length, answer, answer_length, decisions, notes,
  success, duration_ms, cause_keys, order_ids)
select o.user_id, md5('decision ' || o.order_id)::uuid, o.bot_id, o.created_at, said.prompt, length(said.prompt), said.answer,
  length(said.answer), jsonb_build_array(jsonb_build_object('symbol', o.symbol, 'side', o.side, 'quantity', o.quantity::text)),
  o.reason, o.status <> 'rejected', 20 + abs(hashtext(o.intent_key) % 400), array[o.intent_key], array[o.order_id]
from orders as o
cross join lateral (
  select format('The market of %s stands. Held: unknown here. What is to be done, and why?', o.symbol) as prompt,
    format('%s %s %s, because %s.', o.side, o.quantity, o.symbol, o.reason) as answer
) as said
where o.user_id = tenant()

-- make_predictions: for every other order, and how it came out
insert into predictions (user_id, prediction_id, bot_id, at, symbol, model, horizon_seconds, direction, confidence, price,
  features, outcome, outcome_price, resolved_at)
select f.user_id, md5('prediction ' || f.venue_trade_id || f.symbol)::uuid, f.bot_id, f.traded_at, f.symbol, 'sample', 900,
  case f.side when 'buy' then 'up' else 'down' end, 0.5 + abs(hashtext(f.venue_trade_id) % 50) / 100.0, f.price,
  jsonb_build_object('momentum', (hashtext(f.venue_trade_id) % 1000) / 1000.0),
  case when hashtext(f.venue_trade_id) % 5 < 3 then 'right' else 'wrong' end, f.price, f.traded_at + interval '15 minutes'
from fills as f
where f.user_id = tenant() and hashtext(f.venue_trade_id || 'p') % 2 = 0

-- make_phantoms: of each order its signal, and as many half that nobody took; what became of them
insert into phantoms (user_id, phantom_id, bot_id, at, symbol, strategy, side, executed, reason, score, cause_key,
  opened_price, features, closed_at, closed_price, outcome, result)
select o.user_id, md5('phantom ' || taken || o.order_id)::uuid, o.bot_id, o.created_at, o.symbol, 'momentum', o.side, taken,
  case when taken then '' else 'cooldown' end, 0.4 + abs(hashtext(o.intent_key) % 60) / 100.0,
  case when taken then o.intent_key end, priced.price,
  jsonb_build_object('momentum', (hashtext(o.intent_key) % 1000) / 1000.0, 'spread', abs(hashtext(o.intent_key) % 7) / 1000.0,
    'hour', extract(hour from o.created_at)),
  o.created_at + interval '1 hour', priced.price * (1 + ended.result), ended.outcome, ended.result
from orders as o
cross join unnest(array[true, false]) as taken
cross join lateral (select coalesce(o.price, (select price from fills where order_id = o.order_id limit 1), 1) as price) as priced
cross join lateral (
  select case when hashtext(o.intent_key || taken) % 9 >= 0 then 0.01 else -0.01 end as result,
    case when hashtext(o.intent_key || taken) % 9 >= 0 then 'won' else 'lost' end as outcome
) as ended
where o.user_id = tenant() and (taken or hashtext(o.intent_key) % 2 = 0)

-- make_blocked_signals: what forbade some, by day
insert into blocked_signals (user_id, bot_id, day, reason, count, last_at)
select user_id, bot_id, (at at time zone 'UTC')::date, reason, count(*), max(at)
from phantoms where user_id = tenant() and not executed
group by 1, 2, 3, 4

-- make_equity_marks: at each end of a trade, what the bot was worth
insert into equity_marks (user_id, bot_id, at, equity, realised_today, unrealised)
select user_id, bot_id, closed_at, 10000 + sum(realised - fees) over (partition by bot_id order by closed_at, number),
  sum(realised - fees) over (partition by bot_id, (closed_at at time zone 'UTC')::date order by closed_at, number), 0
from trades where user_id = tenant() and closed_at is not null
on conflict do nothing

-- make_risk_marks: how far below its best that was
insert into risk_marks (user_id, bot_id, at, exposure, drawdown, breaker_tripped, metrics)
select user_id, bot_id, at, 0, greatest(0, max(equity) over (partition by bot_id order by at) - equity), false, '{}'
from equity_marks where user_id = tenant()

-- make_allocations: at the end of each day, all in the coin of account
insert into allocations (user_id, bot_id, at, asset, value, share, target_share)
select user_id, bot_id, at, 'USDT', equity, 1, 1
from (
  select distinct on (bot_id, (at at time zone 'UTC')::date) user_id, bot_id, at, equity
  from equity_marks where user_id = tenant()
  order by bot_id, (at at time zone 'UTC')::date, at desc
) as last_of_day

-- make_snapshots: at the same instants the whole of each bot
insert into snapshots (user_id, bot_id, at, reason, state)
select user_id, bot_id, at, 'day', jsonb_build_object('equity', value::text, 'positions', '[]'::jsonb)
from allocations where user_id = tenant()

-- make_candles: of every symbol in 3 and 15 minutes, out of the fills; where none fell the last price stands
insert into candles (user_id, account_id, symbol, timeframe, opened_at, open, high, low, close, volume)
select user_id, account_id, symbol, minutes || 'm', opened_at, (array_agg(price order by traded_at, venue_trade_id))[1],
  max(price), min(price), (array_agg(price order by traded_at desc, venue_trade_id desc))[1], sum(quantity)
from (
  select f.user_id, f.account_id, f.symbol, f.price, f.quantity, f.traded_at, f.venue_trade_id, minutes,
    date_bin(minutes * interval '1 minute', f.traded_at, 'epoch'::timestamptz) as opened_at
  from fills as f cross join unnest(array[3, 15]) as minutes
  where f.user_id = tenant()
) as placed
group by user_id, account_id, symbol, minutes, opened_at

-- make_market_snapshots: the best prices at the end of each quarter of an hour
insert into market_snapshots (user_id, account_id, symbol, at, bid, ask, last, details)
select user_id, account_id, symbol, opened_at + interval '15 minutes', close * 0.9999, close * 1.0001, close, '{}'
from candles where user_id = tenant() and timeframe = '15m'

-- make_scoring_runs: a run for each day, of all bots
insert into scoring_runs (user_id, run_id, scorer, status, requested_at, started_at, finished_at, trader_count)
select user_id, md5('run ' || (at at time zone 'UTC')::date)::uuid, 'sample', 'completed', max(at), max(at), max(at),
  count(distinct bot_id)
from allocations where user_id = tenant()
group by user_id, (at at time zone 'UTC')::date

-- make_trader_scores: and what it found of each
insert into trader_scores (user_id, run_id, trader, bot_id, rank, score, metrics)
select a.user_id, md5('run ' || (a.at at time zone 'UTC')::date)::uuid, bots.name, a.bot_id,
  row_number() over (partition by (a.at at time zone 'UTC')::date order by a.value desc, bots.name), a.value,
  jsonb_build_object('equity', a.value::text)
from allocations as a join bots using (user_id, bot_id)
where a.user_id = tenant()

-- make_component_state: what a component of each bot saved
insert into component_states (user_id, bot_id, component, place, version, epoch, saved_at, shape, codec, body, digest, counted)
select user_id, bot_id, %(component)s, 1, 1, 1, created_at, %(shape)s, %(codec)s, %(body)s, sha256(%(body)s), '{}'
from bots where user_id = tenant()

-- make_artefact: bytes of a model
insert into artefacts (user_id, digest, size, place, body)
values (tenant(), sha256(%(body)s), octet_length(%(body)s), 'database', %(body)s)

-- make_models: two versions of it for each bot, the second in use
insert into models (user_id, bot_id, name, version, digest, shape, codec, metrics, training_size, examples_seen, promoted,
  previous, epoch, promoted_at)
select user_id, bot_id, 'sample', version, sha256(%(body)s), %(shape)s, %(codec)s, %(metrics)s::jsonb,
  %(training_size)s::integer, %(training_size)s::integer, version = 2, nullif(version - 1, 0), 1, created_at
from bots cross join generate_series(1, 2) as version
where user_id = tenant()
