-- load_orders: of all accounts, the last changed first
select o.order_id, o.account_id, o.bot_id, o.job_id, o.client_order_id, o.venue_order_id, o.intent_key, o.symbol, o.side,
  o.kind, trim_scale(o.quantity)::text, trim_scale(o.price)::text, o.reduce_only, o.status,
  trim_scale(o.filled_quantity)::text, o.reason, o.created_at, o.send_before, o.cancel_requested_at, o.updated_at,
  o.updated_at, o.order_id::text
from accounts
cross join lateral (
  select * from orders
  where orders.account_id = accounts.account_id and orders.user_id = accounts.user_id
    and (%(bot)s::uuid is null or bot_id = %(bot)s::uuid)
    and (%(symbol)s::text is null or symbol = %(symbol)s::text)
    and (%(status)s::text is null or status = %(status)s::text)
    and (%(after_at)s::timestamptz is null or updated_at <= %(after_at)s::timestamptz
      and (updated_at < %(after_at)s::timestamptz or order_id::text < %(after_key)s::text collate "C"))
  order by updated_at desc, order_id::text collate "C" desc limit %(count)s
) as o
order by o.updated_at desc, o.order_id::text collate "C" desc limit %(count)s

-- load_unsettled_orders: the same of those whose end is not known, through the index that holds no others
select o.order_id, o.account_id, o.bot_id, o.job_id, o.client_order_id, o.venue_order_id, o.intent_key, o.symbol, o.side,
  o.kind, trim_scale(o.quantity)::text, trim_scale(o.price)::text, o.reduce_only, o.status,
  trim_scale(o.filled_quantity)::text, o.reason, o.created_at, o.send_before, o.cancel_requested_at, o.updated_at,
  o.updated_at, o.order_id::text
from orders as o
where o.status in ('pending', 'submitted', 'open', 'partially_filled', 'unknown')
  and (%(status)s::text is null or o.status = %(status)s::text)
  and (%(bot)s::uuid is null or o.bot_id = %(bot)s::uuid)
  and (%(symbol)s::text is null or o.symbol = %(symbol)s::text)
  and (%(after_at)s::timestamptz is null or o.updated_at <= %(after_at)s::timestamptz
    and (o.updated_at < %(after_at)s::timestamptz or o.order_id::text < %(after_key)s::text collate "C"))
order by o.updated_at desc, o.order_id::text collate "C" desc limit %(count)s

-- load_orders_by_id: the same columns, of these
select o.order_id, o.account_id, o.bot_id, o.job_id, o.client_order_id, o.venue_order_id, o.intent_key, o.symbol, o.side,
  o.kind, trim_scale(o.quantity)::text, trim_scale(o.price)::text, o.reduce_only, o.status,
  trim_scale(o.filled_quantity)::text, o.reason, o.created_at, o.send_before, o.cancel_requested_at, o.updated_at
from orders as o
where o.order_id = any(%(order_ids)s::uuid[])

-- load_order_events: an order's life, oldest first
select sequence, at, status_before, status_after, detail::jsonb, encode(digest, 'hex'), epoch
from order_events where order_id = %(order_id)s
order by sequence limit %(count)s

-- load_fills: of all accounts, the newest first
select f.account_id, f.bot_id, f.order_id, f.venue_trade_id, f.venue_order_id, f.symbol, f.side, trim_scale(f.quantity)::text,
  trim_scale(f.price)::text, trim_scale(f.fee)::text, f.fee_coin, f.traded_at, f.recorded_at,
  f.traded_at, f.account_id || '/' || f.symbol || '/' || f.venue_trade_id
from accounts
cross join lateral (
  select * from fills
  where fills.account_id = accounts.account_id and fills.user_id = accounts.user_id
    and (%(bot)s::uuid is null or bot_id = %(bot)s::uuid)
    and (%(symbol)s::text is null or symbol = %(symbol)s::text)
    and (%(after_at)s::timestamptz is null or traded_at <= %(after_at)s::timestamptz
      and (traded_at < %(after_at)s::timestamptz
        or fills.account_id || '/' || symbol || '/' || venue_trade_id < %(after_key)s::text collate "C"))
  order by traded_at desc, (fills.account_id || '/' || symbol || '/' || venue_trade_id) collate "C" desc limit %(count)s
) as f
order by f.traded_at desc, (f.account_id || '/' || f.symbol || '/' || f.venue_trade_id) collate "C" desc limit %(count)s

-- load_order_fills: what was executed of some orders, all of it or these executions, oldest first
select account_id, bot_id, order_id, venue_trade_id, venue_order_id, symbol, side, trim_scale(quantity)::text,
  trim_scale(price)::text, trim_scale(fee)::text, fee_coin, traded_at, recorded_at
from fills
where order_id = any(%(order_ids)s::uuid[])
  and (%(trade_ids)s::text[] is null or venue_trade_id = any(%(trade_ids)s::text[]))
order by traded_at, venue_trade_id collate "C" limit %(count)s
