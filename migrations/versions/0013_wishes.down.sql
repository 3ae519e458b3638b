set local role holdfast_owner;
drop index holdfast.scoring_runs_unfinished;
revoke update (risk_profile, settings, updated_at) on holdfast.user_settings from holdfast_bot;
revoke insert on holdfast.user_settings from holdfast_bot;
revoke update (enabled) on holdfast.users from holdfast_bot, holdfast_api;
