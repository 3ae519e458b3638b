-- Who is worth following: a run of the scorer, and what it found of each trader. Scores come in batches while the run is
-- running, and count only when it is completed.
set local role holdfast_owner;

create table holdfast.scoring_runs (
  user_id uuid not null,
  run_id uuid not null default gen_random_uuid(),
  scorer text not null,
  status text not null default 'pending',
  requested_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz,
  trader_count integer not null default 0,
  error text,
  constraint scoring_runs_pkey primary key (run_id, user_id),
  constraint scoring_runs_user_fkey foreign key (user_id) references holdfast.users (user_id),
  constraint scoring_runs_status_known check (status in ('pending', 'running', 'completed', 'failed')),
  constraint scoring_runs_times_fit check (
    (status = 'pending') = (started_at is null and finished_at is null)
    and (status in ('completed', 'failed')) = (finished_at is not null)),
  constraint scoring_runs_error_fits check ((status = 'failed') = (error is not null)),
  constraint scoring_runs_count_known check (trader_count >= 0)
);
create index scoring_runs_newest on holdfast.scoring_runs (scorer, finished_at desc) where status = 'completed';

create table holdfast.trader_scores (
  user_id uuid not null,
  run_id uuid not null,
  trader text not null,
  bot_id uuid,
  rank integer not null,
  score holdfast.amount not null,
  metrics jsonb not null,
  constraint trader_scores_pkey primary key (run_id, rank, user_id),
  constraint trader_scores_trader_once unique (run_id, trader, user_id),
  constraint trader_scores_run_fkey foreign key (run_id, user_id) references holdfast.scoring_runs (run_id, user_id),
  constraint trader_scores_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint trader_scores_rank_known check (rank >= 1)
);

create function holdfast.check_scoring_move() returns trigger language plpgsql set search_path = holdfast, pg_temp as $$
begin
  if (old.status, new.status) not in (('pending', 'running'), ('pending', 'failed'), ('running', 'completed'),
      ('running', 'failed')) then
    raise exception 'a scoring run does not go from % to %', old.status, new.status using errcode = 'check_violation';
  end if;
  return new;
end
$$;
create trigger scoring_runs_move before update on holdfast.scoring_runs
  for each row when (old.status is distinct from new.status) execute function holdfast.check_scoring_move();
create trigger trader_scores_append_only before update or delete on holdfast.trader_scores
  for each row execute function holdfast.refuse_change();

do $tables$
declare
  table_name text;
begin
  foreach table_name in array array['scoring_runs', 'trader_scores'] loop
    execute format('alter table holdfast.%I enable row level security, force row level security', table_name);
    execute format('create policy tenant on holdfast.%I using (user_id = holdfast.tenant())', table_name);
    execute format('create policy backup on holdfast.%I for select to holdfast_backup using (true)', table_name);
    execute format('create trigger %I before truncate on holdfast.%I for each statement '
      'execute function holdfast.refuse_truncate()',
      table_name || '_truncate', table_name);
    execute format('grant select on holdfast.%I to holdfast_bot, holdfast_api, holdfast_readonly', table_name);
    execute format('grant insert on holdfast.%I to holdfast_bot', table_name);
  end loop;
end
$tables$;
grant update (status, started_at, finished_at, trader_count, error) on holdfast.scoring_runs to holdfast_bot;
