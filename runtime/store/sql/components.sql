-- load_newest: what every component of an account saved last, and how old it is
select distinct on (states.bot_id, states.component) states.bot_id, states.component, version, saved_at,
  extract(epoch from clock_timestamp() - saved_at)::float8, shape, codec, body, digest, counted
from component_states as states join bots using (user_id, bot_id)
where bots.account_id = %(account_id)s
order by states.bot_id, states.component, version desc

-- load_before: the version before one that cannot be used
select bot_id, component, version, saved_at, extract(epoch from clock_timestamp() - saved_at)::float8, shape, codec, body,
  digest, counted
from component_states
where bot_id = %(bot_id)s and component = %(component)s and version < %(version)s
order by version desc limit 1

-- record_state: a new version, in the place of the one that was saved so many versions before
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), newest as (
  select coalesce(max(version), 0) + 1 as version from component_states
  where bot_id = %(bot_id)s and component = %(component)s
), written as (
  insert into component_states (user_id, bot_id, component, place, version, epoch, saved_at, shape, codec, body, digest,
    counted)
  select tenant(), %(bot_id)s, %(component)s, mod(newest.version, %(kept)s::bigint), newest.version, guard.epoch, clock_timestamp(),
    %(shape)s, %(codec)s, %(body)s, %(digest)s, %(counted)s::jsonb
  from guard, newest
  on conflict on constraint component_states_pkey do update set
    version = excluded.version, epoch = excluded.epoch, saved_at = excluded.saved_at, shape = excluded.shape,
    codec = excluded.codec, body = excluded.body, digest = excluded.digest, counted = excluded.counted
  returning version
)
select (select version from written),
  assert_written((select count(*) from guard), (select count(*) from written), 1)

-- load_components: the newest save of every component of every bot, and how many saves of it are kept and whole
select accounts.name, bots.name, s.component, s.version, s.saved_at, extract(epoch from clock_timestamp() - s.saved_at)::float8,
  s.shape, s.codec, octet_length(s.body), encode(s.digest, 'hex'), sha256(s.body) = s.digest, kept.count, kept.whole
from bots
join accounts using (user_id, account_id)
cross join lateral (
  select distinct on (component) * from component_states where component_states.bot_id = bots.bot_id
  order by component, version desc
) as s
cross join lateral (
  select count(*) as count, count(*) filter (where sha256(body) = digest) as whole from component_states
  where component_states.bot_id = bots.bot_id and component_states.component = s.component
) as kept
order by accounts.name, bots.name, s.component
limit %(count)s
