-- load_candles: of one series, the newest first
select opened_at, trim_scale(open)::text, trim_scale(high)::text, trim_scale(low)::text, trim_scale(close)::text,
  trim_scale(volume)::text, opened_at, ''
from candles
where account_id = %(account)s and symbol = %(symbol)s and timeframe = %(timeframe)s
  and (%(after_at)s::timestamptz is null or opened_at < %(after_at)s::timestamptz)
order by opened_at desc limit %(count)s

-- load_series: of a symbol on an account, how long its candles are; one look at the index for each
with recursive found as (
  (select timeframe from candles where account_id = %(account)s and symbol = %(symbol)s order by timeframe limit 1)
  union all
  select (select timeframe from candles
    where account_id = %(account)s and symbol = %(symbol)s and timeframe > found.timeframe order by timeframe limit 1)
  from found where found.timeframe is not null
)
select timeframe from found where timeframe is not null limit %(count)s

-- load_curve: what a bot was worth in equal stretches of its time, of each the last mark; a look at the index for each
with ends as (
  select greatest((select min(at) from equity_marks where bot_id = %(bot)s), %(since)s::timestamptz) as first_at,
    (select max(at) from equity_marks where bot_id = %(bot)s) as last_at
), edges as (
  select first_at + (last_at - first_at) * (n::float8 / %(count)s) as after_at,
    first_at + (last_at - first_at) * ((n + 1)::float8 / %(count)s) as until_at, n, first_at, last_at
  from ends, generate_series(0, %(count)s - 1) as n
)
select m.at, trim_scale(m.equity)::text, trim_scale(m.realised_today)::text, trim_scale(m.unrealised)::text
from edges
cross join lateral (
  select at, equity, realised_today, unrealised from equity_marks
  where bot_id = %(bot)s and at >= edges.first_at
    and (at > edges.after_at or n = 0 and at >= edges.after_at)
    and at <= case when n = %(count)s - 1 then edges.last_at else edges.until_at end
  order by at desc limit 1
) as m
order by m.at

-- load_risk_marks: what a bot risked, the newest first
select m.bot_id, m.at, trim_scale(m.exposure)::text, trim_scale(m.drawdown)::text, m.breaker_tripped, m.metrics,
  m.at, m.bot_id::text
from bots
cross join lateral (
  select * from risk_marks
  where risk_marks.bot_id = bots.bot_id and risk_marks.user_id = bots.user_id
    and (%(after_at)s::timestamptz is null or at <= %(after_at)s::timestamptz
      and (at < %(after_at)s::timestamptz or risk_marks.bot_id::text < %(after_key)s::text collate "C"))
  order by at desc limit %(count)s
) as m
where %(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid
order by m.at desc, m.bot_id::text collate "C" desc limit %(count)s

-- load_allocations: how each bot's worth is spread now, and how it should be
select a.bot_id, a.at, a.asset, trim_scale(a.value)::text, trim_scale(a.share)::text, trim_scale(a.target_share)::text,
  trim_scale(a.drift)::text, a.bot_id || '/' || a.asset
from bots
cross join lateral (select max(at) as at from allocations where allocations.bot_id = bots.bot_id) as newest
join allocations as a on a.bot_id = bots.bot_id and a.at = newest.at
where (%(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid)
  and (%(after_key)s::text is null or a.bot_id || '/' || a.asset > %(after_key)s::text collate "C")
order by (a.bot_id || '/' || a.asset) collate "C" limit %(count)s
