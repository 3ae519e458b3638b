-- fail_abandoned: runs whose scorer is gone: it held their rows locked, and PostgreSQL let go when it died
update scoring_runs set status = 'failed', finished_at = clock_timestamp(), error = %(error)s
where run_id in (
  select run_id from scoring_runs where scorer = %(scorer)s and status = 'running' for update skip locked)
returning run_id

-- find_pending: the oldest that waits to be begun
select run_id from scoring_runs where scorer = %(scorer)s and status = 'pending' order by requested_at, run_id limit 1

-- hold_run: for as long as this transaction lives, nobody may take its run for abandoned
select run_id from scoring_runs where run_id = %(run_id)s and status = 'running' for update

-- load_falls: how far each bot ever fell below its best since a day, as its desk marked it
select bot_id, max(r.drawdown) from bots join risk_marks as r using (user_id, bot_id)
where r.at >= %(since)s
group by bot_id

-- request_run: a run that somebody will begin
insert into scoring_runs (user_id, scorer) values (tenant(), %(scorer)s)
returning run_id

-- start_run: the first who begins it has it
update scoring_runs set status = 'running', started_at = clock_timestamp()
where run_id = %(run_id)s and status = 'pending'
returning run_id

-- record_scores: a batch of a run that is running, counted with it
with run as (
  update scoring_runs set trader_count = trader_count + %(count)s
  where run_id = %(run_id)s and status = 'running'
  returning run_id
), written as (
  insert into trader_scores (user_id, run_id, trader, bot_id, rank, score, metrics)
  select tenant(), run.run_id, s.trader, s.bot_id, s.rank, s.score, s.metrics
  from run, json_to_recordset(%(scores)s::json)
    as s (trader text, bot_id uuid, rank integer, score numeric, metrics jsonb)
  returning rank
)
select (select count(*) from written)

-- complete_run: from now on its scores are the ones that count
update scoring_runs set status = 'completed', finished_at = clock_timestamp()
where run_id = %(run_id)s and status = 'running'
returning run_id

-- fail_run: and why
update scoring_runs set status = 'failed', finished_at = clock_timestamp(),
  started_at = coalesce(started_at, clock_timestamp()), error = %(error)s
where run_id = %(run_id)s and status in ('pending', 'running')
returning run_id

-- load_runs: the newest first
select run_id, scorer, status, requested_at, started_at, finished_at, trader_count, error from scoring_runs
where scorer = %(scorer)s
order by requested_at desc, run_id
limit %(count)s

-- load_ranked: of the newest completed run of a scorer, from a rank on
select s.trader, s.bot_id, s.rank, s.score, s.metrics, r.run_id, r.finished_at
from (
  select run_id, user_id, finished_at from scoring_runs
  where scorer = %(scorer)s and status = 'completed'
  order by finished_at desc
  limit 1
) as r
join trader_scores as s on s.run_id = r.run_id and s.user_id = r.user_id and s.rank > %(after)s
order by s.rank
limit %(count)s
