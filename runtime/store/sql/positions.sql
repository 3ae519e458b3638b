-- load_positions: what every bot of an account holds; so many in a row, each column as one value
select string_agg(bot_id::text, ','), array_agg(symbol), string_agg(trim_scale(quantity)::text, ','),
  string_agg(trim_scale(cost)::text, ','), string_agg(trim_scale(realised)::text, ','),
  string_agg(trim_scale(fees)::text, ','), json_agg(fees_other), array_agg(day),
  string_agg(trim_scale(day_start_result)::text, ','), array_agg(fill_count), array_agg(trade_count),
  array_agg(last_fill_at), array_agg(last_trade_id)
from (
  select *, (row_number() over (order by bot_id, symbol) - 1) / %(count)s as part from positions
  where account_id = %(account_id)s
  order by part, bot_id, symbol
) as held
group by part order by part

-- load_open_trades: the journeys that are under way
select bot_id, symbol, number, direction, opened_at, closed_at, entry_quantity, entry_quote, exit_quantity, exit_quote,
  realised, fees, fill_count
from trades
where account_id = %(account_id)s and closed_at is null and not voided

-- load_trades_after: a stretch of a position's trades, to verify them
select bot_id, symbol, number, direction, opened_at, closed_at, entry_quantity, entry_quote, exit_quantity, exit_quote,
  realised, fees, fill_count
from trades
where account_id = %(account_id)s and bot_id = %(bot_id)s and symbol = %(symbol)s and not voided and number > %(after)s
order by number limit %(count)s
