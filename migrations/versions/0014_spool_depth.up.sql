-- What waits on a desk's own disk, as of its newest tick: in which spool, how many records, and since when the oldest.
set local role holdfast_owner;
alter table holdfast.leases add column spool_id uuid, add column spool_depth bigint, add column spool_oldest_at timestamptz,
  add column spool_at timestamptz,
  add constraint leases_spool_whole check (
    (spool_id is null) = (spool_depth is null) and (spool_id is null) = (spool_at is null) and spool_depth >= 0);
grant update (spool_id, spool_depth, spool_oldest_at, spool_at) on holdfast.leases to holdfast_bot;
