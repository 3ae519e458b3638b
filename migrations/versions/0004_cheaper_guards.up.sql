-- The ledger's guards, saying the same for less. PostgreSQL reads the text of every CHECK of a table anew in each
-- statement that writes to it; a function is read once in a session.
set local role holdfast_owner;

create or replace function holdfast.may_move(before text, after text) returns boolean
  language sql immutable parallel safe
  return before || '>' || after in (
    'pending>submitted', 'pending>unknown', 'pending>rejected', 'pending>failed',
    'unknown>submitted', 'unknown>open', 'unknown>partially_filled', 'unknown>filled', 'unknown>cancelled',
    'unknown>expired', 'unknown>rejected', 'unknown>failed',
    'submitted>open', 'submitted>partially_filled', 'submitted>filled', 'submitted>cancelled', 'submitted>expired',
    'submitted>rejected', 'submitted>unknown',
    'open>partially_filled', 'open>filled', 'open>cancelled', 'open>expired', 'open>unknown',
    'partially_filled>filled', 'partially_filled>cancelled', 'partially_filled>expired', 'partially_filled>unknown',
    'cancelled>filled', 'expired>filled', 'rejected>unknown', 'failed>unknown');

-- One expression, since each is set up anew in every transaction; which part of it failed is only asked then.
create or replace function holdfast.check_order_change() returns trigger
  language plpgsql
as $body$
begin
  if (new.status = old.status or holdfast.may_move(old.status, new.status))
    and new.filled_quantity >= old.filled_quantity
    and (old.venue_order_id is null or new.venue_order_id = old.venue_order_id) then
    return new;
  end if;
  if old.status <> new.status and not holdfast.may_move(old.status, new.status) then
    raise exception 'an order may not move from % to %', old.status, new.status using errcode = 'HF004';
  end if;
  raise exception 'what was filled of an order, and the id its venue gave it, may not be rewritten'
    using errcode = 'HF003';
end
$body$;

create function holdfast.order_is_sound(side text, kind text, status text, quantity numeric, price numeric,
    filled_quantity numeric, venue_order_id text, created_at timestamptz, send_before timestamptz) returns boolean
  language plpgsql immutable parallel safe
as $body$
begin
  return side in ('buy', 'sell')
    and case kind when 'limit' then price is not null when 'market' then price is null else false end
    and case
      when status in ('pending', 'unknown', 'rejected', 'failed') then true
      when venue_order_id is null then false
      when status = 'filled' then filled_quantity = quantity
      else status in ('submitted', 'open', 'partially_filled', 'cancelled', 'expired')
    end
    and filled_quantity <= quantity
    and send_before >= created_at;
end
$body$;
alter table holdfast.orders
  drop constraint orders_side_known,
  drop constraint orders_kind_known,
  drop constraint orders_price_fits_kind,
  drop constraint orders_status_known,
  drop constraint orders_acknowledged_has_venue_id,
  drop constraint orders_filled_is_whole,
  drop constraint orders_not_overfilled,
  drop constraint orders_sent_after_written,
  add constraint orders_sound check (holdfast.order_is_sound(
    side, kind, status, quantity, price, filled_quantity, venue_order_id, created_at, send_before)),
  -- The order's id follows from the bot and the key, so the primary key says the same.
  drop constraint orders_intent_key,
  -- The order's own statement writes its job, for the bot whose order it is.
  drop constraint orders_job_fkey;
alter table holdfast.jobs drop constraint jobs_bot_fkey;
-- Every statement that appends an event takes the order from the row that it wrote or moved.
alter table holdfast.order_events drop constraint order_events_order_fkey;
alter table holdfast.order_events
  drop constraint order_events_sequence_positive,
  drop constraint order_events_digest_is_sha256,
  add constraint order_events_linked check (
    sequence > 0 and octet_length(digest) = 32 and octet_length(previous) = 32);

-- A quotient of finite numbers that is not by zero is finite.
alter table holdfast.positions drop constraint positions_average_is_finite;

create function holdfast.bot_is_sound(state text, symbols text[]) returns boolean
  language plpgsql immutable parallel safe
as $body$
begin
  return state in ('running', 'paused', 'halted') and cardinality(symbols) > 0;
end
$body$;
alter table holdfast.bots
  drop constraint bots_state_known,
  drop constraint bots_symbols_named,
  add constraint bots_sound check (holdfast.bot_is_sound(state, symbols));
create function holdfast.job_is_sound(status text) returns boolean
  language plpgsql immutable parallel safe
as $body$
begin
  return status in ('running', 'completed', 'failed', 'recovered');
end
$body$;
alter table holdfast.jobs
  drop constraint jobs_status_known,
  add constraint jobs_sound check (holdfast.job_is_sound(status));
