-- load_settings: what the tenant wishes, and whether it may take new risk
select u.enabled, s.risk_profile, s.settings, s.updated_at
from users as u left join user_settings as s using (user_id)
where u.user_id = (select tenant())

-- record_settings: from now on, with who said so in the audit log; of who is disabled too: nothing follows from it meanwhile
with written as (
  insert into user_settings (user_id, risk_profile, settings)
  select users.user_id, %(risk_profile)s, %(settings)s::jsonb from users
  where users.user_id = (select tenant())
  on conflict (user_id) do update set risk_profile = excluded.risk_profile, settings = excluded.settings,
    updated_at = clock_timestamp()
  returning risk_profile, settings, updated_at
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), %(actor)s, 'user settings', tenant()::text,
    jsonb_build_object('risk_profile', risk_profile, 'settings', settings)
  from written
)
select risk_profile, settings, updated_at, (select enabled from users where user_id = (select tenant())) from written

-- load_limits: what bots were told, by account and name, with what their user wishes in each row
select b.bot_id, a.name, b.name, b.limits, s.risk_profile, coalesce(s.settings, '{}'),
  a.name || '/' || b.name || '/' || b.bot_id
from bots as b
join accounts as a using (user_id, account_id)
left join user_settings as s using (user_id)
where b.user_id = (select tenant())
  and (%(after_key)s::text is null or a.name || '/' || b.name || '/' || b.bot_id > %(after_key)s::text collate "C")
order by (a.name || '/' || b.name || '/' || b.bot_id) collate "C" limit %(count)s

-- load_tenant: nothing where no desk file ever named the user
select user_id from users where user_id = (select tenant())
