-- load_performance: what domain.performance would count of these trades, together or by symbol
with closed as (
  select case when %(by_symbol)s::boolean then t.symbol else '' end as name, t.realised - t.fees as result,
    t.closed_at - t.opened_at as held, t.closed_at, t.symbol, t.number, t.bot_id
  from bots join trades as t using (user_id, bot_id)
  where t.closed_at is not null and not t.voided
    and (%(since)s::timestamptz is null or t.closed_at >= %(since)s::timestamptz)
    and (%(bot_id)s::uuid is null or t.bot_id = %(bot_id)s::uuid)
), ways as (
  select name, closed_at, symbol, number, bot_id as id, sign(result)::int as way,
    sign(result) is distinct from lag(sign(result)) over in_order as turns
  from closed
  window in_order as (partition by name order by closed_at, symbol collate "C", number, bot_id)
), placed as (
  select name, way, count(*) filter (where turns) over in_order as run
  from ways
  window in_order as (partition by name order by closed_at, symbol collate "C", number, id)
), runs as (
  select name, run, min(way) as way, count(*)::int as length
  from placed
  group by name, run
), streaks as (
  select name, (array_agg(way * length order by run desc))[1] as streak,
    coalesce(max(length) filter (where way > 0), 0) as longest_wins,
    coalesce(max(length) filter (where way < 0), 0) as longest_losses
  from runs
  group by name
), figures as (
  select name, count(*) as trades, count(*) filter (where result > 0) as wins,
    count(*) filter (where result < 0) as losses,
    coalesce(sum(result) filter (where result > 0), 0) as gained,
    coalesce(-sum(result) filter (where result < 0), 0) as lost,
    max(result) as best, min(result) as worst, sum(held) as held
  from closed
  group by name
)
select name, trades, wins, losses, gained, lost, best, worst, streak, longest_wins, longest_losses, held
from figures join streaks using (name)
order by name collate "C"

-- load_leaderboard: the same by bot, the best result first, with those that closed nothing
with closed as (
  select t.bot_id, t.realised - t.fees as result, t.closed_at - t.opened_at as held, t.closed_at, t.symbol, t.number
  from bots join trades as t using (user_id, bot_id)
  where t.closed_at is not null and not t.voided
    and (%(since)s::timestamptz is null or t.closed_at >= %(since)s::timestamptz)
), ways as (
  select bot_id, closed_at, symbol, number, bot_id as id, sign(result)::int as way,
    sign(result) is distinct from lag(sign(result)) over in_order as turns
  from closed
  window in_order as (partition by bot_id order by closed_at, symbol collate "C", number, bot_id)
), placed as (
  select bot_id, way, count(*) filter (where turns) over in_order as run
  from ways
  window in_order as (partition by bot_id order by closed_at, symbol collate "C", number, id)
), runs as (
  select bot_id, run, min(way) as way, count(*)::int as length
  from placed
  group by bot_id, run
), streaks as (
  select bot_id, (array_agg(way * length order by run desc))[1] as streak,
    coalesce(max(length) filter (where way > 0), 0) as longest_wins,
    coalesce(max(length) filter (where way < 0), 0) as longest_losses
  from runs
  group by bot_id
), figures as (
  select bot_id, count(*) as trades, count(*) filter (where result > 0) as wins,
    count(*) filter (where result < 0) as losses,
    coalesce(sum(result) filter (where result > 0), 0) as gained,
    coalesce(-sum(result) filter (where result < 0), 0) as lost,
    max(result) as best, min(result) as worst, sum(held) as held
  from closed
  group by bot_id
)
select bots.bot_id, bots.name, accounts.name, bots.strategy, bots.equity, coalesce(trades, 0), coalesce(wins, 0),
  coalesce(losses, 0), coalesce(gained, 0), coalesce(lost, 0), best, worst, coalesce(streak, 0),
  coalesce(longest_wins, 0), coalesce(longest_losses, 0), coalesce(held, interval '0')
from bots
join accounts using (user_id, account_id)
left join figures using (bot_id)
left join streaks using (bot_id)
order by coalesce(gained - lost, 0) desc, bots.name, bots.bot_id

-- load_days: what each UTC day brought, and all of them so far
select day, trades, result, sum(result) over (order by day)
from (
  select (t.closed_at at time zone 'UTC')::date as day, count(*) as trades, sum(t.realised - t.fees) as result
  from bots join trades as t using (user_id, bot_id)
  where t.closed_at is not null and not t.voided
    and (%(since)s::timestamptz is null or t.closed_at >= %(since)s::timestamptz)
    and (%(bot_id)s::uuid is null or t.bot_id = %(bot_id)s::uuid)
  group by 1
) as days
order by day

-- load_best_trades: those that brought most
select t.bot_id, t.symbol, t.number, t.direction, t.opened_at, t.closed_at, t.entry_quantity, t.entry_quote,
  t.exit_quantity, t.exit_quote, t.realised, t.fees, t.fill_count
from bots join trades as t using (user_id, bot_id)
where t.closed_at is not null and not t.voided
  and (%(since)s::timestamptz is null or t.closed_at >= %(since)s::timestamptz)
  and (%(bot_id)s::uuid is null or t.bot_id = %(bot_id)s::uuid)
order by t.realised - t.fees desc, t.closed_at, t.symbol collate "C", t.number, t.bot_id
limit %(count)s

-- load_worst_trades: those that cost most
select t.bot_id, t.symbol, t.number, t.direction, t.opened_at, t.closed_at, t.entry_quantity, t.entry_quote,
  t.exit_quantity, t.exit_quote, t.realised, t.fees, t.fill_count
from bots join trades as t using (user_id, bot_id)
where t.closed_at is not null and not t.voided
  and (%(since)s::timestamptz is null or t.closed_at >= %(since)s::timestamptz)
  and (%(bot_id)s::uuid is null or t.bot_id = %(bot_id)s::uuid)
order by t.realised - t.fees, t.closed_at, t.symbol collate "C", t.number, t.bot_id
limit %(count)s

-- load_equity: a bot's curve in equal stretches of its time, of each the last mark
with seen as (
  select at, equity, min(at) over () as first_at, max(at) over () as last_at
  from equity_marks
  where bot_id = %(bot_id)s and (%(since)s::timestamptz is null or at >= %(since)s::timestamptz)
), placed as (
  select at, equity, least(%(count)s - 1, case when last_at = first_at then 0 else
    div(extract(epoch from at - first_at) * %(count)s, extract(epoch from last_at - first_at)) end) as stretch
  from seen
)
select at, equity from (select distinct on (stretch) at, equity from placed order by stretch, at desc) as thinned
order by at
