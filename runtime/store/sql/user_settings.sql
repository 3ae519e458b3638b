-- load_settings: what the tenant wishes; nothing if it never said
select risk_profile, settings, updated_at from user_settings where user_id = (select tenant())

-- record_settings: from now on, with who said so in the audit log
with written as (
  insert into user_settings (user_id, risk_profile, settings)
  select users.user_id, %(risk_profile)s, %(settings)s::jsonb from users
  where users.user_id = (select tenant()) and users.enabled
  on conflict (user_id) do update set risk_profile = excluded.risk_profile, settings = excluded.settings,
    updated_at = clock_timestamp()
  returning risk_profile, settings, updated_at
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), %(actor)s, 'user settings', tenant()::text,
    jsonb_build_object('risk_profile', risk_profile, 'settings', settings)
  from written
)
select risk_profile, settings, updated_at from written
