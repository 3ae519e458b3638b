-- record_fill: the fill, its order, its event, the position and the trades, in one statement; nothing if it is known
with guard as (
  select epoch from leases where account_id = %(account_id)s and epoch = %(epoch)s for share
), fresh as (
  insert into fills (user_id, account_id, symbol, venue_trade_id, order_id, bot_id, venue_order_id, base, quote, side,
    quantity, price, fee, fee_coin, quantity_step, traded_at, epoch)
  select tenant(), %(account_id)s, %(symbol)s, %(venue_trade_id)s, %(order_id)s, %(bot_id)s, %(venue_order_id)s, %(base)s,
    %(quote)s, %(side)s, %(quantity)s, %(price)s, %(fee)s, %(fee_coin)s, %(quantity_step)s, %(traded_at)s, guard.epoch
  from guard
  on conflict do nothing
  returning epoch
), moved as (
  update orders set status = %(after)s, filled_quantity = filled_quantity + %(quantity)s, updated_at = %(at)s
  from fresh
  where order_id = %(order_id)s and account_id = %(account_id)s and bot_id = %(bot_id)s
    and status = %(before)s and (%(after)s = %(before)s or may_move(%(before)s, %(after)s))
  returning 1
), noted as (
  insert into order_events (user_id, account_id, sequence, order_id, at, status_before, status_after, detail, previous,
    digest, epoch)
  select tenant(), %(account_id)s, %(sequence)s, %(order_id)s, %(at)s, %(before)s, %(after)s, %(detail)s, %(previous)s,
    %(digest)s, epoch
  from fresh
), held as (
  insert into positions as p (user_id, bot_id, symbol, account_id, quantity, cost, realised, fees, fees_other, day,
    day_start_result, fill_count, trade_count, last_fill_at, last_trade_id)
  select tenant(), %(bot_id)s, %(symbol)s, %(account_id)s, %(position_quantity)s, %(cost)s, %(realised)s, %(fees)s,
    %(fees_other)s::jsonb, %(day)s, %(day_start_result)s, %(fill_count)s, %(trade_count)s, %(last_fill_at)s,
    %(last_trade_id)s
  from fresh
  on conflict (user_id, bot_id, symbol) do update set
    quantity = excluded.quantity, cost = excluded.cost, realised = excluded.realised, fees = excluded.fees,
    fees_other = excluded.fees_other, day = excluded.day, day_start_result = excluded.day_start_result,
    fill_count = excluded.fill_count, trade_count = excluded.trade_count, last_fill_at = excluded.last_fill_at,
    last_trade_id = excluded.last_trade_id, updated_at = clock_timestamp()
  where p.fill_count = excluded.fill_count - 1
  returning 1
), counted as (
  insert into trades (user_id, bot_id, symbol, number, account_id, direction, opened_at, closed_at, entry_quantity,
    entry_quote, exit_quantity, exit_quote, realised, fees, fill_count, voided)
  select tenant(), %(bot_id)s, %(symbol)s, t.number, %(account_id)s, t.direction, t.opened_at, t.closed_at,
    t.entry_quantity, t.entry_quote, t.exit_quantity, t.exit_quote, t.realised, t.fees, t.fill_count, t.voided
  from fresh, json_to_recordset(%(trades)s::json) as t (number integer, direction text, opened_at timestamptz,
    closed_at timestamptz, entry_quantity numeric, entry_quote numeric, exit_quantity numeric, exit_quote numeric,
    realised numeric, fees numeric, fill_count integer, voided boolean)
  on conflict (user_id, bot_id, symbol, number) do update set
    direction = excluded.direction, opened_at = excluded.opened_at, closed_at = excluded.closed_at,
    entry_quantity = excluded.entry_quantity, entry_quote = excluded.entry_quote,
    exit_quantity = excluded.exit_quantity, exit_quote = excluded.exit_quote, realised = excluded.realised,
    fees = excluded.fees, fill_count = excluded.fill_count, voided = excluded.voided
)
select (select count(*) from fresh), assert_written((select count(*) from guard),
  (select count(*) from moved) + (select count(*) from held), 2 * (select count(*) from fresh))

-- load_position_fills: every fill of a bot in a symbol, to derive its position anew
select order_id, bot_id, venue_trade_id, venue_order_id, symbol, base, quote, side, quantity, price, fee, fee_coin,
  quantity_step, traded_at
from fills
where bot_id = %(bot_id)s and symbol = %(symbol)s

-- load_fills_after: a stretch of a position's fills in the order in which they count, to derive it anew
select order_id, bot_id, venue_trade_id, venue_order_id, symbol, base, quote, side, quantity, price, fee, fee_coin,
  quantity_step, traded_at
from fills
where account_id = %(account_id)s and bot_id = %(bot_id)s and symbol = %(symbol)s and traded_at >= %(traded_at)s
  and (traded_at, length(venue_trade_id), venue_trade_id collate "C")
    > (%(traded_at)s, %(length)s, %(trade_id)s::text collate "C")
order by traded_at, length(venue_trade_id), venue_trade_id collate "C" limit %(count)s

-- load_filled_positions: which positions an account's fills and trades speak of
select bot_id, symbol from fills where account_id = %(account_id)s
union
select bot_id, symbol from trades where account_id = %(account_id)s

-- load_trade_ids: which fills are known since an instant, to compare with the venue
select symbol, venue_trade_id from fills where account_id = %(account_id)s and traded_at >= %(since)s

-- load_filled_sums: orders whose filled quantity is not the sum of their fills
select orders.client_order_id, orders.filled_quantity, coalesce(sum(fills.quantity), 0)
from orders left join fills on fills.order_id = orders.order_id
where orders.account_id = %(account_id)s
group by orders.client_order_id, orders.filled_quantity
having orders.filled_quantity <> coalesce(sum(fills.quantity), 0)
limit %(count)s
