-- How many of each day's orders come back, and what are the goods worth? By the day the event happened, over the last 7 days of arrivals.
with once as (
    select event_type, occurred_at, total_minor - shipping_minor - tax_minor as goods_minor,
           row_number() over (partition by event_id order by arrived_at, sequence_number) as delivery
    from transactions
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
)
select cast(date_trunc('day', occurred_at) as date) as sales_day,
       count_if(event_type = 'purchase') as orders,
       count_if(event_type = 'refund') as refunds,
       cast(100.00 * count_if(event_type = 'refund') / nullif(count_if(event_type = 'purchase'), 0) as decimal(9, 2)) as percent_of_orders,
       cast(sum(case when event_type = 'refund' then goods_minor else 0 end) / 100.00 as decimal(18, 2)) as refunded
from once
where delivery = 1
group by cast(date_trunc('day', occurred_at) as date)
order by sales_day desc
