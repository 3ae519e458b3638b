-- record_intents: writes the round of decisions, its orders, their first events and the bot's memory, all or nothing
-- Only the last line hangs on the guard: it undoes everything, so that nothing else needs to wait for it.
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), asked as materialized (
  select * from json_to_recordset(%(orders)s::json) as o (order_id uuid, client_order_id text, intent_key text,
    symbol text, side text, kind text, quantity numeric, price numeric, reduce_only boolean, reason text,
    created_at timestamptz, send_before timestamptz, sequence bigint, detail text, previous text, digest text)
), job as (
  insert into jobs (user_id, job_id, account_id, bot_id, trigger_reason, started_at)
  values (tenant(), %(job_id)s, %(account_id)s, %(bot_id)s, %(trigger_reason)s, %(at)s)
), remembered as (
  update bots set memory = %(memory)s::jsonb, memory_at = %(at)s
  where bot_id = %(bot_id)s and %(memory)s::jsonb is not null
), written as (
  insert into orders (user_id, order_id, account_id, bot_id, job_id, client_order_id, intent_key, symbol, side, kind,
    quantity, price, reduce_only, status, reason, epoch, created_at, send_before, updated_at)
  select tenant(), order_id, %(account_id)s, %(bot_id)s, %(job_id)s, client_order_id, intent_key, symbol, side, kind,
    quantity, price, reduce_only, 'pending', reason, %(epoch)s, created_at, send_before, created_at
  from asked
), noted as (
  insert into order_events (user_id, account_id, sequence, order_id, at, status_before, status_after, detail, previous,
    digest, epoch)
  select tenant(), %(account_id)s, sequence, order_id, created_at, null, 'pending', detail, decode(previous, 'hex'),
    decode(digest, 'hex'), %(epoch)s
  from asked
)
select assert_written((select count(*) from guard), 0, 0)

-- advance_order: a guarded status change and its event, in one statement
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), moved as (
  update orders set status = %(after)s, venue_order_id = coalesce(%(venue_order_id)s, venue_order_id),
    cancel_requested_at = coalesce(%(cancel_requested_at)s, cancel_requested_at), updated_at = %(at)s
  where order_id = %(order_id)s and account_id = %(account_id)s and status = %(before)s
    and (%(after)s = %(before)s or may_move(%(before)s, %(after)s))
  returning 1
), noted as (
  insert into order_events (user_id, account_id, sequence, order_id, at, status_before, status_after, detail, previous,
    digest, epoch)
  values (tenant(), %(account_id)s, %(sequence)s, %(order_id)s, %(at)s, %(before)s, %(after)s, %(detail)s, %(previous)s,
    %(digest)s, %(epoch)s)
)
select assert_written((select count(*) from guard), (select count(*) from moved), 1)

-- load_unsettled: what recovery and the first tick start from, oldest first; so many in a row, each column as one value
select array_agg(order_id), string_agg(bot_id::text, ','), array_agg(client_order_id), array_agg(symbol), array_agg(side),
  array_agg(kind), string_agg(trim_scale(quantity)::text, ','), string_agg(coalesce(trim_scale(price)::text, ''), ','),
  array_agg(reduce_only), array_agg(created_at), array_agg(send_before), array_agg(status), array_agg(venue_order_id),
  string_agg(trim_scale(filled_quantity)::text, ','), array_agg(cancel_requested_at is not null)
from (
  select *, (row_number() over (order by created_at, order_id) - 1) / %(count)s as part from orders
  where account_id = %(account_id)s and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown')
  order by part, created_at, order_id
) as unsettled
group by part order by part

-- load_recent: unsettled orders and those that changed since an instant, to compare with the venue
select order_id, bot_id, client_order_id, symbol, side, kind, quantity, price, reduce_only, created_at, send_before, status,
  venue_order_id, filled_quantity, cancel_requested_at is not null
from orders
where account_id = %(account_id)s
  and (status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown') or updated_at >= %(since)s)
order by created_at, order_id

-- load_matching: the orders that the venue's ids name, however old they are
select order_id, bot_id, client_order_id, symbol, side, kind, quantity, price, reduce_only, created_at, send_before, status,
  venue_order_id, filled_quantity, cancel_requested_at is not null
from orders
where account_id = %(account_id)s
  and (venue_order_id = any(%(venue_order_ids)s) or client_order_id = any(%(client_order_ids)s))

-- load_known_ids: which of these intents were written before, after a crash or by an earlier round
select order_id from orders where order_id = any(%(order_ids)s)

-- load_last_times: when each bot last ordered each symbol, for the cooldown
select bot_id, symbol, max(created_at) from orders
where account_id = %(account_id)s and updated_at >= %(since)s and created_at >= %(since)s
group by bot_id, symbol

-- load_chain_end: where the account's chain of events stands
select sequence, digest from order_events
where account_id = %(account_id)s
order by sequence desc limit 1

-- load_events: a stretch of the account's chain, to be walked
select sequence, order_id, at, status_before, status_after, detail, previous, digest from order_events
where account_id = %(account_id)s and sequence > %(after)s
order by sequence limit %(count)s

-- load_final_events: what the last event of each order says its status is, where the order's row disagrees
select orders.client_order_id, orders.status, last.status_after
from orders
cross join lateral (
  select status_after from order_events
  where order_events.order_id = orders.order_id order by sequence desc limit 1
) as last
where orders.account_id = %(account_id)s and orders.status <> last.status_after
limit %(count)s
