set local role holdfast_owner;
alter table holdfast.leases drop constraint leases_spool_whole, drop column spool_id, drop column spool_depth,
  drop column spool_oldest_at, drop column spool_at;
