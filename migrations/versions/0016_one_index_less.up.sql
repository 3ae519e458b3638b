-- The best and the worst trades are looked for on the days that have them, so nobody asks this index. It held the result
-- of each closed trade, which every fill of an open one changes: with it gone such a fill touches no index of trades.
set local role holdfast_owner;
drop index holdfast.trades_result;
