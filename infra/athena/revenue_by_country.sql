-- Which countries brought in the most over the last 7 days of arrivals? Goods net of discounts, and of what came back.
with once as (
    select event_type, country, total_minor - shipping_minor - tax_minor as goods_minor,
           row_number() over (partition by event_id order by arrived_at, sequence_number) as delivery
    from transactions
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
)
select country,
       count_if(event_type = 'purchase') as orders,
       cast(sum(case when event_type = 'purchase' then goods_minor else 0 end) / 100.00 as decimal(18, 2)) as sales,
       cast(sum(case when event_type = 'refund' then goods_minor else 0 end) / 100.00 as decimal(18, 2)) as refunded,
       cast(sum(case when event_type = 'purchase' then goods_minor else -goods_minor end) / 100.00 as decimal(18, 2)) as net_revenue
from once
where delivery = 1
group by country
order by net_revenue desc, country
