-- look_for_orders: whether we would see everybody's orders, whether somebody else has some, and whether we have
select not row_security_active('holdfast.orders'),
  exists (select from orders where user_id <> %(tenant)s), exists (select from orders where user_id = %(tenant)s)

-- make_stage: rows are copied here first, because nobody may copy into a table with row-level security
do $stage$
declare
  each text;
begin
  foreach each in array array['jobs', 'orders', 'order_events', 'fills', 'trades'] loop
    execute format('create temporary table %I (like holdfast.%I) on commit drop', 'sample_' || each, each);
  end loop;
  -- So many at once are counted when all are there.
  alter table holdfast.trades disable trigger trades_closed, disable trigger trades_changed;
end
$stage$

-- pour: what was copied goes into the ledger, past every constraint and policy of it
do $pour$
declare
  each text;
begin
  foreach each in array array['jobs', 'orders', 'order_events', 'fills', 'trades'] loop
    execute format('insert into holdfast.%I select * from %I', each, 'sample_' || each);
    execute format('truncate %I', 'sample_' || each);
  end loop;
end
$pour$

-- record_position: what a bot's fills leave it with
insert into positions (user_id, bot_id, symbol, account_id, quantity, cost, realised, fees, day, day_start_result,
  fill_count, trade_count, last_fill_at, last_trade_id)
values (tenant(), %(bot_id)s, %(symbol)s, %(account_id)s, %(quantity)s::text::numeric, %(cost)s::text::numeric,
  %(realised)s::text::numeric, %(fees)s::text::numeric, %(day)s, %(day_start_result)s::text::numeric, %(fill_count)s,
  %(trade_count)s, %(last_fill_at)s, %(last_trade_id)s)

-- count_trades: what the made-up trades brought, and from now on each is counted as it comes
do $count$
begin
  alter table holdfast.trades enable trigger trades_closed, enable trigger trades_changed;
  perform holdfast.recount_trades(user_id, bot_id, symbol, '-infinity')
  from (select distinct user_id, bot_id, symbol from holdfast.trades where user_id = holdfast.tenant()) as pairs;
end
$count$
