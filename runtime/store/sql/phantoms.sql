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
-- Each row is looked at once, for whose it is; the newest are then picked out, which sorts no others.
with told as materialized (
  select strategy, executed, outcome, result > 0 as is_gain, closed_at, phantom_id
  from phantoms
  where bot_id = %(bot_id)s::uuid or %(bot_id)s::uuid is null
), counted as (
  select strategy, executed, outcome, outcome <> 'void' as is_judged, outcome <> 'void' and is_gain as is_right,
    count(*) as n
  from told
  group by strategy, executed, outcome, is_gain
), summed as (
  select strategy, coalesce(sum(n), 0) as total, coalesce(sum(n) filter (where executed), 0) as executed,
    coalesce(sum(n) filter (where outcome is null), 0) as open, coalesce(sum(n) filter (where outcome = 'won'), 0) as won,
    coalesce(sum(n) filter (where outcome = 'lost'), 0) as lost,
    coalesce(sum(n) filter (where outcome = 'expired'), 0) as expired,
    coalesce(sum(n) filter (where outcome = 'void'), 0) as void, coalesce(sum(n) filter (where is_right), 0) as is_right,
    coalesce(sum(n) filter (where is_judged and executed), 0) as judged_executed,
    coalesce(sum(n) filter (where is_right and executed), 0) as right_executed
  from counted
  group by grouping sets ((strategy), ())
)
select s.strategy, s.total::bigint, s.executed::bigint, s.open::bigint, s.won::bigint, s.lost::bigint, s.expired::bigint,
  s.void::bigint, s.is_right::bigint, s.judged_executed::bigint, s.right_executed::bigint, newest.judged, newest.is_right
from summed as s
cross join lateral (
  select count(*) as judged, count(*) filter (where is_gain) as is_right
  from (
    select is_gain from told
    where outcome <> 'void' and (s.strategy is null or strategy = s.strategy)
    order by closed_at desc, phantom_id desc limit %(rolling)s
  ) as last
) as newest

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
