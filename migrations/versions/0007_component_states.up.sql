-- What the components beside a strategy remember. Each save is a new version with its own digest; the last few of them
-- stand in a ring of places, so that a desk needs no right to delete anything.
set local role holdfast_owner;

create table holdfast.component_states (
  user_id uuid not null,
  bot_id uuid not null,
  component text not null,
  place integer not null,
  version bigint not null,
  epoch bigint not null,
  saved_at timestamptz not null default clock_timestamp(),
  shape integer not null,
  codec text not null,
  body bytea not null,
  digest bytea not null,
  counted jsonb not null,
  constraint component_states_pkey primary key (bot_id, component, place, user_id),
  constraint component_states_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint component_states_codec_known check (codec in ('json', 'npz', 'raw')),
  constraint component_states_sound check (
    place >= 0 and version >= 1 and shape >= 1 and length(digest) = 32 and octet_length(body) <= 67108864)
);

alter table holdfast.component_states enable row level security, force row level security;
create policy tenant on holdfast.component_states using (user_id = holdfast.tenant());
create policy backup on holdfast.component_states for select to holdfast_backup using (true);
create trigger component_states_truncate before truncate on holdfast.component_states
  for each statement execute function holdfast.refuse_truncate();
grant select on holdfast.component_states to holdfast_bot, holdfast_api, holdfast_readonly;
grant insert on holdfast.component_states to holdfast_bot;
grant update (version, epoch, saved_at, shape, codec, body, digest, counted) on holdfast.component_states to holdfast_bot;
