-- loses: leases, bots, accounts, user_settings, users
-- The roles stay: they belong to the server and other databases of it may use them.
set local role holdfast_owner;
drop schema holdfast cascade;
