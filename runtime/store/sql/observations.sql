-- lock_position: how far this spool was written, held until the transaction ends; a spool that is new begins at nothing
insert into spool_positions (user_id, spool_id, sequence) values (tenant(), %(spool_id)s, 0)
on conflict (spool_id, user_id) do update set sequence = spool_positions.sequence
returning sequence

-- move_position: all up to here is written by this transaction
update spool_positions set sequence = %(sequence)s, moved_at = clock_timestamp() where spool_id = %(spool_id)s

-- load_position: how far a spool was written, for whoever opens one that an earlier process left
select sequence from spool_positions where spool_id = %(spool_id)s

-- record_decisions: what was asked, what was answered, what became of it
insert into decisions (user_id, decision_id, bot_id, at, prompt, prompt_length, answer, answer_length, decisions, notes,
  success, duration_ms, cause_keys, order_ids)
select (select tenant()), r.decision_id, r.bot_id, 'epoch'::timestamptz + r.at_us * interval '1 microsecond', r.prompt,
  r.prompt_length, r.answer, r.answer_length, r.decisions, r.notes, r.success, r.duration_ms, r.cause_keys, r.order_ids
from json_to_recordset(%(rows)s::json) as r (at_us bigint, decision_id uuid, bot_id uuid, prompt text,
  prompt_length integer, answer text, answer_length integer, decisions jsonb, notes text, success boolean,
  duration_ms integer, cause_keys text[], order_ids uuid[])
on conflict do nothing

-- record_predictions: what a model expects; the same prediction is kept once
insert into predictions (user_id, prediction_id, bot_id, at, symbol, model, horizon_seconds, direction, confidence, price,
  target, features)
select (select tenant()), r.prediction_id, r.bot_id, 'epoch'::timestamptz + r.at_us * interval '1 microsecond', r.symbol, r.model,
  r.horizon_seconds, r.direction, r.confidence, r.price, r.target, r.features
from json_to_recordset(%(rows)s::json) as r (at_us bigint, prediction_id uuid, bot_id uuid, symbol text, model text,
  horizon_seconds integer, direction text, confidence numeric, price numeric, target numeric, features jsonb)
on conflict do nothing

-- resolve_predictions: what came of them; the first outcome stands
update predictions as p set outcome = r.outcome, outcome_price = r.outcome_price,
  resolved_at = 'epoch'::timestamptz + r.at_us * interval '1 microsecond'
from json_to_recordset(%(rows)s::json) as r (at_us bigint, prediction_id uuid, outcome text, outcome_price numeric)
where p.prediction_id = r.prediction_id and p.resolved_at is null

-- record_phantoms: every signal, executed or not; the same signal is kept once
insert into phantoms (user_id, phantom_id, bot_id, at, symbol, strategy, side, executed, reason, score, cause_key,
  opened_price, take_profit, stop_loss, features)
select (select tenant()), r.phantom_id, r.bot_id, 'epoch'::timestamptz + r.at_us * interval '1 microsecond', r.symbol, r.strategy,
  r.side, r.executed, r.reason, r.score, r.cause_key, r.opened_price, r.take_profit, r.stop_loss, r.features
from json_to_recordset(%(rows)s::json) as r (at_us bigint, phantom_id uuid, bot_id uuid, symbol text, strategy text,
  side text, executed boolean, reason text, score numeric, cause_key text, opened_price numeric, take_profit numeric,
  stop_loss numeric, features jsonb)
on conflict do nothing

-- close_phantoms: where the price went; the first outcome stands
update phantoms as p set closed_price = r.closed_price, outcome = r.outcome, result = r.result,
  closed_at = 'epoch'::timestamptz + r.at_us * interval '1 microsecond'
from json_to_recordset(%(rows)s::json) as r (at_us bigint, phantom_id uuid, closed_price numeric, outcome text,
  result numeric)
where p.phantom_id = r.phantom_id and p.closed_at is null

