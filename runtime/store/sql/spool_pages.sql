-- load_spools: what desks that tick have still on their disks, then how far older spools were drained, the last one first
select coalesce(p.spool_id, l.spool_id), p.sequence, p.moved_at, l.account_id, l.name, l.spool_depth, l.spool_oldest_at,
  l.spool_at
from spool_positions as p
full join (
  select leases.*, accounts.name from leases join accounts using (user_id, account_id) where spool_id is not null
) as l on l.spool_id = p.spool_id and l.user_id = p.user_id
order by l.spool_id is null, p.moved_at desc nulls first, 1 limit %(count)s
