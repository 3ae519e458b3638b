-- What is left of a bot's days and lives once their rows are old, and the role that takes those rows away: it sees which
-- tenants there are, works as one of them at a time under their own policy, and may delete what was only observed.
do $role$
begin
  if not exists (select from pg_roles where rolname = 'holdfast_retention') then
    begin
      create role holdfast_retention login;
    exception when duplicate_object or unique_violation then
      -- The migrator of another database was faster.
      null;
    end;
  end if;
end
$role$;
grant select on public.alembic_version to holdfast_retention;

set local role holdfast_owner;
grant usage on schema holdfast to holdfast_retention;

create table holdfast.summaries (
  user_id uuid not null,
  bot_id uuid not null,
  kind text not null,
  name text not null,
  from_at timestamptz not null,
  to_at timestamptz not null,
  written_at timestamptz not null default clock_timestamp(),
  facts jsonb not null,
  constraint summaries_pkey primary key (bot_id, kind, name, user_id),
  constraint summaries_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint summaries_kind_known check (kind in ('day', 'life')),
  constraint summaries_in_order check (from_at <= to_at)
);

-- What a bot did from one instant to another, in figures. Money is text in it, so that no reader makes a float of it.
create function holdfast.facts_of(bot uuid, since timestamptz, until timestamptz) returns jsonb
  language plpgsql stable
as $body$
begin
  return jsonb_build_object(
    'decisions', (
      select jsonb_build_object('count', count(*), 'failed', count(*) filter (where not success),
        'orders', coalesce(sum(cardinality(order_ids)), 0), 'duration_ms', coalesce(sum(duration_ms), 0),
        'prompt_length', coalesce(sum(prompt_length), 0), 'answer_length', coalesce(sum(answer_length), 0),
        'first_at', min(at), 'last_at', max(at))
      from holdfast.decisions where bot_id = bot and at >= since and at < until),
    'last_notes', (
      select left(notes, 1000) from holdfast.decisions
      where bot_id = bot and at >= since and at < until order by at desc limit 1),
    'predictions', (
      select jsonb_object_agg(model, counted) from (
        select model, jsonb_build_object('count', count(*), 'right', count(*) filter (where outcome = 'right'),
          'wrong', count(*) filter (where outcome = 'wrong'), 'void', count(*) filter (where outcome = 'void')) as counted
        from holdfast.predictions where bot_id = bot and at >= since and at < until group by model) as by_model),
    'signals', (
      select jsonb_build_object('count', count(*), 'executed', count(*) filter (where executed),
        'won', count(*) filter (where outcome = 'won'), 'lost', count(*) filter (where outcome = 'lost'),
        'expired', count(*) filter (where outcome = 'expired'), 'void', count(*) filter (where outcome = 'void'))
      from holdfast.phantoms where bot_id = bot and at >= since and at < until),
    'blocked', (
      select jsonb_object_agg(reason, counted) from (
        select reason, sum(count) as counted from holdfast.blocked_signals
        where bot_id = bot and day >= (since at time zone 'UTC')::date
          and day::timestamp at time zone 'UTC' < until group by reason) as by_reason),
    'equity', (
      select jsonb_build_object('marks', count(*), 'low', min(equity)::text, 'high', max(equity)::text)
      from holdfast.equity_marks where bot_id = bot and at >= since and at < until),
    'equity_first', (
      select equity::text from holdfast.equity_marks where bot_id = bot and at >= since and at < until order by at limit 1),
    'equity_last', (
      select equity::text from holdfast.equity_marks where bot_id = bot and at >= since and at < until
      order by at desc limit 1),
    'risk', (
      select jsonb_build_object('marks', count(*), 'drawdown_max', max(drawdown)::text, 'exposure_max', max(exposure)::text,
        'breaker_tripped', coalesce(bool_or(breaker_tripped), false))
      from holdfast.risk_marks where bot_id = bot and at >= since and at < until),
    'allocations_last', (
      select jsonb_object_agg(asset, share::text) from holdfast.allocations
      where bot_id = bot and at = (
        select max(at) from holdfast.allocations where bot_id = bot and at >= since and at < until)),
    'snapshots', (select count(*) from holdfast.snapshots where bot_id = bot and at >= since and at < until),
    'trades', (
      select jsonb_build_object('count', count(*), 'won', count(*) filter (where realised > fees),
        'lost', count(*) filter (where realised < fees), 'result', coalesce(sum(realised - fees), 0)::text,
        'fees', coalesce(sum(fees), 0)::text)
      from holdfast.trades where bot_id = bot and closed_at >= since and closed_at < until and not voided));
end
$body$;

alter table holdfast.summaries enable row level security, force row level security;
create policy tenant on holdfast.summaries using (user_id = holdfast.tenant());
create policy backup on holdfast.summaries for select to holdfast_backup using (true);
create policy overseer on holdfast.summaries for select to holdfast_overseer using (true);
create trigger summaries_truncate before truncate on holdfast.summaries
  for each statement execute function holdfast.refuse_truncate();
grant select on holdfast.summaries to holdfast_bot, holdfast_api, holdfast_readonly, holdfast_overseer;
grant insert on holdfast.summaries to holdfast_bot;

create policy retention on holdfast.users for select to holdfast_retention using (true);
grant select on holdfast.users, holdfast.accounts, holdfast.bots, holdfast.trades, holdfast.decisions, holdfast.predictions,
  holdfast.phantoms, holdfast.blocked_signals, holdfast.candles, holdfast.market_snapshots, holdfast.equity_marks,
  holdfast.risk_marks, holdfast.allocations, holdfast.snapshots, holdfast.summaries to holdfast_retention;
grant delete on holdfast.predictions, holdfast.blocked_signals, holdfast.candles, holdfast.market_snapshots,
  holdfast.equity_marks, holdfast.risk_marks, holdfast.allocations, holdfast.snapshots to holdfast_retention;
grant insert on holdfast.summaries to holdfast_retention;
grant update (written_at, facts) on holdfast.summaries to holdfast_retention;

-- A decision stays for good; what was asked and answered may go, and its length still says that it was there.
grant update (prompt, answer) on holdfast.decisions to holdfast_retention;
drop trigger decisions_append_only on holdfast.decisions;
create trigger decisions_append_only before delete on holdfast.decisions
  for each row execute function holdfast.refuse_change();
create trigger decisions_keep_all_but_texts before update on holdfast.decisions
  for each row when (current_user <> 'holdfast_retention' or num_nonnulls(new.prompt, new.answer) > 0)
  execute function holdfast.refuse_change();
