-- load_ends: where the chain of events of each account stands
select a.account_id, coalesce((select max(sequence) from order_events as e where e.account_id = a.account_id), 0)
from accounts as a limit %(count)s

-- load_changed: which orders had events after an end that was seen, and where the chains end now
select e.account_id, e.sequence, e.order_id, e.detail::json ->> 'fill'
from accounts as a
join unnest(%(accounts)s::uuid[], %(sequences)s::bigint[]) as seen (account_id, sequence) using (account_id)
cross join lateral (
  select account_id, sequence, order_id, detail from order_events
  where order_events.account_id = a.account_id and order_events.sequence > seen.sequence
  order by order_events.sequence limit %(count)s
) as e
order by e.account_id, e.sequence
