-- load_positions: what every bot of an account holds
copy (
  select bot_id, symbol, quantity, cost, realised, fees, fees_other, day, day_start_result, fill_count, trade_count,
    last_fill_at, last_trade_id
  from positions
  where account_id = %(account_id)s
  order by bot_id, symbol
) to stdout

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
