-- load_life: what closed trades brought in the whole life of bots, together or by symbol; a streak is that of one symbol
select case when %(by_symbol)s::boolean then p.symbol else '' end as name, sum(p.trades), sum(p.wins), sum(p.losses),
  sum(p.gained), sum(p.lost), max(p.best), min(p.worst), sum(p.fees), sum(p.held),
  case when count(*) = 1 then min(p.streak) end, case when count(*) = 1 then min(p.longest_wins) end,
  case when count(*) = 1 then min(p.longest_losses) end
from bots join performance as p using (user_id, bot_id)
where p.trades > 0 and (%(bot_id)s::uuid is null or bots.bot_id = %(bot_id)s::uuid)
group by 1

-- load_sums: the same since a day, as the sums of its days
select case when %(by_symbol)s::boolean then d.symbol else '' end as name, sum(d.trades), sum(d.wins), sum(d.losses),
  sum(d.gained), sum(d.lost), max(d.best), min(d.worst), sum(d.fees), sum(d.held)
from bots join performance_days as d using (user_id, bot_id)
where d.trades > 0 and d.day >= %(since)s and (%(bot_id)s::uuid is null or bots.bot_id = %(bot_id)s::uuid)
group by 1

-- load_streaks: in the order in which trades closed, since a day; together, by symbol, or by bot
with closed as (
  select case %(by)s::text when 'symbol' then t.symbol when 'bot' then t.bot_id::text else '' end as name,
    sign(t.realised - t.fees)::int as way, t.closed_at, t.symbol, t.number, t.bot_id
  from bots join trades as t using (user_id, bot_id)
  -- Instant against instant: of a comparison with a day, which might leak, row-level security lets no index be asked.
  where t.closed_at is not null and not t.voided
    and t.closed_at >= coalesce(%(since)s::date::timestamp at time zone 'UTC', '-infinity')
    and (%(bot_id)s::uuid is null or bots.bot_id = %(bot_id)s::uuid)
), turning as (
  select *, way is distinct from lag(way) over in_order as turns
  from closed
  window in_order as (partition by name order by closed_at, symbol collate "C", number, bot_id)
), placed as (
  select name, way, count(*) filter (where turns) over in_order as run
  from turning
  window in_order as (partition by name order by closed_at, symbol collate "C", number, bot_id)
), runs as (
  select name, run, min(way) as way, count(*)::int as length
  from placed
  group by name, run
)
select name, (array_agg(way * length order by run desc))[1], coalesce(max(length) filter (where way > 0), 0),
  coalesce(max(length) filter (where way < 0), 0)
from runs
group by name

-- load_leaderboard: every bot by what its whole life brought, the best first, with those that closed nothing
select bots.bot_id, bots.name, accounts.name, bots.strategy, bots.equity, bots.symbols, p.trades, p.wins, p.losses, p.gained,
  p.lost, p.best, p.worst, p.fees, p.held, p.streak, p.longest_wins, p.longest_losses
from bots
join accounts using (user_id, account_id)
left join lateral (
  select sum(trades) as trades, sum(wins) as wins, sum(losses) as losses, sum(gained) as gained, sum(lost) as lost,
    max(best) as best, min(worst) as worst, sum(fees) as fees, sum(held) as held,
    case when count(*) = 1 then min(streak) end as streak, case when count(*) = 1 then min(longest_wins) end as longest_wins,
    case when count(*) = 1 then min(longest_losses) end as longest_losses
  from performance
  where user_id = bots.user_id and bot_id = bots.bot_id and trades > 0
) as p on true
order by coalesce(p.gained - p.lost, 0) desc, bots.name, bots.bot_id

-- load_leaderboard_since: the same since a day
select bots.bot_id, bots.name, accounts.name, bots.strategy, bots.equity, bots.symbols, p.trades, p.wins, p.losses, p.gained,
  p.lost, p.best, p.worst, p.fees, p.held
from bots
join accounts using (user_id, account_id)
left join lateral (
  select sum(trades) as trades, sum(wins) as wins, sum(losses) as losses, sum(gained) as gained, sum(lost) as lost,
    max(best) as best, min(worst) as worst, sum(fees) as fees, sum(held) as held
  from performance_days
  where user_id = bots.user_id and bot_id = bots.bot_id and day >= %(since)s and trades > 0
) as p on true
order by coalesce(p.gained - p.lost, 0) desc, bots.name, bots.bot_id

-- load_days: what each UTC day brought, and all of them so far
select day, trades, result, sum(result) over (order by day)
from (
  select d.day, sum(d.trades) as trades, sum(d.gained - d.lost) as result
  from bots join performance_days as d using (user_id, bot_id)
  where d.trades > 0 and d.day >= coalesce(%(since)s::date, '-infinity')
    and (%(bot_id)s::uuid is null or bots.bot_id = %(bot_id)s::uuid)
  group by 1
) as days
order by day

-- load_wrong_days: days of an account's bots that do not say what its trades say
with kept as (
  select d.bot_id, d.symbol, d.day, d.trades::bigint, d.wins::bigint, d.losses::bigint, d.gained::numeric, d.lost::numeric,
    d.best::numeric, d.worst::numeric, d.fees::numeric, d.held
  from bots join performance_days as d using (user_id, bot_id)
  where bots.account_id = %(account_id)s and d.trades <> 0
), made as (
  select bot_id, symbol, (closed_at at time zone 'UTC')::date as day, count(*) as trades,
    count(*) filter (where realised > fees) as wins, count(*) filter (where realised < fees) as losses,
    coalesce(sum(realised - fees) filter (where realised > fees), 0) as gained,
    coalesce(sum(fees - realised) filter (where realised < fees), 0) as lost,
    max(realised - fees) as best, min(realised - fees) as worst, sum(fees) as fees, sum(closed_at - opened_at) as held
  from trades
  where account_id = %(account_id)s and closed_at is not null and not voided
  group by 1, 2, 3
)
select bot_id, symbol, day, coalesce(to_jsonb(kept)::text, 'nothing'), coalesce(to_jsonb(made)::text, 'nothing')
from kept full join made using (bot_id, symbol, day)
where kept is distinct from made
order by bot_id, symbol, day
limit %(count)s