-- count_blocked_signals: how often a reason kept a bot from a signal, day by day
insert into blocked_signals as b (user_id, bot_id, day, reason, count, last_at)
select (select tenant()), s.bot_id, (s.at at time zone 'UTC')::date, s.reason, sum(s.count), max(s.at)
from (
  select r.bot_id, r.reason, r.count, 'epoch'::timestamptz + r.at_us * interval '1 microsecond' as at
  from json_to_recordset(%(rows)s::json) as r (at_us bigint, bot_id uuid, reason text, count bigint)
) as s
group by 2, 3, 4
on conflict (bot_id, day, reason, user_id) do update set count = b.count + excluded.count,
  last_at = greatest(b.last_at, excluded.last_at)

-- record_candles: what a desk saw of them; a candle that is seen again is corrected where it differs
insert into candles as c (user_id, account_id, symbol, timeframe, opened_at, open, high, low, close, volume)
select distinct on (r.symbol, r.timeframe, opened_us) (select tenant()), %(account_id)s, r.symbol, r.timeframe,
  'epoch'::timestamptz + (e ->> 0)::bigint * interval '1 microsecond', (e ->> 1)::numeric, (e ->> 2)::numeric,
  (e ->> 3)::numeric, (e ->> 4)::numeric, (e ->> 5)::numeric
from rows from (json_to_recordset(%(rows)s::json) as (symbol text, timeframe text, candles json))
    with ordinality as r (symbol, timeframe, candles, place)
  cross join lateral json_array_elements(r.candles) as e
  cross join lateral (select (e ->> 0)::bigint as opened_us) as o
order by r.symbol, r.timeframe, opened_us, r.place desc
on conflict (account_id, symbol, timeframe, opened_at, user_id) do update
set open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume
where (c.open, c.high, c.low, c.close, c.volume)
  is distinct from (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)

-- record_market_snapshots: the best prices as they stood
insert into market_snapshots (user_id, account_id, symbol, at, bid, ask, last, details)
select (select tenant()), %(account_id)s, r.symbol, 'epoch'::timestamptz + r.at_us * interval '1 microsecond', r.bid, r.ask, r.last,
  r.details
from json_to_recordset(%(rows)s::json) as r (at_us bigint, symbol text, bid numeric, ask numeric, last numeric,
  details jsonb)
on conflict do nothing

-- record_equity_marks: what a bot was worth
insert into equity_marks (user_id, bot_id, at, equity, realised_today, unrealised)
select (select tenant()), r.bot_id, 'epoch'::timestamptz + r.at_us * interval '1 microsecond', r.equity, r.realised_today,
  r.unrealised
from json_to_recordset(%(rows)s::json) as r (at_us bigint, bot_id uuid, equity numeric, realised_today numeric,
  unrealised numeric)
on conflict do nothing

-- record_risk_marks: what a bot risked
insert into risk_marks (user_id, bot_id, at, exposure, drawdown, breaker_tripped, metrics)
select (select tenant()), r.bot_id, 'epoch'::timestamptz + r.at_us * interval '1 microsecond', r.exposure, r.drawdown,
  r.breaker_tripped, r.metrics
from json_to_recordset(%(rows)s::json) as r (at_us bigint, bot_id uuid, exposure numeric, drawdown numeric,
  breaker_tripped boolean, metrics jsonb)
on conflict do nothing

-- record_allocations: how a bot's worth was spread, and how it should be
insert into allocations (user_id, bot_id, at, asset, value, share, target_share)
select (select tenant()), r.bot_id, 'epoch'::timestamptz + r.at_us * interval '1 microsecond', r.asset, r.value, r.share,
  r.target_share
from json_to_recordset(%(rows)s::json) as r (at_us bigint, bot_id uuid, asset text, value numeric, share numeric,
  target_share numeric)
on conflict do nothing

-- record_snapshots: a bot's state as a whole
insert into snapshots (user_id, bot_id, at, reason, state)
select (select tenant()), r.bot_id, 'epoch'::timestamptz + r.at_us * interval '1 microsecond', r.reason, r.state
from json_to_recordset(%(rows)s::json) as r (at_us bigint, bot_id uuid, reason text, state jsonb)
on conflict do nothing
