-- load_commands: what was asked of desks, the newest first
select c.command_id, c.account_id, c.bot_id, c.verb, c.arguments, c.requested_by, c.reason, c.requested_at,
  c.idempotency_key, c.status, c.outcome, c.finished_at, c.requested_at, c.command_id::text
from commands as c
where (%(bot)s::uuid is null or c.bot_id = %(bot)s::uuid)
  and (%(status)s::text is null or c.status = %(status)s::text)
  and (%(after_at)s::timestamptz is null or c.requested_at <= %(after_at)s::timestamptz
    and (c.requested_at < %(after_at)s::timestamptz or c.command_id::text < %(after_key)s::text collate "C"))
order by c.requested_at desc, c.command_id::text collate "C" desc limit %(count)s

-- load_command: one, and what became of it
select c.command_id, c.account_id, c.bot_id, c.verb, c.arguments, c.requested_by, c.reason, c.requested_at,
  c.idempotency_key, c.status, c.outcome, c.finished_at
from commands as c where c.command_id = %(command_id)s

-- record_wish: an operator's wish with its line in the audit log; nothing if its key was used, nor of new risk for who is disabled
with written as (
  insert into commands (user_id, account_id, bot_id, verb, arguments, requested_by, reason, idempotency_key)
  select user_id, %(account)s, %(bot)s, %(verb)s, %(arguments)s::jsonb, %(requested_by)s, %(reason)s, %(key)s
  from users where user_id = (select tenant()) and (enabled or not %(is_new_risk)s)
  on conflict (user_id, idempotency_key) do nothing
  returning *
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), requested_by, 'asked for ' || verb, coalesce(bot_id, account_id)::text,
    jsonb_build_object('command', command_id, 'reason', reason, 'arguments', arguments)
  from written
)
select command_id, account_id, bot_id, verb, arguments, requested_by, reason, requested_at, idempotency_key, status,
  outcome, finished_at
from written

-- load_wish: what was asked under a key before
select c.command_id, c.account_id, c.bot_id, c.verb, c.arguments, c.requested_by, c.reason, c.requested_at,
  c.idempotency_key, c.status, c.outcome, c.finished_at
from commands as c where c.idempotency_key = %(key)s

-- load_disabled_user: the tenant's name, if nothing new may be begun for them
select name from users where user_id = (select tenant()) and not enabled

-- load_quarantine: what is not ours, the last found first
select q.account_id, q.kind, q.venue_id, q.symbol, q.sentence, q.detail, q.found_at, q.resolution, q.resolved_at,
  q.resolved_by, q.found_at, q.account_id || '/' || q.kind || '/' || q.venue_id
from quarantine as q
where (%(waiting)s::boolean is null or (q.resolution is null) = %(waiting)s::boolean)
  and (%(after_at)s::timestamptz is null or q.found_at <= %(after_at)s::timestamptz
    and (q.found_at < %(after_at)s::timestamptz
      or q.account_id || '/' || q.kind || '/' || q.venue_id < %(after_key)s::text collate "C"))
order by q.found_at desc, (q.account_id || '/' || q.kind || '/' || q.venue_id) collate "C" desc limit %(count)s

-- load_reconciliations: comparisons of accounts with the ledger, recoveries with them, the newest first
select r.reconciliation_id, r.account_id, r.kind, r.epoch, r.started_at, r.finished_at, r.clean, r.proved, r.unproved,
  r.quarantined, r.summary, r.findings, r.started_at, r.reconciliation_id::text
from accounts
cross join lateral (
  select * from reconciliations
  where reconciliations.account_id = accounts.account_id and reconciliations.user_id = accounts.user_id
    and (%(kind)s::text is null or kind = %(kind)s::text)
    and (%(after_at)s::timestamptz is null or started_at <= %(after_at)s::timestamptz
      and (started_at < %(after_at)s::timestamptz or reconciliation_id::text < %(after_key)s::text collate "C"))
  order by started_at desc, reconciliation_id::text collate "C" desc limit %(count)s
) as r
where %(account)s::uuid is null or accounts.account_id = %(account)s::uuid
order by r.started_at desc, r.reconciliation_id::text collate "C" desc limit %(count)s

-- load_audit: who did what, the newest first
select a.audit_id, a.at, a.actor, a.action, a.subject, a.facts, a.at, lpad(a.audit_id::text, 20, '0')
from audit_log as a
where %(after_at)s::timestamptz is null or a.audit_id < %(after_key)s::text::bigint
order by a.audit_id desc limit %(count)s

-- load_jobs: rounds of decisions that led to orders, of a stretch of time, the newest first
-- Since when is asked apart: row-level security lets no sum look into an index, and all jobs would be read.
select j.job_id, j.account_id, j.bot_id, j.trigger_reason, j.status, j.started_at, j.finished_at, j.started_at, j.job_id::text
from jobs as j
where j.started_at >= (select coalesce(%(since)s::timestamptz, now() - interval '1 day'))
  and (%(bot)s::uuid is null or j.bot_id = %(bot)s::uuid)
  and (%(after_at)s::timestamptz is null or j.started_at <= %(after_at)s::timestamptz
    and (j.started_at < %(after_at)s::timestamptz or j.job_id::text < %(after_key)s::text collate "C"))
order by j.started_at desc, j.job_id::text collate "C" desc limit %(count)s

-- load_runs: of all scorers, the last requested first
select r.run_id, r.scorer, r.status, r.requested_at, r.started_at, r.finished_at, r.trader_count, r.error,
  r.requested_at, r.run_id::text
from scoring_runs as r
where (%(scorer)s::text is null or r.scorer = %(scorer)s::text)
  and (%(after_at)s::timestamptz is null or r.requested_at <= %(after_at)s::timestamptz
    and (r.requested_at < %(after_at)s::timestamptz or r.run_id::text < %(after_key)s::text collate "C"))
order by r.requested_at desc, r.run_id::text collate "C" desc limit %(count)s
