-- load_asked: what the user wishes, in every row and so in one at least, and what operators asked, oldest first
select u.enabled, s.risk_profile, s.settings, c.command_id, c.bot_id, c.verb, c.arguments, c.requested_by, c.reason
from users as u
left join user_settings as s using (user_id)
left join lateral (
  select * from commands
  where user_id = u.user_id and account_id = %(account_id)s and status = 'pending'
  order by requested_at, command_id
  limit %(count)s
) as c on true
order by c.requested_at, c.command_id

-- record_command: an operator's wish; the same key is the same wish
insert into commands (user_id, account_id, bot_id, verb, arguments, requested_by, reason, idempotency_key)
values (tenant(), %(account_id)s, %(bot_id)s, %(verb)s, %(arguments)s::jsonb, %(requested_by)s, %(reason)s, %(key)s)
on conflict (user_id, idempotency_key) do nothing
returning command_id

-- record_command_outcome: what became of it, with its line in the audit log
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), done as (
  update commands set status = %(status)s, outcome = %(outcome)s, finished_at = clock_timestamp() from guard
  where command_id = %(command_id)s and status = 'pending'
  returning command_id, verb, requested_by, reason, arguments, bot_id
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), requested_by, 'command ' || verb, coalesce(bot_id::text, %(account_id)s::text),
    jsonb_build_object('command', command_id, 'reason', reason, 'arguments', arguments, 'status', %(status)s::text,
      'outcome', %(outcome)s::text)
  from done
)
select assert_written((select count(*) from guard), (select count(*) from done), 1)

-- record_quarantine: sets foreign orders and fills aside; those that are known already stay as they are
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), written as (
  insert into quarantine (user_id, account_id, kind, venue_id, symbol, sentence, detail, found_at)
  select tenant(), %(account_id)s, q.kind, q.venue_id, q.symbol, q.sentence, q.detail, %(at)s
  from guard, json_to_recordset(%(rows)s::json) as q (kind text, venue_id text, symbol text, sentence text, detail jsonb)
  on conflict do nothing
  returning venue_id
)
select (select count(*) from written), assert_written((select count(*) from guard), 0, 0)

-- load_quarantined_ids: everything that was ever set aside, resolved or not
select venue_id from quarantine where account_id = %(account_id)s

-- load_quarantine: what waits for an operator
select kind, venue_id, symbol, sentence, detail, found_at from quarantine
where account_id = %(account_id)s and resolution is null
order by found_at
limit %(count)s

-- resolve_quarantine: an operator adopted, ignored or closed it
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), resolved as (
  update quarantine set resolution = %(resolution)s, resolved_at = clock_timestamp(), resolved_by = %(actor)s from guard
  where account_id = %(account_id)s and venue_id = %(venue_id)s and resolution is null
  returning kind
)
select (select count(*) from resolved), assert_written((select count(*) from guard), 0, 0)

-- load_last_started_at: since when the account was compared the last time
select max(started_at) from reconciliations where account_id = %(account_id)s

-- record_reconciliation: what was compared, what was found, whether the account is clean
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), written as (
  insert into reconciliations (user_id, reconciliation_id, account_id, kind, epoch, started_at, finished_at, clean, proved,
    unproved, quarantined, summary, findings)
  select tenant(), gen_random_uuid(), %(account_id)s, %(kind)s, guard.epoch, %(started_at)s, %(finished_at)s, %(clean)s,
    %(proved)s, %(unproved)s, %(quarantined)s, %(summary)s, %(findings)s::jsonb
  from guard
  returning reconciliation_id
)
select assert_written((select count(*) from guard), (select count(*) from written), 1)
