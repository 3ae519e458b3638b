-- load_positions: what bots hold, or held, the last touched first
select p.account_id, p.bot_id, p.symbol, trim_scale(p.quantity)::text, trim_scale(p.average_price)::text,
  trim_scale(p.cost)::text, trim_scale(p.realised)::text, trim_scale(p.fees)::text,
  trim_scale(case when p.day = (clock_timestamp() at time zone 'UTC')::date then p.realised - p.fees - p.day_start_result
    else 0 end)::text,
  p.fill_count, p.trade_count, p.last_fill_at, p.updated_at, p.updated_at, p.bot_id || '/' || p.symbol
from positions as p
where (%(bot)s::uuid is null or p.bot_id = %(bot)s::uuid)
  and (%(open)s::boolean is null or (p.quantity <> 0) = %(open)s::boolean)
  and (%(after_at)s::timestamptz is null or p.updated_at <= %(after_at)s::timestamptz
    and (p.updated_at < %(after_at)s::timestamptz or p.bot_id || '/' || p.symbol < %(after_key)s::text collate "C"))
order by p.updated_at desc, (p.bot_id || '/' || p.symbol) collate "C" desc limit %(count)s

-- load_trades: from flat to flat, the last opened first
select t.account_id, t.bot_id, t.symbol, t.number, t.direction, t.opened_at, t.closed_at, trim_scale(t.entry_quantity)::text,
  trim_scale(t.entry_quote)::text, trim_scale(t.exit_quantity)::text, trim_scale(t.exit_quote)::text,
  trim_scale(t.realised - t.fees)::text, trim_scale(t.fees)::text, t.fill_count,
  t.opened_at, t.bot_id || '/' || t.symbol || '/' || t.number
from bots
cross join lateral (
  select * from trades
  where trades.bot_id = bots.bot_id and trades.user_id = bots.user_id and not voided
    and (%(symbol)s::text is null or symbol = %(symbol)s::text)
    and (%(open)s::boolean is null or (closed_at is null) = %(open)s::boolean)
    and (%(after_at)s::timestamptz is null or opened_at <= %(after_at)s::timestamptz
      and (opened_at < %(after_at)s::timestamptz
        or trades.bot_id || '/' || symbol || '/' || number < %(after_key)s::text collate "C"))
  order by opened_at desc, (trades.bot_id || '/' || symbol || '/' || number) collate "C" desc limit %(count)s
) as t
where %(bot)s::uuid is null or bots.bot_id = %(bot)s::uuid
order by t.opened_at desc, (t.bot_id || '/' || t.symbol || '/' || t.number) collate "C" desc limit %(count)s

-- load_trade_at: the one that was under way at an instant
select t.account_id, t.bot_id, t.symbol, t.number, t.direction, t.opened_at, t.closed_at, trim_scale(t.entry_quantity)::text,
  trim_scale(t.entry_quote)::text, trim_scale(t.exit_quantity)::text, trim_scale(t.exit_quote)::text,
  trim_scale(t.realised - t.fees)::text, trim_scale(t.fees)::text, t.fill_count
from trades as t
where t.bot_id = %(bot)s and t.symbol = %(symbol)s and not t.voided and t.opened_at <= %(at)s
order by t.opened_at desc, t.number desc limit 1
