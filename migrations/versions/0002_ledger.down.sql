-- Drops the ledger with everything in it: `rollback` takes a person's word for that first.
set local role holdfast_owner;
drop table holdfast.trades, holdfast.positions, holdfast.fills, holdfast.order_events, holdfast.orders, holdfast.jobs;
drop function holdfast.check_order_change(), holdfast.refuse_order_rewrite(), holdfast.may_move(text, text);
