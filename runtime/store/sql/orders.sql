-- record_intents: writes the round of decisions, its orders, their first events and the bot's memory, all or nothing
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), job as (
  insert into jobs (user_id, job_id, account_id, bot_id, trigger_reason, started_at)
  select tenant(), %(job_id)s, %(account_id)s, %(bot_id)s, %(trigger_reason)s, %(at)s from guard
), remembered as (
  update bots set memory = %(memory)s::jsonb, memory_at = %(at)s from guard where bot_id = %(bot_id)s
), written as (
  insert into orders (user_id, order_id, account_id, bot_id, job_id, client_order_id, intent_key, symbol, side, kind,
    quantity, price, reduce_only, status, reason, epoch, created_at, send_before, updated_at)
  select tenant(), o.order_id, %(account_id)s, %(bot_id)s, %(job_id)s, o.client_order_id, o.intent_key, o.symbol, o.side,
    o.kind, o.quantity, o.price, o.reduce_only, 'pending', o.reason, guard.epoch, o.created_at, o.send_before, o.created_at
  from guard, json_to_recordset(%(orders)s::json) as o (order_id uuid, client_order_id text, intent_key text, symbol text,
    side text, kind text, quantity numeric, price numeric, reduce_only boolean, reason text, created_at timestamptz,
    send_before timestamptz)
  returning order_id
), noted as (
  insert into order_events (user_id, account_id, sequence, order_id, at, status_before, status_after, detail, previous,
    digest, epoch)
  select tenant(), %(account_id)s, e.sequence, e.order_id, e.at, null, e.status_after, e.detail,
    decode(e.previous, 'hex'), decode(e.digest, 'hex'), guard.epoch
  from guard, json_to_recordset(%(events)s::json) as e (sequence bigint, order_id uuid, at timestamptz, status_after text,
    detail text, previous text, digest text)
  returning order_id
)
select assert_written((select count(*) from guard), (select count(*) from written join noted using (order_id)), %(count)s)

-- advance_order: a guarded status change and its event, in one statement
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), moved as (
  update orders set status = %(after)s, venue_order_id = coalesce(%(venue_order_id)s, venue_order_id),
    cancel_requested_at = coalesce(%(cancel_requested_at)s, cancel_requested_at), updated_at = %(at)s
  from guard
  where order_id = %(order_id)s and status = %(before)s and (status = %(after)s or may_move(status, %(after)s))
  returning order_id
), noted as (
  insert into order_events (user_id, account_id, sequence, order_id, at, status_before, status_after, detail, previous,
    digest, epoch)
  select tenant(), %(account_id)s, %(sequence)s, moved.order_id, %(at)s, %(before)s, %(after)s, %(detail)s, %(previous)s,
    %(digest)s, guard.epoch
  from moved, guard
)
select assert_written((select count(*) from guard), (select count(*) from moved), 1)

-- load_unsettled: what recovery and the first tick start from
copy (
  select order_id, bot_id, client_order_id, symbol, side, kind, quantity, price, reduce_only, created_at, send_before, status,
    venue_order_id, filled_quantity, cancel_requested_at is not null
  from orders
  where account_id = %(account_id)s and status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown')
  order by created_at, order_id
) to stdout

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
