-- loses: performance_days, performance
set local role holdfast_owner;
drop trigger trades_closed on holdfast.trades;
drop trigger trades_changed on holdfast.trades;
drop function holdfast.count_closed_trade();
drop function holdfast.count_changed_trades();
drop function holdfast.count_trade(uuid, uuid, text, timestamptz, integer, numeric, numeric, interval);
drop function holdfast.recount_trades(uuid, uuid, text, date);
drop table holdfast.performance_days, holdfast.performance;
drop index holdfast.trades_closed_at;
drop index holdfast.trades_result;
