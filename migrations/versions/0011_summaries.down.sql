-- loses: summaries
set local role holdfast_owner;
drop trigger decisions_keep_all_but_texts on holdfast.decisions;
drop trigger decisions_append_only on holdfast.decisions;
create trigger decisions_append_only before update or delete on holdfast.decisions
  for each row execute function holdfast.refuse_change();
revoke update (prompt, answer) on holdfast.decisions from holdfast_retention;
revoke all on holdfast.users, holdfast.accounts, holdfast.bots, holdfast.trades, holdfast.decisions, holdfast.predictions,
  holdfast.phantoms, holdfast.blocked_signals, holdfast.candles, holdfast.market_snapshots, holdfast.equity_marks,
  holdfast.risk_marks, holdfast.allocations, holdfast.snapshots from holdfast_retention;
drop policy retention on holdfast.users;
drop function holdfast.facts_of(uuid, timestamptz, timestamptz);
drop table holdfast.summaries;
revoke usage on schema holdfast from holdfast_retention;
reset role;
revoke select on public.alembic_version from holdfast_retention;
