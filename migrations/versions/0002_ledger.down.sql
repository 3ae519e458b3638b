-- loses: trades, positions, fills, order_events, orders, jobs
set local role holdfast_owner;
drop table holdfast.trades, holdfast.positions, holdfast.fills, holdfast.order_events, holdfast.orders, holdfast.jobs;
drop function holdfast.check_order_change(), holdfast.refuse_order_rewrite(), holdfast.may_move(text, text);
