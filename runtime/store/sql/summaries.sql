-- load: what is left of days or lives, newest first, of all bots or of those of one name
select bots.name, accounts.name, summaries.kind, summaries.name, from_at, to_at, written_at, facts
from summaries
join bots using (user_id, bot_id)
join accounts using (user_id, account_id)
where summaries.kind = %(kind)s and (%(bot)s::text is null or bots.name = %(bot)s::text)
order by to_at desc, bots.name, accounts.name
limit %(count)s

-- record_life: what a bot was until an operator let it begin anew: figures, its memory, and what its components remembered
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), before as (
  select bots.bot_id, bots.memory, bots.breaker_day, bots.equity, coalesce(
    (select max(to_at) from summaries where summaries.bot_id = bots.bot_id and kind = 'life'), bots.created_at) as from_at,
    clock_timestamp() as to_at
  from bots where bots.bot_id = %(bot_id)s
), saved as (
  select jsonb_object_agg(component, jsonb_build_object('version', version, 'shape', shape, 'codec', codec,
    'saved_at', saved_at, 'digest', encode(digest, 'hex'), 'body', encode(body, 'base64'), 'counted', counted)) as states
  from (
    select distinct on (component) component, version, shape, codec, saved_at, digest, body, counted
    from component_states where bot_id = %(bot_id)s order by component, version desc
  ) as newest
), written as (
  insert into summaries (user_id, bot_id, kind, name, from_at, to_at, facts)
  select tenant(), before.bot_id, 'life', %(name)s, before.from_at, before.to_at,
    facts_of(before.bot_id, before.from_at, before.to_at) || jsonb_build_object('memory', before.memory,
      'breaker_day', before.breaker_day, 'equity', before.equity::text, 'components', coalesce(saved.states, '{}'))
  from guard, before, saved
  on conflict on constraint summaries_pkey do nothing
)
select assert_written((select count(*) from guard), (select count(*) from before), 1)
