-- The roles stay: they belong to the server and other databases of it may use them.
drop schema holdfast cascade;
revoke select on public.alembic_version from holdfast_owner, holdfast_bot, holdfast_api, holdfast_readonly;
