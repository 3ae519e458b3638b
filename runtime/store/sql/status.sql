-- load_desks: every account of the tenant, who trades it, and how its last recovery ended
select accounts.account_id, accounts.name, accounts.venue, accounts.kind,
  leases.holder, leases.host, leases.boot, leases.pid, leases.process_started, leases.epoch, leases.expires_at,
  coalesce(leases.released_at is null and leases.expires_at > clock_timestamp(), false),
  recovery.summary, recovery.finished_at,
  (select count(*) from orders where orders.account_id = accounts.account_id and orders.status = 'unknown'),
  (select count(*) from quarantine where quarantine.account_id = accounts.account_id and resolution is null)
from accounts
left join leases using (user_id, account_id)
left join lateral (
  select summary, finished_at from reconciliations
  where reconciliations.account_id = accounts.account_id and reconciliations.kind = 'recovery'
  order by finished_at desc limit 1
) as recovery on true
order by accounts.name
limit %(count)s

-- load_bots: what each bot is doing
select bots.account_id, bots.bot_id, bots.name, bots.strategy,
  case when bots.enabled then bots.state else 'paused' end, bots.state_reason, bots.equity, bots.ticked_at, bots.ticks,
  (select count(*) from orders where orders.bot_id = bots.bot_id
    and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown')),
  (select coalesce(sum(fill_count), 0)::bigint from positions where positions.bot_id = bots.bot_id),
  (select sum(realised - fees) from positions where positions.bot_id = bots.bot_id),
  (select max(saved_at) from component_states where component_states.bot_id = bots.bot_id),
  (select max(created_at) from models where models.bot_id = bots.bot_id and promoted)
from bots
order by bots.name
limit %(count)s

-- load_positions: what the bots hold
select bot_id, symbol, quantity, average_price from positions where quantity <> 0 order by symbol limit %(count)s
