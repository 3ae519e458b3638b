-- What closed trades brought, kept up to date by the write that closes them: for each bot and symbol, by UTC day, and in
-- its whole life. A streak does not add up over days; it stands with the life alone.
set local role holdfast_owner;

create table holdfast.performance_days (
  user_id uuid not null,
  bot_id uuid not null,
  day date not null,
  symbol text not null,
  trades integer not null,
  wins integer not null,
  losses integer not null,
  gained holdfast.unsigned not null,
  lost holdfast.unsigned not null,
  fees holdfast.amount not null,
  best holdfast.amount,
  worst holdfast.amount,
  held interval not null,
  constraint performance_days_pkey primary key (bot_id, day, symbol, user_id),
  constraint performance_days_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint performance_days_counted check (wins >= 0 and losses >= 0 and wins + losses <= trades)
);

create table holdfast.performance (
  user_id uuid not null,
  bot_id uuid not null,
  symbol text not null,
  trades integer not null,
  wins integer not null,
  losses integer not null,
  gained holdfast.unsigned not null,
  lost holdfast.unsigned not null,
  fees holdfast.amount not null,
  best holdfast.amount,
  worst holdfast.amount,
  held interval not null,
  streak integer not null,
  longest_wins integer not null,
  longest_losses integer not null,
  last_closed_at timestamptz not null,
  last_number integer not null,
  constraint performance_pkey primary key (bot_id, symbol, user_id),
  constraint performance_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint performance_counted check (wins >= 0 and losses >= 0 and wins + losses <= trades)
);

create index trades_closed_at on holdfast.trades (bot_id, closed_at) where closed_at is not null and not voided;
create index trades_result on holdfast.trades (bot_id, (realised - fees)) where closed_at is not null and not voided;

-- From the trades themselves: the days from one on, and the life. Days and lives that lost all their trades count nothing,
-- since whoever writes trades may delete nothing.
create function holdfast.recount_trades(tenant_id uuid, bot uuid, traded text, since date) returns void language plpgsql as $$
begin
  update holdfast.performance_days as d
  set trades = 0, wins = 0, losses = 0, gained = 0, lost = 0, fees = 0, best = null, worst = null, held = '0'
  where d.user_id = tenant_id and d.bot_id = bot and d.symbol = traded and d.day >= since and d.trades > 0;
  insert into holdfast.performance_days (user_id, bot_id, day, symbol, trades, wins, losses, gained, lost, fees, best, worst,
    held)
  select tenant_id, bot, (t.closed_at at time zone 'UTC')::date, traded, count(*),
    count(*) filter (where t.realised > t.fees), count(*) filter (where t.realised < t.fees),
    coalesce(sum(t.realised - t.fees) filter (where t.realised > t.fees), 0),
    coalesce(sum(t.fees - t.realised) filter (where t.realised < t.fees), 0),
    sum(t.fees), max(t.realised - t.fees), min(t.realised - t.fees), sum(t.closed_at - t.opened_at)
  from holdfast.trades as t
  where t.user_id = tenant_id and t.bot_id = bot and t.symbol = traded and not t.voided
    and t.closed_at >= since::timestamp at time zone 'UTC'
  group by 3
  on conflict (bot_id, day, symbol, user_id) do update set trades = excluded.trades, wins = excluded.wins,
    losses = excluded.losses, gained = excluded.gained, lost = excluded.lost, fees = excluded.fees, best = excluded.best,
    worst = excluded.worst, held = excluded.held;
  insert into holdfast.performance (user_id, bot_id, symbol, trades, wins, losses, gained, lost, fees, best, worst, held,
    streak, longest_wins, longest_losses, last_closed_at, last_number)
  with ways as (
    select t.closed_at, t.number, sign(t.realised - t.fees)::int as way,
      sign(t.realised - t.fees) is distinct from lag(sign(t.realised - t.fees)) over in_order as turns
    from holdfast.trades as t
    where t.user_id = tenant_id and t.bot_id = bot and t.symbol = traded and t.closed_at is not null and not t.voided
    window in_order as (order by t.closed_at, t.number)
  ), runs as (
    select run, min(way) as way, count(*)::int as length
    from (select *, count(*) filter (where turns) over (order by closed_at, number) as run from ways) as placed
    group by run
  ), streaks as (
    select (array_agg(way * length order by run desc))[1] as streak,
      coalesce(max(length) filter (where way > 0), 0) as longest_wins,
      coalesce(max(length) filter (where way < 0), 0) as longest_losses
    from runs
  ), last as (
    select closed_at, number from ways order by closed_at desc, number desc limit 1
  )
  select tenant_id, bot, traded, sum(d.trades), sum(d.wins), sum(d.losses), sum(d.gained), sum(d.lost), sum(d.fees),
    max(d.best), min(d.worst), sum(d.held), coalesce(min(s.streak), 0), min(s.longest_wins), min(s.longest_losses),
    coalesce(min(last.closed_at), '-infinity'), coalesce(min(last.number), 0)
  from holdfast.performance_days as d cross join streaks as s left join last on true
  where d.user_id = tenant_id and d.bot_id = bot and d.symbol = traded
  having count(*) > 0
  on conflict (bot_id, symbol, user_id) do update set trades = excluded.trades, wins = excluded.wins,
    losses = excluded.losses, gained = excluded.gained, lost = excluded.lost, fees = excluded.fees, best = excluded.best,
    worst = excluded.worst, held = excluded.held, streak = excluded.streak, longest_wins = excluded.longest_wins,
    longest_losses = excluded.longest_losses, last_closed_at = excluded.last_closed_at,
    last_number = excluded.last_number;
