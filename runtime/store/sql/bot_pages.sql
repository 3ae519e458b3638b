-- load_bots: every bot and how it stands
select b.user_id, b.bot_id, b.account_id, a.name, b.name, a.venue, a.kind, a.paper, b.strategy, b.symbols, b.enabled,
  case when b.enabled then b.state else 'paused' end, b.state_reason, b.state_since,
  coalesce(b.breaker_day = (clock_timestamp() at time zone 'UTC')::date, false), b.ticks, b.ticked_at,
  trim_scale(b.equity)::text, trim_scale(held.result)::text, trim_scale(held.today)::text, coalesce(held.fills, 0),
  (select count(*) from orders where orders.bot_id = b.bot_id and orders.account_id = b.account_id
    and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown')),
  (select count(*) from orders where orders.bot_id = b.bot_id and orders.account_id = b.account_id
    and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown') and status = 'unknown'),
  (select count(*) from quarantine where quarantine.account_id = b.account_id and resolution is null),
  coalesce(l.released_at is null and l.expires_at > clock_timestamp(), false),
  trim_scale(risk.exposure)::text, trim_scale(risk.drawdown)::text, risk.at
from bots as b
join accounts as a using (user_id, account_id)
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
where %(bot)s::uuid is null or b.bot_id = %(bot)s::uuid
order by a.name, b.name, b.bot_id limit %(count)s

-- load_bot_settings: what one was told, and when it last noted what it remembers
select parameters, parameters_version, limits, memory_at, created_at from bots where bot_id = %(bot)s

-- load_desks: every account, who trades it, and whether new risk would be refused on it
select a.user_id, a.account_id, a.name, a.venue, a.kind, a.paper, l.epoch, l.host, l.pid, l.acquired_at, l.renewed_at,
  l.expires_at, l.ready_at, l.ticked_at, coalesce(l.released_at is null and l.expires_at > clock_timestamp(), false),
  extract(epoch from clock_timestamp() - l.ticked_at)::float8,
  (select count(*) from orders where orders.account_id = a.account_id and status = 'unknown'
    and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown')),
  (select count(*) from quarantine where quarantine.account_id = a.account_id and resolution is null),
  last.clean, last.summary, last.finished_at
from accounts as a
left join leases as l using (user_id, account_id)
left join lateral (
  select clean, summary, finished_at from reconciliations
  where reconciliations.account_id = a.account_id order by started_at desc limit 1
) as last on true
where %(account)s::uuid is null or a.account_id = %(account)s::uuid
order by a.name, a.account_id limit %(count)s

-- load_account_of: whose an account is
select user_id from accounts where account_id = %(account)s
