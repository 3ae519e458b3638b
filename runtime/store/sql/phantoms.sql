-- load_open: what a desk has to follow on, of every bot on its account
select p.phantom_id, p.bot_id, p.at, p.symbol, p.side, p.opened_price, p.take_profit, p.stop_loss
from phantoms as p
join bots using (user_id, bot_id)
where bots.account_id = %(account_id)s and p.closed_at is null
order by p.at, p.phantom_id
limit %(count)s

-- close: where the price went, of all that end in a tick, and what that makes of what was foretold; the first outcome
-- stands, and who has one is told back
with given as (
  select *
  from json_to_recordset(%(rows)s::json) as r (phantom_id uuid, at_us bigint, closed_price numeric, outcome text,
    result numeric)
), closed as (
  update phantoms as p set closed_price = r.closed_price, outcome = r.outcome, result = r.result,
    closed_at = 'epoch'::timestamptz + r.at_us * interval '1 microsecond'
  from given as r
  where p.phantom_id = r.phantom_id and p.closed_at is null
  returning p.phantom_id, p.side, p.closed_price, p.outcome, p.result, p.closed_at
), resolved as (
  -- A prediction bears its signal's id: it was right if it foretold the way that the price went.
  update predictions as f set outcome_price = c.closed_price, resolved_at = c.closed_at,
    outcome = case when c.outcome = 'void' then 'void'
      when (f.direction = 'up') = ((c.result > 0) = (c.side = 'buy')) then 'right' else 'wrong' end
  from closed as c
  where f.prediction_id = c.phantom_id and f.resolved_at is null
)
select phantom_id from closed
union all
select p.phantom_id from phantoms as p join given using (phantom_id) where p.closed_at is not null

-- load_statistics: what became of all signals, and of those of each strategy; the row of all has no name
with told as (
  select strategy, executed, outcome, outcome <> 'void' and result > 0 as is_right, outcome <> 'void' as is_judged,
    row_number() over (partition by outcome <> 'void', strategy order by closed_at desc, phantom_id desc) as place,
    row_number() over (partition by outcome <> 'void' order by closed_at desc, phantom_id desc) as place_of_all
  from phantoms
  where bot_id = %(bot_id)s::uuid or %(bot_id)s::uuid is null
)
select strategy, count(*), count(*) filter (where executed), count(*) filter (where outcome is null),
  count(*) filter (where outcome = 'won'), count(*) filter (where outcome = 'lost'),
  count(*) filter (where outcome = 'expired'), count(*) filter (where outcome = 'void'),
  count(*) filter (where is_right), count(*) filter (where is_judged and executed),
  count(*) filter (where is_right and executed),
  case when grouping(strategy) = 1 then count(*) filter (where is_judged and place_of_all <= %(rolling)s)
    else count(*) filter (where is_judged and place <= %(rolling)s) end,
  case when grouping(strategy) = 1 then count(*) filter (where is_right and place_of_all <= %(rolling)s)
    else count(*) filter (where is_right and place <= %(rolling)s) end
from told
group by grouping sets ((strategy), ())

-- load_blocked: how often which reason stood in the way
select reason, sum(count)::bigint from blocked_signals
where bot_id = %(bot_id)s::uuid or %(bot_id)s::uuid is null
group by reason
order by 2 desc, 1

-- load_features: which columns learning data has beside its own, and whether a column holds nothing but numbers
select name, bool_and(jsonb_typeof(features -> name) in ('number', 'null'))
from phantoms cross join lateral jsonb_object_keys(features) as name
where jsonb_typeof(features) = 'object' and outcome <> 'void'
group by name
order by name

-- load_learning: a page of what can be learnt from, behind the last one
select p.phantom_id, p.at, bots.name, p.symbol, p.strategy, p.side, p.executed, p.reason, p.score, p.opened_price,
  p.take_profit, p.stop_loss, p.closed_at, p.closed_price, p.outcome, p.result, p.features
from phantoms as p
join bots using (user_id, bot_id)
where p.outcome <> 'void'
  and (%(after_id)s::uuid is null or (p.at, p.phantom_id) > (%(after_at)s::timestamptz, %(after_id)s::uuid))
order by p.at, p.phantom_id
limit %(count)s

-- count_judged: how many signals of a bot's strategy have ended, for better or worse
select count(*) from phantoms where bot_id = %(bot_id)s and strategy = %(strategy)s and outcome <> 'void'

-- load_examples: the newest of them with what was seen then
select features, result > 0 from phantoms
where bot_id = %(bot_id)s and strategy = %(strategy)s and outcome <> 'void'
order by at desc, phantom_id desc
limit %(count)s
