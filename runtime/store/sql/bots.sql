-- load_account: the venue account of a desk
select account_id, name, venue, kind, paper, baseline from accounts where name = %(name)s

-- load_account_names: every account of the tenant
select name from accounts order by name

-- load_bots: the bots of an account, with what they remember
select bot_id, name, strategy, parameters, symbols, limits, enabled, state, state_reason, memory, breaker_day, ticks
from bots where account_id = %(account_id)s order by name

-- record_baseline: what the account held before Holdfast came; written once, changed by an operator's reset only
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), written as (
  update accounts set baseline = %(baseline)s::jsonb, baseline_at = clock_timestamp() from guard
  where account_id = %(account_id)s
  returning account_id
)
select assert_written((select count(*) from guard), (select count(*) from written), 1)

-- record_tick: what each bot did in this tick, that the desk is alive and what waits in its spool; finished jobs are closed
with guard as (
  update leases set ticked_at = clock_timestamp(), spool_id = %(spool_id)s, spool_depth = %(spool_depth)s,
    spool_oldest_at = %(spool_oldest_at)s, spool_at = case when %(spool_id)s::uuid is not null then clock_timestamp() end
  where account_id = %(account_id)s and epoch = %(epoch)s
  returning epoch
), ticked as (
  update bots set ticks = bots.ticks + 1, ticked_at = %(at)s, equity = coalesce(b.equity, bots.equity),
    memory = coalesce(b.memory::jsonb, bots.memory),
    memory_at = case when b.memory is null then bots.memory_at else %(at)s end
  from guard, json_to_recordset(%(bots)s::json) as b (bot_id uuid, equity numeric, memory text)
  where bots.bot_id = b.bot_id
  returning bots.bot_id
), finished as (
  update jobs set status = 'completed', finished_at = %(at)s from guard
  where account_id = %(account_id)s and status = 'running'
)
select assert_written((select count(*) from guard), (select count(*) from ticked), %(count)s)

-- record_state: a bot pauses, resumes or halts, and why
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), written as (
  update bots set state = %(state)s, state_reason = %(reason)s, state_since = clock_timestamp() from guard
  where bot_id = %(bot_id)s
  returning bot_id
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), %(actor)s, 'bot ' || %(state)s, bot_id::text, jsonb_build_object('reason', %(reason)s::text) from written
)
select assert_written((select count(*) from guard), (select count(*) from written), 1)

-- record_enabled: a bot is taken out of its desk's round, or put back into it, until somebody says otherwise
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), written as (
  update bots set enabled = %(enabled)s, state_since = clock_timestamp() from guard where bot_id = %(bot_id)s
  returning bot_id
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), %(actor)s, case when %(enabled)s then 'bot enabled' else 'bot disabled' end, bot_id::text,
    jsonb_build_object('enabled', %(enabled)s::boolean)
  from written
)
select assert_written((select count(*) from guard), (select count(*) from written), 1)

-- record_breaker: the daily loss was reached; it stays tripped for that day whatever happens to the process
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), written as (
  update bots set breaker_day = %(day)s from guard where bot_id = %(bot_id)s
  returning bot_id
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), 'desk', case when %(day)s::date is null then 'breaker reset' else 'breaker tripped' end, bot_id::text,
    jsonb_build_object('day', %(day)s::date)
  from written
)
select assert_written((select count(*) from guard), (select count(*) from written), 1)

-- record_memory: a bot's memory set by an operator's reset; the audit log keeps the one before
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), before as (
  select bot_id, memory, breaker_day from bots where bot_id = %(bot_id)s
), written as (
  update bots set memory = %(memory)s::jsonb, memory_at = clock_timestamp(), breaker_day = null from guard
  where bot_id = %(bot_id)s
  returning bot_id
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), %(actor)s, 'bot reset', bot_id::text,
    jsonb_build_object('memory_before', before.memory, 'breaker_before', before.breaker_day)
  from before join written using (bot_id)
)
select assert_written((select count(*) from guard), (select count(*) from written), 1)

-- close_interrupted_jobs: rounds of decisions that a crash cut short
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
)
update jobs set status = 'recovered', finished_at = clock_timestamp() from guard
where account_id = %(account_id)s and status = 'running'

-- enrol_user: the tenant itself
insert into users (user_id, name) values (tenant(), %(name)s) on conflict (user_id) do nothing

-- enrol_account: a venue account of the tenant
insert into accounts (user_id, account_id, name, venue, kind, paper)
values (tenant(), %(account_id)s, %(name)s, %(venue)s, %(kind)s, %(paper)s)
on conflict (user_id, account_id) do nothing

-- load_enrolled_account: to refuse a desk file that would turn an account into another one
select venue, kind, paper from accounts where account_id = %(account_id)s

-- enrol_bot: a bot on an account; a changed desk file changes its parameters and limits, never its memory
insert into bots as b (user_id, bot_id, account_id, name, strategy, parameters, symbols, limits)
values (tenant(), %(bot_id)s, %(account_id)s, %(name)s, %(strategy)s, %(parameters)s::jsonb, %(symbols)s, %(limits)s::jsonb)
on conflict (user_id, bot_id) do update set
  strategy = excluded.strategy, symbols = excluded.symbols, limits = excluded.limits, parameters = excluded.parameters,
  parameters_version = b.parameters_version + (b.parameters <> excluded.parameters or b.strategy <> excluded.strategy)::int
