-- load_lease: who holds an account, and how long by the database's clock
select epoch, holder, host, boot, pid, process_started, released_at is not null,
  extract(epoch from expires_at - clock_timestamp()), expires_at, ready_at, ticked_at
from leases where account_id = %(account_id)s

-- acquire_first: the first lease an account ever had; nothing if somebody was quicker
insert into leases (user_id, account_id, epoch, holder, host, boot, pid, process_started, acquired_at, renewed_at, expires_at)
values (tenant(), %(account_id)s, 1, %(holder)s, %(host)s, %(boot)s, %(pid)s, %(process_started)s, clock_timestamp(),
  clock_timestamp(), clock_timestamp() + make_interval(secs => %(seconds)s))
on conflict do nothing
returning epoch

-- acquire: takes over an epoch that ran out, was released, or whose holder is proved dead; nothing if it moved meanwhile
update leases set epoch = epoch + 1, holder = %(holder)s, host = %(host)s, boot = %(boot)s, pid = %(pid)s,
  process_started = %(process_started)s, acquired_at = clock_timestamp(), renewed_at = clock_timestamp(),
  expires_at = clock_timestamp() + make_interval(secs => %(seconds)s), released_at = null, ready_at = null, ticked_at = null,
  spool_id = null, spool_depth = null, spool_oldest_at = null, spool_at = null
where account_id = %(account_id)s and epoch = %(epoch)s
  and (released_at is not null or expires_at < clock_timestamp() or %(holder_is_dead)s)
returning epoch

-- renew: longer, as long as the epoch is still ours
update leases set renewed_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
where account_id = %(account_id)s and epoch = %(epoch)s and holder = %(holder)s and released_at is null
returning epoch

-- release: the next holder need not wait
update leases set released_at = clock_timestamp(), expires_at = clock_timestamp()
where account_id = %(account_id)s and epoch = %(epoch)s and holder = %(holder)s
returning epoch

-- record_ready: recovery is complete, trading may begin
update leases set ready_at = clock_timestamp() where account_id = %(account_id)s and epoch = %(epoch)s
returning epoch