end
$$;

-- One more trade. The life comes first: if the trade is not the last one there, its streak cannot be counted on, and all
-- of it is counted again.
create function holdfast.count_trade(tenant_id uuid, bot uuid, traded text, at timestamptz, place integer, result numeric,
  fee numeric, lasted interval) returns void language plpgsql as $$
declare
  way constant integer := sign(result);
  won constant numeric := greatest(result, 0);
  gone constant numeric := greatest(-result, 0);
begin
  insert into holdfast.performance as p (user_id, bot_id, symbol, trades, wins, losses, gained, lost, fees, best, worst, held,
    streak, longest_wins, longest_losses, last_closed_at, last_number)
  values (tenant_id, bot, traded, 1, greatest(way, 0), greatest(-way, 0), won, gone, fee, result, result, lasted, way,
    greatest(way, 0), greatest(-way, 0), at, place)
  on conflict (bot_id, symbol, user_id) do update set trades = p.trades + 1, wins = p.wins + excluded.wins,
    losses = p.losses + excluded.losses, gained = p.gained + excluded.gained, lost = p.lost + excluded.lost,
    fees = p.fees + excluded.fees, best = greatest(p.best, excluded.best), worst = least(p.worst, excluded.worst),
    held = p.held + excluded.held,
    streak = case when sign(p.streak) = way then p.streak + way else way end,
    longest_wins = greatest(p.longest_wins, case when way > 0 then greatest(p.streak, 0) + 1 else 0 end),
    longest_losses = greatest(p.longest_losses, case when way < 0 then greatest(-p.streak, 0) + 1 else 0 end),
    last_closed_at = excluded.last_closed_at, last_number = excluded.last_number
  where (p.last_closed_at, p.last_number) < (excluded.last_closed_at, excluded.last_number);
  if not found then
    perform holdfast.recount_trades(tenant_id, bot, traded, (at at time zone 'UTC')::date);
    return;
  end if;
  insert into holdfast.performance_days as d (user_id, bot_id, day, symbol, trades, wins, losses, gained, lost, fees, best,
    worst, held)
  values (tenant_id, bot, (at at time zone 'UTC')::date, traded, 1, greatest(way, 0), greatest(-way, 0), won, gone, fee,
    result, result, lasted)
  on conflict (bot_id, day, symbol, user_id) do update set trades = d.trades + 1, wins = d.wins + excluded.wins,
    losses = d.losses + excluded.losses, gained = d.gained + excluded.gained, lost = d.lost + excluded.lost,
    fees = d.fees + excluded.fees, best = greatest(d.best, excluded.best), worst = least(d.worst, excluded.worst),
    held = d.held + excluded.held;
end
$$;

