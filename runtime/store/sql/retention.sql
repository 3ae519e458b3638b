-- load_role: as whom we are here
select current_user::text

-- load_tenants: everybody whose rows may be too old
select user_id, name from users order by name, user_id

-- load_bots: the bots of a tenant, and the first day of each of which anything is known
select bots.bot_id, bots.name, (least(bots.created_at,
  (select at from decisions where decisions.bot_id = bots.bot_id order by at limit 1),
  (select at from predictions where predictions.bot_id = bots.bot_id order by at limit 1),
  (select at from equity_marks where equity_marks.bot_id = bots.bot_id order by at limit 1),
  (select at from risk_marks where risk_marks.bot_id = bots.bot_id order by at limit 1),
  (select at from allocations where allocations.bot_id = bots.bot_id order by at limit 1),
  (select at from snapshots where snapshots.bot_id = bots.bot_id order by at limit 1),
  (select day::timestamp at time zone 'UTC' from blocked_signals where blocked_signals.bot_id = bots.bot_id
    order by day limit 1)) at time zone 'UTC')::date
from bots
order by bots.name, bots.bot_id

-- load_open_days: days of a bot without a summary that is the last one, oldest first
select day::date
from generate_series(%(first)s::date::timestamp, %(last)s::date::timestamp, interval '1 day') as day
where not exists (
  select from summaries
  where bot_id = %(bot_id)s and kind = 'day' and name = day::date::text
    and written_at >= to_at + %(settled_after)s::interval)
order by day
limit %(count)s