-- load_wrong_lives: lives that do not say what their days say, or not how the trades followed upon each other
with kept as (
  select p.bot_id, p.symbol, p.trades::bigint, p.wins::bigint, p.losses::bigint, p.gained::numeric, p.lost::numeric,
    p.best::numeric, p.worst::numeric, p.fees::numeric, p.held, p.streak, p.longest_wins, p.longest_losses
  from bots join performance as p using (user_id, bot_id)
  where bots.account_id = %(account_id)s and p.trades <> 0
), ways as (
  select bot_id, symbol, closed_at, number, sign(realised - fees)::int as way,
    sign(realised - fees) is distinct from lag(sign(realised - fees)) over in_order as turns
  from trades
  where account_id = %(account_id)s and closed_at is not null and not voided
  window in_order as (partition by bot_id, symbol order by closed_at, number)
), runs as (
  select bot_id, symbol, run, min(way) as way, count(*)::int as length
  from (
    select *, count(*) filter (where turns) over (partition by bot_id, symbol order by closed_at, number) as run from ways
  ) as placed
  group by bot_id, symbol, run
), streaks as (
  select bot_id, symbol, (array_agg(way * length order by run desc))[1] as streak,
    coalesce(max(length) filter (where way > 0), 0) as longest_wins,
    coalesce(max(length) filter (where way < 0), 0) as longest_losses
  from runs
  group by bot_id, symbol
), summed as (
  select d.bot_id, d.symbol, sum(d.trades) as trades, sum(d.wins) as wins, sum(d.losses) as losses, sum(d.gained) as gained,
    sum(d.lost) as lost, max(d.best::numeric) as best, min(d.worst::numeric) as worst, sum(d.fees) as fees,
    sum(d.held) as held
  from bots join performance_days as d using (user_id, bot_id)
  where bots.account_id = %(account_id)s and d.trades <> 0
  group by d.bot_id, d.symbol
), made as (
  select * from summed full join streaks using (bot_id, symbol)
)
select bot_id, symbol, coalesce(to_jsonb(kept)::text, 'nothing'), coalesce(to_jsonb(made)::text, 'nothing')
from kept full join made using (bot_id, symbol)
where kept is distinct from made
order by bot_id, symbol
limit %(count)s

-- load_best_trades: those that brought most, out of the days with the best ones: before any other day stand so many
-- that each has a better trade than all of its own, or as good a one that closed earlier. What is asked of trades is
-- reckoned before, because row-level security lets no function but the simplest look into an index.
with days as (
  select d.user_id, d.bot_id, d.day
  from bots join performance_days as d using (user_id, bot_id)
  where d.trades > 0 and d.day >= coalesce(%(since)s::date, '-infinity')
    and (%(bot_id)s::uuid is null or bots.bot_id = %(bot_id)s::uuid)
  order by d.best desc, d.day fetch first %(count)s rows with ties
)
select t.bot_id, t.symbol, t.number, t.direction, t.opened_at, t.closed_at, t.entry_quantity, t.entry_quote,
  t.exit_quantity, t.exit_quote, t.realised, t.fees, t.fill_count
from (
  select distinct user_id, bot_id, day::timestamp at time zone 'UTC' as begins_at,
    (day + 1)::timestamp at time zone 'UTC' as ends_at
  from days
) as days
join trades as t using (user_id, bot_id)
where t.closed_at is not null and not t.voided and t.closed_at >= days.begins_at and t.closed_at < days.ends_at
order by t.realised - t.fees desc, t.closed_at, t.symbol collate "C", t.number, t.bot_id
limit %(count)s

-- load_worst_trades: those that cost most, likewise
with days as (
  select d.user_id, d.bot_id, d.day
  from bots join performance_days as d using (user_id, bot_id)
  where d.trades > 0 and d.day >= coalesce(%(since)s::date, '-infinity')
    and (%(bot_id)s::uuid is null or bots.bot_id = %(bot_id)s::uuid)
  order by d.worst, d.day fetch first %(count)s rows with ties
)
select t.bot_id, t.symbol, t.number, t.direction, t.opened_at, t.closed_at, t.entry_quantity, t.entry_quote,
  t.exit_quantity, t.exit_quote, t.realised, t.fees, t.fill_count
from (
  select distinct user_id, bot_id, day::timestamp at time zone 'UTC' as begins_at,
    (day + 1)::timestamp at time zone 'UTC' as ends_at
  from days
) as days
join trades as t using (user_id, bot_id)
where t.closed_at is not null and not t.voided and t.closed_at >= days.begins_at and t.closed_at < days.ends_at
order by t.realised - t.fees, t.closed_at, t.symbol collate "C", t.number, t.bot_id
limit %(count)s

-- load_equity: a bot's curve in equal stretches of its time, of each the last mark
with seen as (
  select at, equity, min(at) over () as first_at, max(at) over () as last_at
  from equity_marks
  where bot_id = %(bot_id)s and at >= coalesce(%(since)s::date::timestamp at time zone 'UTC', '-infinity')
), placed as (
  select at, equity, least(%(count)s - 1, case when last_at = first_at then 0 else
    div(extract(epoch from at - first_at) * %(count)s, extract(epoch from last_at - first_at)) end) as stretch
  from seen
)
select at, equity from (select distinct on (stretch) at, equity from placed order by stretch, at desc) as thinned
order by at
