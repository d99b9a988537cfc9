-- How many orders came in each minute, and what was paid, shipping and tax included? The latest 60 minutes with sales, by the time of the event.
with once as (
    select event_type, occurred_at, total_minor,
           row_number() over (partition by event_id order by arrived_at, sequence_number) as delivery
    from transactions
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
)
select date_trunc('minute', occurred_at) as sales_minute,
       count(*) as orders,
       cast(sum(total_minor) / 100.00 as decimal(18, 2)) as paid,
       cast(sum(total_minor) / 100.00 / count(*) as decimal(18, 2)) as average_order
from once
where delivery = 1 and event_type = 'purchase'
group by date_trunc('minute', occurred_at)
order by sales_minute desc
limit 60
