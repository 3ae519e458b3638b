-- append_candles: past what is known; one that is there already undoes the statement
insert into candles (user_id, account_id, symbol, timeframe, opened_at, open, high, low, close, volume)
select (select tenant()), %(account_id)s, s.symbol, s.timeframe, 'epoch'::timestamptz + c.opened_us * interval '1 microsecond',
  c.open, c.high, c.low, c.close, c.volume
from unnest(%(series)s::integer[], %(opened_us)s::bigint[], %(opens)s::numeric[], %(highs)s::numeric[], %(lows)s::numeric[],
    %(closes)s::numeric[], %(volumes)s::numeric[]) as c (series, opened_us, open, high, low, close, volume)
  join unnest(%(symbols)s::text[], %(timeframes)s::text[]) with ordinality as s (symbol, timeframe, number)
    on s.number = c.series

-- upsert_candles: wherever they belong; one that is there is corrected if it differs
insert into candles as k (user_id, account_id, symbol, timeframe, opened_at, open, high, low, close, volume)
select (select tenant()), %(account_id)s, s.symbol, s.timeframe, 'epoch'::timestamptz + c.opened_us * interval '1 microsecond',
  c.open, c.high, c.low, c.close, c.volume
from unnest(%(series)s::integer[], %(opened_us)s::bigint[], %(opens)s::numeric[], %(highs)s::numeric[], %(lows)s::numeric[],
    %(closes)s::numeric[], %(volumes)s::numeric[]) as c (series, opened_us, open, high, low, close, volume)
  join unnest(%(symbols)s::text[], %(timeframes)s::text[]) with ordinality as s (symbol, timeframe, number)
    on s.number = c.series
on conflict (account_id, symbol, timeframe, opened_at, user_id) do update
set open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume
where (k.open, k.high, k.low, k.close, k.volume)
  is distinct from (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)

-- load_candles: the newest of one series, oldest first
select opened_at, open, high, low, close, volume from (
  select opened_at, open, high, low, close, volume from candles
  where account_id = %(account_id)s and symbol = %(symbol)s and timeframe = %(timeframe)s
  order by opened_at desc limit %(count)s
) as newest
order by opened_at

-- copy_candles: the newest of several series as columns, for whoever calculates with many
copy (
  select s.number::integer, extract(epoch from n.opened_at)::float8, n.open::float8, n.high::float8, n.low::float8,
    n.close::float8, n.volume::float8
  from unnest(%(symbols)s::text[]) with ordinality as s (symbol, number)
    cross join lateral (
      select opened_at, open, high, low, close, volume from candles
      where account_id = %(account_id)s and symbol = s.symbol and timeframe = %(timeframe)s
      order by opened_at desc limit %(count)s
    ) as n
) to stdout with (format binary)
