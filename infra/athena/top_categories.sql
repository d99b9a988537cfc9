-- Which categories do shoppers put the most units of into their carts? Over the last 7 days of arrivals.
with once as (
    select category, quantity, unit_price_minor, cart_id,
           row_number() over (partition by event_id order by arrived_at, sequence_number) as delivery
    from cart_events
    where event_type = 'cart_add'
      and dt >= cast(cast(current_date - interval '7' day as date) as varchar)
)
select category,
       sum(quantity) as units,
       count(distinct cart_id) as carts,
       cast(sum(quantity * unit_price_minor) / 100.00 as decimal(18, 2)) as goods_value
from once
where delivery = 1
group by category
order by units desc, category
limit 20
