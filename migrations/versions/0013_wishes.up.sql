-- What a user wishes is said by an operator, at the command line as the bot's role or through the API, and heeded by desks.
set local role holdfast_owner;
grant update (enabled) on holdfast.users to holdfast_bot, holdfast_api;
grant insert on holdfast.user_settings to holdfast_bot;
grant update (risk_profile, settings, updated_at) on holdfast.user_settings to holdfast_bot;
-- A round of the scorer waits here to be begun, and one that nobody stands behind is looked for.
create index scoring_runs_unfinished on holdfast.scoring_runs (scorer, requested_at) where status in ('pending', 'running');
