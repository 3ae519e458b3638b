-- loses: trader_scores, scoring_runs
set local role holdfast_owner;
drop table holdfast.trader_scores, holdfast.scoring_runs;
drop function holdfast.check_scoring_move();
