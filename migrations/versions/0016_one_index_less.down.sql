set local role holdfast_owner;
create index trades_result on holdfast.trades (bot_id, (realised - fees)) where closed_at is not null and not voided;
