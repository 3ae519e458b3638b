-- load_user: what the user wishes of all their bots, and since when
select u.name, u.enabled, s.risk_profile, s.settings, s.updated_at
from users as u left join user_settings as s using (user_id)

-- record_enabled: whether the user's bots may take new risk; nothing is written where it is so already
with written as (
  update users set enabled = %(enabled)s where user_id = tenant() and enabled <> %(enabled)s
  returning user_id
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select user_id, %(actor)s, case when %(enabled)s then 'user enabled' else 'user disabled' end, user_id::text,
    jsonb_build_object('reason', %(reason)s::text)
  from written
)
select count(*) from written

-- record_wishes: another risk profile if one is named, and other caps; those that are null are taken away
with before as (
  select risk_profile, settings from user_settings where user_id = tenant()
), written as (
  insert into user_settings as s (user_id, risk_profile, settings)
  values (tenant(), coalesce(%(risk_profile)s::text, 'balanced'), jsonb_strip_nulls(%(caps)s::jsonb))
  on conflict (user_id) do update set risk_profile = coalesce(%(risk_profile)s::text, s.risk_profile),
    settings = jsonb_strip_nulls(s.settings || %(caps)s::jsonb), updated_at = clock_timestamp()
  returning user_id, risk_profile, settings
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select user_id, %(actor)s, 'user settings', user_id::text, jsonb_build_object('reason', %(reason)s::text,
    'before', (select to_jsonb(before) from before), 'risk_profile', risk_profile, 'settings', settings)
  from written
)
select count(*) from written
