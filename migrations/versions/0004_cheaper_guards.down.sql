-- Every guard as it was; nothing is lost.
set local role holdfast_owner;

alter table holdfast.jobs
  drop constraint jobs_sound,
  add constraint jobs_status_known check (status in ('running', 'completed', 'failed', 'recovered'));
alter table holdfast.bots
  drop constraint bots_sound,
  add constraint bots_state_known check (state in ('running', 'paused', 'halted')),
  add constraint bots_symbols_named check (cardinality(symbols) > 0);
drop function holdfast.job_is_sound(text), holdfast.bot_is_sound(text, text[]);

alter table holdfast.positions
  add constraint positions_average_is_finite check (average_price < 'Infinity' and average_price > '-Infinity');
alter table holdfast.order_events
  drop constraint order_events_linked,
  add constraint order_events_sequence_positive check (sequence > 0),
  add constraint order_events_digest_is_sha256 check (octet_length(digest) = 32 and octet_length(previous) = 32),
  add constraint order_events_order_fkey foreign key (user_id, order_id) references holdfast.orders (user_id, order_id);
alter table holdfast.jobs
  add constraint jobs_bot_fkey foreign key (user_id, account_id, bot_id)
    references holdfast.bots (user_id, account_id, bot_id);
alter table holdfast.orders
  drop constraint orders_sound,
  add constraint orders_side_known check (side in ('buy', 'sell')),
  add constraint orders_kind_known check (kind in ('market', 'limit')),
  add constraint orders_price_fits_kind check ((kind = 'limit') = (price is not null)),
  add constraint orders_status_known check (status in ('pending', 'submitted', 'open', 'partially_filled', 'filled',
    'cancelled', 'rejected', 'expired', 'unknown', 'failed')),
  add constraint orders_acknowledged_has_venue_id check (
    status in ('pending', 'unknown', 'rejected', 'failed') or venue_order_id is not null),
  add constraint orders_filled_is_whole check (status <> 'filled' or filled_quantity = quantity),
  add constraint orders_not_overfilled check (filled_quantity <= quantity),
  add constraint orders_sent_after_written check (send_before >= created_at),
  add constraint orders_intent_key unique (bot_id, intent_key, user_id),
  add constraint orders_job_fkey foreign key (user_id, job_id) references holdfast.jobs (user_id, job_id);
drop function holdfast.order_is_sound(text, text, text, numeric, numeric, numeric, text, timestamptz, timestamptz);

create or replace function holdfast.check_order_change() returns trigger
  language plpgsql
as $body$
begin
  if old.status <> new.status and not holdfast.may_move(old.status, new.status) then
    raise exception 'an order may not move from % to %', old.status, new.status using errcode = 'HF004';
  end if;
  if new.filled_quantity < old.filled_quantity or new.venue_order_id is distinct from old.venue_order_id
    and old.venue_order_id is not null then
    raise exception 'what was filled of an order, and the id its venue gave it, may not be rewritten'
      using errcode = 'HF003';
  end if;
  return new;
end
$body$;

create or replace function holdfast.may_move(before text, after text) returns boolean
  language sql immutable parallel safe
  return case before
    when 'pending' then after in ('submitted', 'unknown', 'rejected', 'failed')
    when 'unknown' then after in ('submitted', 'open', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected', 'failed')
    when 'submitted' then after in ('open', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected', 'unknown')
    when 'open' then after in ('partially_filled', 'filled', 'cancelled', 'expired', 'unknown')
    when 'partially_filled' then after in ('filled', 'cancelled', 'expired', 'unknown')
    when 'cancelled' then after = 'filled'
    when 'expired' then after = 'filled'
    when 'rejected' then after = 'unknown'
    when 'failed' then after = 'unknown'
    else false
  end;
