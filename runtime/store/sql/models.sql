-- record_model: a new version and its bytes, or where they lie; if it is promoted, the one before no longer is
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), kept as (
  insert into artefacts (user_id, digest, size, place, body)
  select tenant(), %(digest)s, %(size)s, %(place)s, %(body)s from guard
  on conflict on constraint artefacts_pkey do update set place = excluded.place, body = excluded.body
  returning digest
), newest as (
  select coalesce(max(version), 0) + 1 as version from models where bot_id = %(bot_id)s and name = %(name)s
), former as (
  update models set promoted = false from guard
  where bot_id = %(bot_id)s and name = %(name)s and promoted and %(promoted)s
  returning version
), written as (
  insert into models (user_id, bot_id, name, version, digest, shape, codec, metrics, training_size, examples_seen, promoted,
    previous, epoch, promoted_at)
  select tenant(), %(bot_id)s, %(name)s, newest.version, kept.digest, %(shape)s, %(codec)s, %(metrics)s::jsonb,
    %(training_size)s, %(examples_seen)s, %(promoted)s, (select max(version) from former), guard.epoch,
    case when %(promoted)s then clock_timestamp() end
  from guard, kept, newest
  -- Looked at first: of each name one may be promoted, at every instant.
  where (select count(*) from former) >= 0
  returning version
)
select (select version from written),
  assert_written((select count(*) from guard), (select count(*) from written), 1)

-- promote_model: this version is used from now on; what was before it is noted unless this is the way back to it
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), former as (
  update models set promoted = false from guard
  where bot_id = %(bot_id)s and name = %(name)s and promoted and version <> %(version)s
  returning version
), written as (
  update models set promoted = true, promoted_at = clock_timestamp(),
    previous = case when %(is_way_back)s then previous else coalesce((select max(version) from former), previous) end
  from guard
  where bot_id = %(bot_id)s and name = %(name)s and version = %(version)s and (select count(*) from former) >= 0
  returning version
)
select assert_written((select count(*) from guard), (select count(*) from written), 1)

-- load_usable: what was ever promoted of a name, or of the names of old that stand for it; the one in use first
select models.bot_id, models.name, version, models.digest, artefacts.size, artefacts.place, shape, codec, metrics,
  training_size, examples_seen, promoted, previous, models.created_at,
  extract(epoch from clock_timestamp() - models.created_at)::float8
from models
join artefacts using (digest, user_id)
where bot_id = %(bot_id)s and promoted_at is not null and (models.name = %(name)s
  or models.name in (select alias from model_aliases where bot_id = %(bot_id)s and model_aliases.name = %(name)s))
order by models.name <> %(name)s, promoted desc, promoted_at desc, version desc
limit %(count)s

-- load_model: one version of a name
select models.bot_id, models.name, version, models.digest, artefacts.size, artefacts.place, shape, codec, metrics,
  training_size, examples_seen, promoted, previous, models.created_at,
  extract(epoch from clock_timestamp() - models.created_at)::float8
from models
join artefacts using (digest, user_id)
where bot_id = %(bot_id)s and models.name = %(name)s and version = %(version)s

-- load_models: the newest versions of every name of every bot
select bots.name, accounts.name, m.bot_id, m.name, m.version, m.digest, m.size, m.place,
  m.shape, m.codec, m.metrics, m.training_size, m.examples_seen, m.promoted, m.previous, m.created_at,
  extract(epoch from clock_timestamp() - m.created_at)::float8
from bots
join accounts using (user_id, account_id)
cross join lateral (
  select models.*, artefacts.size, artefacts.place,
    row_number() over (partition by models.name order by promoted desc, version desc) as rank
  from models join artefacts using (digest, user_id)
  where models.bot_id = bots.bot_id
) as m
where m.rank <= %(versions)s
order by accounts.name, bots.name, m.name, m.version desc
limit %(count)s

-- load_seen: how many examples there were at the last training; null before the first
select max(examples_seen) from (
  select examples_seen from models where bot_id = %(bot_id)s and name = %(name)s order by version desc limit 1
) as newest

-- load_body: bytes that lie in the database
select body from artefacts where digest = %(digest)s

-- record_alias: a name of old, under which a model may stand; whoever asked for it is in the audit log
with written as (
  insert into model_aliases (user_id, bot_id, alias, name) values (tenant(), %(bot_id)s, %(alias)s, %(name)s)
  on conflict on constraint model_aliases_pkey do nothing
  returning alias
), noted as (
  insert into audit_log (user_id, actor, action, subject, facts)
  select tenant(), %(actor)s, 'model alias', %(bot_id)s::uuid::text, jsonb_build_object('alias', alias, 'name', %(name)s::text)
  from written
)
select count(*) from written
