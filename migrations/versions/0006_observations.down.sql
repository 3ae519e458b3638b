-- loses: spool_positions, decisions, predictions, phantoms, blocked_signals, candles, market_snapshots, equity_marks, risk_marks, allocations, snapshots
set local role holdfast_owner;
drop table holdfast.spool_positions, holdfast.decisions, holdfast.predictions, holdfast.phantoms, holdfast.blocked_signals,
  holdfast.candles, holdfast.market_snapshots, holdfast.equity_marks, holdfast.risk_marks, holdfast.allocations,
  holdfast.snapshots;