create function holdfast.count_closed_trade() returns trigger language plpgsql as $$
begin
  perform holdfast.count_trade(new.user_id, new.bot_id, new.symbol, new.closed_at, new.number, new.realised - new.fees,
    new.fees, new.closed_at - new.opened_at);
  return null;
end
$$;
create trigger trades_closed after insert on holdfast.trades
  for each row when (new.closed_at is not null and not new.voided) execute function holdfast.count_closed_trade();

-- By statement: one late fill may change every trade of a position, and they are to be counted again once.
create function holdfast.count_changed_trades() returns trigger language plpgsql as $$
declare
  pair record;
  written integer;
  ended integer;
begin
  select count(*), count(a.closed_at) into written, ended from after as a;
  -- Nearly every fill opens a trade or adds to one: that must cost next to nothing.
  if ended = 0 and not exists (select from before where closed_at is not null) then
    return null;
  end if;
  if written = 1 and exists (select from before where closed_at is null and not voided) then
    perform holdfast.count_trade(user_id, bot_id, symbol, closed_at, number, realised - fees, fees, closed_at - opened_at)
    from after where not voided;
    return null;
  end if;
  -- A fill that came late writes all trades of its position; those that stayed as they were are no change.
  for pair in
    with counted as (
      select user_id, bot_id, symbol, number, opened_at, closed_at, realised - fees as result, fees
      from after where closed_at is not null and not voided
    ), known as (
      select user_id, bot_id, symbol, number, opened_at, closed_at, realised - fees as result, fees
      from before where closed_at is not null and not voided
    ), changed as (
      (select false as is_gone, c.* from counted as c except select false, k.* from known as k)
      union all
      (select true, k.* from known as k except select true, c.* from counted as c)
    )
    select user_id, bot_id, symbol, count(*) as trades, bool_or(is_gone) as some_are_gone, min(closed_at) as at,
      min(number) as number, min(result) as result, min(fees) as fees, min(closed_at - opened_at) as held
    from changed
    group by user_id, bot_id, symbol
  loop
    if pair.trades = 1 and not pair.some_are_gone then
      perform holdfast.count_trade(pair.user_id, pair.bot_id, pair.symbol, pair.at, pair.number, pair.result, pair.fees,
        pair.held);
    else
      perform holdfast.recount_trades(pair.user_id, pair.bot_id, pair.symbol, (pair.at at time zone 'UTC')::date);
    end if;
  end loop;
  return null;
end
$$;
create trigger trades_changed after update on holdfast.trades
  referencing old table as before new table as after for each statement execute function holdfast.count_changed_trades();

-- The trades that are there already. Forced row-level security hides them from their owner as well.
alter table holdfast.trades no force row level security;
do $count$
begin
  perform holdfast.recount_trades(user_id, bot_id, symbol, '-infinity')
  from (select distinct user_id, bot_id, symbol from holdfast.trades where closed_at is not null and not voided) as pairs;
end
$count$;
alter table holdfast.trades force row level security;

do $tables$
declare
  table_name text;
begin
  foreach table_name in array array['performance_days', 'performance'] loop
    execute format('alter table holdfast.%I enable row level security, force row level security', table_name);
    execute format('create policy tenant on holdfast.%I using (user_id = holdfast.tenant())', table_name);
    execute format('create policy backup on holdfast.%I for select to holdfast_backup using (true)', table_name);
    execute format('create policy overseer on holdfast.%I for select to holdfast_overseer using (true)', table_name);
    execute format('create trigger %I before truncate on holdfast.%I for each statement '
      'execute function holdfast.refuse_truncate()',
      table_name || '_truncate', table_name);
    execute format('grant select on holdfast.%I to holdfast_bot, holdfast_api, holdfast_readonly, holdfast_overseer',
      table_name);
    execute format('grant insert on holdfast.%I to holdfast_bot', table_name);
  end loop;
end
$tables$;
-- Whoever closes a trade counts it: the triggers run with the rights of the bot.
grant update (trades, wins, losses, gained, lost, fees, best, worst, held) on holdfast.performance_days to holdfast_bot;
grant update (trades, wins, losses, gained, lost, fees, best, worst, held, streak, longest_wins, longest_losses,
  last_closed_at, last_number) on holdfast.performance to holdfast_bot;
