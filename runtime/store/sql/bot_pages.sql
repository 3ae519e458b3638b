-- load_bots: bots and how they stand, by account and name; which ones is said before anything is counted
select b.user_id, b.bot_id, b.account_id, b.account, b.name, b.venue, b.kind, b.paper, b.strategy, b.symbols, b.enabled,
  case when b.enabled then b.state else 'paused' end, b.state_reason, b.state_since,
  coalesce(b.breaker_day = (clock_timestamp() at time zone 'UTC')::date, false), b.ticks, b.ticked_at,
  trim_scale(b.equity)::text, trim_scale(held.result)::text, trim_scale(held.today)::text, coalesce(held.fills, 0),
  (select count(*) from orders where orders.bot_id = b.bot_id and orders.account_id = b.account_id
    and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown')),
  (select count(*) from orders where orders.bot_id = b.bot_id and orders.account_id = b.account_id
    and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown') and status = 'unknown'),
  (select count(*) from quarantine where quarantine.account_id = b.account_id and resolution is null),
  coalesce(l.released_at is null and l.expires_at > clock_timestamp(), false),
  trim_scale(risk.exposure)::text, trim_scale(risk.drawdown)::text, risk.at, b.sort_key
from (
  select bots.*, a.name as account, a.venue, a.kind, a.paper, a.name || '/' || bots.name || '/' || bots.bot_id as sort_key
  from bots join accounts as a using (user_id, account_id)
  where (%(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid)
    and (%(after_key)s::text is null
      or a.name || '/' || bots.name || '/' || bots.bot_id > %(after_key)s::text collate "C")
  order by (a.name || '/' || bots.name || '/' || bots.bot_id) collate "C" limit %(count)s
) as b
left join leases as l using (user_id, account_id)
left join lateral (
  select sum(realised - fees) as result, sum(fill_count)::bigint as fills,
    sum(case when day = (clock_timestamp() at time zone 'UTC')::date then realised - fees - day_start_result else 0 end)
      as today
  from positions where positions.bot_id = b.bot_id
) as held on true
left join lateral (
  select exposure, drawdown, at from risk_marks where risk_marks.bot_id = b.bot_id order by at desc limit 1
) as risk on true
order by b.sort_key collate "C"

-- load_bot_settings: what one was told, and when it last noted what it remembers
select parameters, parameters_version, limits, memory_at, created_at from bots where bot_id = %(bot)s

-- load_desks: accounts by name, who trades each, and whether new risk would be refused on it
select a.user_id, a.account_id, a.name, a.venue, a.kind, a.paper, l.epoch, l.host, l.pid, l.acquired_at, l.renewed_at,
  l.expires_at, l.ready_at, l.ticked_at, coalesce(l.released_at is null and l.expires_at > clock_timestamp(), false),
  extract(epoch from clock_timestamp() - l.ticked_at)::float8,
  (select count(*) from orders where orders.account_id = a.account_id and status = 'unknown'
    and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown')),
  (select count(*) from quarantine where quarantine.account_id = a.account_id and resolution is null),
  last.clean, last.summary, last.finished_at, a.name || '/' || a.account_id
from accounts as a
left join leases as l using (user_id, account_id)
left join lateral (
  select clean, summary, finished_at from reconciliations
  where reconciliations.account_id = a.account_id order by started_at desc limit 1
) as last on true
where (%(account)s::uuid is null or a.account_id = %(account)s::uuid)
  and (%(after_key)s::text is null or a.name || '/' || a.account_id > %(after_key)s::text collate "C")
order by (a.name || '/' || a.account_id) collate "C" limit %(count)s

-- load_account_of: whose an account is
select user_id from accounts where account_id = %(account)s
