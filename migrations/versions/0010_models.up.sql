-- What bots have learned: bytes by their content, and models that name them. A model is a version of a name of a bot's;
-- of each name at most one is promoted, and each knows which one was before it. What is large lies elsewhere, in a folder
-- or a bucket, under the same digest. Whoever looks for a model under a name of old finds it by its alias.
set local role holdfast_owner;

create table holdfast.artefacts (
  user_id uuid not null,
  digest bytea not null,
  size bigint not null,
  place text not null,
  body bytea,
  created_at timestamptz not null default clock_timestamp(),
  constraint artefacts_pkey primary key (digest, user_id),
  constraint artefacts_place_known check (place in ('database', 'folder', 'bucket')),
  constraint artefacts_sound check (length(digest) = 32 and size >= 0 and octet_length(body) <= 67108864),
  constraint artefacts_body_where_it_lies check ((place = 'database') = (body is not null))
);
-- Numbers that were learned do not grow smaller: PostgreSQL need not try.
alter table holdfast.artefacts alter column body set storage external;

create table holdfast.models (
  user_id uuid not null,
  bot_id uuid not null,
  name text not null,
  version bigint not null,
  digest bytea not null,
  shape integer not null,
  codec text not null,
  metrics jsonb not null,
  training_size integer not null,
  examples_seen bigint not null,
  promoted boolean not null,
  previous bigint,
  epoch bigint not null,
  created_at timestamptz not null default clock_timestamp(),
  promoted_at timestamptz,
  constraint models_pkey primary key (bot_id, name, version, user_id),
  constraint models_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint models_artefact_fkey foreign key (digest, user_id) references holdfast.artefacts (digest, user_id),
  constraint models_codec_known check (codec in ('json', 'npz', 'raw')),
  constraint models_sound check (
    version >= 1 and shape >= 1 and training_size >= 0 and examples_seen >= 0 and length(name) between 1 and 200),
  constraint models_promoted_once_at check (promoted_at is not null or not promoted)
);
create unique index models_promoted on holdfast.models (bot_id, name, user_id) where promoted;
create index models_artefact on holdfast.models (digest);

create table holdfast.model_aliases (
  user_id uuid not null,
  bot_id uuid not null,
  alias text not null,
  name text not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint model_aliases_pkey primary key (bot_id, alias, user_id),
  constraint model_aliases_bot_fkey foreign key (user_id, bot_id) references holdfast.bots (user_id, bot_id),
  constraint model_aliases_sound check (alias <> name and length(alias) between 1 and 200 and length(name) between 1 and 200)
);

do $tables$
declare
  table_name text;
begin
  foreach table_name in array array['artefacts', 'models', 'model_aliases'] loop
    execute format('alter table holdfast.%I enable row level security, force row level security', table_name);
    execute format('create policy tenant on holdfast.%I using (user_id = holdfast.tenant())', table_name);
    execute format('create policy backup on holdfast.%I for select to holdfast_backup using (true)', table_name);
    execute format('create policy overseer on holdfast.%I for select to holdfast_overseer using (true)', table_name);
    execute format('grant select on holdfast.%I to holdfast_overseer', table_name);
    execute format('create trigger %I before truncate on holdfast.%I for each statement '
      'execute function holdfast.refuse_truncate()',
      table_name || '_truncate', table_name);
    execute format('grant select on holdfast.%I to holdfast_bot, holdfast_api, holdfast_readonly', table_name);
    execute format('grant insert on holdfast.%I to holdfast_bot', table_name);
  end loop;
end
$tables$;
grant update (place, body) on holdfast.artefacts to holdfast_bot;
grant update (promoted, promoted_at, previous) on holdfast.models to holdfast_bot;

alter table holdfast.commands drop constraint commands_verb_known, add constraint commands_verb_known check (
  verb in ('pause', 'resume', 'flatten', 'cancel', 'adopt', 'ignore', 'close', 'reset', 'promote', 'rollback'));
