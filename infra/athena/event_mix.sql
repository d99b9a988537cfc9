-- What do shoppers do? Events by type over the last 7 days of arrivals, each counted once, with their share of all.
with events as (
    select event_type, event_id from product_views
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
    union all
    select event_type, event_id from cart_events
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
    union all
    select event_type, event_id from transactions
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
),
counted as (
    select event_type, count(distinct event_id) as events
    from events
    group by event_type
)
select event_type, events, cast(100.00 * events / sum(events) over () as decimal(5, 2)) as percent
from counted
order by events desc, event_type
