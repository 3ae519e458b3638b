-- loses: leases, bots, accounts, user_settings, users
-- The roles stay: they belong to the server and other databases of it may use them. No cascade: what somebody else built on
-- our schema is refused here, not dropped with it.
set local role holdfast_owner;
drop table holdfast.leases, holdfast.bots, holdfast.accounts, holdfast.user_settings, holdfast.users;
drop function holdfast.refuse_epoch(), holdfast.refuse_truncate(), holdfast.refuse_change(),
  holdfast.assert_written(bigint, bigint, bigint), holdfast.tenant();
drop domain holdfast.amount, holdfast.positive, holdfast.unsigned;
drop schema holdfast;
