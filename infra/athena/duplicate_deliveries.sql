-- Which events arrived more than once, because their producer sent them again? Over the last 7 days of arrivals.
with deliveries as (
    select 'product_views' as archived_in, event_type, event_id, arrived_at from product_views
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
    union all
    select 'cart_events' as archived_in, event_type, event_id, arrived_at from cart_events
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
    union all
    select 'transactions' as archived_in, event_type, event_id, arrived_at from transactions
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
)
select archived_in, event_type, event_id, count(*) as deliveries,
       min(arrived_at) as first_arrived_at, max(arrived_at) as last_arrived_at
from deliveries
group by archived_in, event_type, event_id
having count(*) > 1
order by deliveries desc, last_arrived_at desc, event_id
limit 100
