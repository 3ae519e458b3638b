-- Every order that the ledger says it has sent, or may have sent, and how often it was filled.
select orders.client_order_id, orders.status, coalesce(orders.venue_order_id, ''),
       (select count(*) from holdfast.fills where fills.order_id = orders.order_id)
from holdfast.orders
order by orders.created_at;