-- write_days: what is left of a bot's days, as their rows tell it now
insert into summaries (user_id, bot_id, kind, name, from_at, to_at, facts)
select (select tenant()), %(bot_id)s, 'day', day::text, day::timestamp at time zone 'UTC',
  (day + 1)::timestamp at time zone 'UTC',
  facts_of(%(bot_id)s, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC')
from unnest(%(days)s::date[]) as day
on conflict (bot_id, kind, name, user_id) do update set facts = excluded.facts, written_at = clock_timestamp()

-- load_accounts: the accounts of a tenant
select account_id from accounts order by account_id

-- load_candle_series: every series of an account, one look into the index for each
with recursive series as (
  (select symbol, timeframe from candles where account_id = %(account_id)s order by symbol, timeframe limit 1)
  union all
  select following.symbol, following.timeframe
  from series cross join lateral (
    select symbol, timeframe from candles
    where account_id = %(account_id)s and (candles.symbol, candles.timeframe) > (series.symbol, series.timeframe)
    order by symbol, timeframe limit 1
  ) as following
)
select symbol, timeframe from series

-- load_market_symbols: every symbol of an account that the market was looked at for
with recursive seen as (
  (select symbol from market_snapshots where account_id = %(account_id)s order by symbol limit 1)
  union all
  select following.symbol
  from seen cross join lateral (
    select symbol from market_snapshots
    where account_id = %(account_id)s and market_snapshots.symbol > seen.symbol order by symbol limit 1
  ) as following
)
select symbol from seen

-- take_candles: the oldest of a series before an instant, and up to where they went
with edge as (
  select max(opened_at) as at from (
    select opened_at from candles
    where account_id = %(account_id)s and symbol = %(symbol)s and timeframe = %(timeframe)s
      and opened_at > %(after)s and opened_at < %(before)s
    order by opened_at limit %(count)s) as oldest
), gone as (
  delete from candles
  where account_id = %(account_id)s and symbol = %(symbol)s and timeframe = %(timeframe)s
    and opened_at > %(after)s and opened_at <= (select at from edge)
  returning 1
)
select (select at from edge), (select count(*) from gone)

-- take_market_snapshots: the oldest of a symbol before an instant
with edge as (
  select max(at) as at from (
    select at from market_snapshots
    where account_id = %(account_id)s and symbol = %(symbol)s and at > %(after)s and at < %(before)s
    order by at limit %(count)s) as oldest
), gone as (
  delete from market_snapshots
  where account_id = %(account_id)s and symbol = %(symbol)s and at > %(after)s and at <= (select at from edge)
  returning 1
)
select (select at from edge), (select count(*) from gone)

-- take_snapshots: the oldest of a bot before an instant
with edge as (
  select max(at) as at from (
    select at from snapshots where bot_id = %(bot_id)s and at > %(after)s and at < %(before)s
    order by at limit %(count)s) as oldest
), gone as (
  delete from snapshots where bot_id = %(bot_id)s and at > %(after)s and at <= (select at from edge)
  returning 1
)
select (select at from edge), (select count(*) from gone)

-- take_equity_marks: the oldest of a bot before an instant
with edge as (
  select max(at) as at from (
    select at from equity_marks where bot_id = %(bot_id)s and at > %(after)s and at < %(before)s
    order by at limit %(count)s) as oldest
), gone as (
  delete from equity_marks where bot_id = %(bot_id)s and at > %(after)s and at <= (select at from edge)
  returning 1
)
select (select at from edge), (select count(*) from gone)

-- take_risk_marks: the oldest of a bot before an instant
with edge as (
  select max(at) as at from (
    select at from risk_marks where bot_id = %(bot_id)s and at > %(after)s and at < %(before)s
    order by at limit %(count)s) as oldest
), gone as (
  delete from risk_marks where bot_id = %(bot_id)s and at > %(after)s and at <= (select at from edge)
  returning 1
)
select (select at from edge), (select count(*) from gone)

-- take_allocations: the oldest of a bot before an instant
with edge as (
  select max(at) as at from (
    select at from allocations where bot_id = %(bot_id)s and at > %(after)s and at < %(before)s
    order by at limit %(count)s) as oldest
), gone as (
  delete from allocations where bot_id = %(bot_id)s and at > %(after)s and at <= (select at from edge)
  returning 1
)
select (select at from edge), (select count(*) from gone)

-- take_blocked_signals: the oldest days of a bot before an instant
with edge as (
  select max(day) as day from (
    select day from blocked_signals
    where bot_id = %(bot_id)s and day::timestamp at time zone 'UTC' > %(after)s
      and day::timestamp at time zone 'UTC' < %(before)s
    order by day limit %(count)s) as oldest
), gone as (
  delete from blocked_signals
  where bot_id = %(bot_id)s and day::timestamp at time zone 'UTC' > %(after)s and day <= (select day from edge)
  returning 1
)
select (select day::timestamp at time zone 'UTC' from edge), (select count(*) from gone)

-- take_predictions: the oldest of a bot before an instant; one whose outcome nobody knows yet stays
with edge as (
  select max(at) as at from (
    select at from predictions where bot_id = %(bot_id)s and at > %(after)s and at < %(before)s
    order by at limit %(count)s) as oldest
), gone as (
  delete from predictions
  where bot_id = %(bot_id)s and at > %(after)s and at <= (select at from edge) and resolved_at is not null
  returning 1
)
select (select at from edge), (select count(*) from gone)

-- take_models: of a bot's models the versions beyond the newest ones of each name; what is used stays, and what was before it
with surplus as (
  select name, version
  from (
    select name, version, promoted, row_number() over (partition by name order by version desc) as rank,
      max(previous) filter (where promoted) over (partition by name) as before
    from models where bot_id = %(bot_id)s
  ) as ranked
  where rank > %(kept)s and not promoted and version is distinct from before
  order by name, version limit %(count)s
), gone as (
  delete from models using surplus
  where models.bot_id = %(bot_id)s and models.name = surplus.name and models.version = surplus.version
    and not models.promoted
  returning 1
)
select count(*) from gone

-- load_unnamed: bytes that no model names, put there before an instant; a bucket keeps what dumps may name
select encode(digest, 'hex'), place from artefacts
where digest > %(after)s and created_at < %(before)s and place <> 'bucket'
  and not exists (select from models where models.digest = artefacts.digest)
order by digest limit %(count)s

-- take_artefacts: the rows of such bytes
with gone as (
  delete from artefacts
  where digest = any(%(digests)s) and not exists (select from models where models.digest = artefacts.digest)
  returning 1
)
select count(*) from gone

-- take_prompts: what was asked and answered in the oldest decisions of a bot; the decisions stay
with edge as (
  select max(at) as at from (
    select at from decisions where bot_id = %(bot_id)s and at > %(after)s and at < %(before)s
    order by at limit %(count)s) as oldest
), gone as (
  update decisions set prompt = null, answer = null
  where bot_id = %(bot_id)s and at > %(after)s and at <= (select at from edge) and num_nonnulls(prompt, answer) > 0
  returning 1
)
select (select at from edge), (select count(*) from gone)
