-- Which carts were left behind, what was in them, and which were bought after all? The most valuable of the last 7 days of arrivals.
-- Left behind: nothing happened for 30 minutes. What was in it then counts; a checkout is something that happens, too.
with facts as (
    select distinct cart_id, event_id, event_type, user_id, occurred_at, product_id, quantity, unit_price_minor
    from cart_events
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
    union all
    select distinct cart_id, event_id, event_type, user_id, occurred_at,
           cast(null as bigint) as product_id, cast(null as bigint) as quantity, cast(null as bigint) as unit_price_minor
    from transactions
    where event_type = 'purchase'
      and dt >= cast(cast(current_date - interval '7' day as date) as varchar)
),
present as (
    select max(arrived_at) as as_of
    from cart_events
    where dt >= cast(cast(current_date - interval '7' day as date) as varchar)
),
ordered as (
    select cart_id, event_type, user_id, occurred_at, product_id, quantity, unit_price_minor,
           row_number() over (partition by cart_id order by occurred_at, event_id) as n,
           lead(occurred_at) over (partition by cart_id order by occurred_at, event_id) as next_at
    from facts
),
carts as (
    select cart_id, min_by(user_id, n) as user_id,
           min(case when event_type = 'cart_add' then occurred_at end) as created_at,
           min(case when event_type = 'purchase' then occurred_at end) as purchased_at,
           min(case when event_type = 'purchase' then n end) as purchase_n
    from ordered
    group by cart_id
),
left_behind as (
    select ordered.cart_id, min(n) as last_n, min(occurred_at) as last_activity_at
    from ordered
    join carts on carts.cart_id = ordered.cart_id
    where (purchase_n is null or n < purchase_n)
      and (next_at is null or next_at >= occurred_at + interval '30' minute)
    group by ordered.cart_id
),
kept as (
    select ordered.cart_id, event_type, product_id, quantity, unit_price_minor, n,
           max(case when event_type = 'cart_update' then n end) over (partition by ordered.cart_id, product_id) as set_n
    from ordered
    join left_behind on left_behind.cart_id = ordered.cart_id
    where n <= last_n
),
-- What was set counts; of what came in and went out since, no more than there is goes out.
running as (
    select cart_id, product_id, unit_price_minor, n,
           sum(case when event_type = 'cart_remove' then -quantity else quantity end)
               over (partition by cart_id, product_id order by n) as reached
    from kept
    where event_type <> 'cart_checkout' and (set_n is null or n >= set_n)
),
contents as (
    select cart_id, product_id, max_by(unit_price_minor, n) as unit_price_minor,
           max_by(reached, n) - least(0, min(reached)) as units
    from running
    group by cart_id, product_id
),
valued as (
    select cart_id, count_if(units > 0) as products, sum(units) as units, sum(units * unit_price_minor) as value_minor
    from contents
    group by cart_id
),
counted as (
    select cart_id, count_if(event_type = 'cart_add') as adds, count_if(event_type = 'cart_update') as updates,
           count_if(event_type = 'cart_remove') as removes, count_if(event_type = 'cart_checkout') as checkouts
    from kept
    group by cart_id
)
select carts.cart_id, user_id, cast(coalesce(value_minor, 0) / 100.00 as decimal(18, 2)) as cart_value,
       coalesce(products, 0) as products, coalesce(units, 0) as units, adds, updates, removes, checkouts,
       created_at, last_activity_at, last_activity_at + interval '30' minute as left_at, purchased_at as recovered_at
from carts
join left_behind on left_behind.cart_id = carts.cart_id
join counted on counted.cart_id = carts.cart_id
cross join present
left join valued on valued.cart_id = carts.cart_id
where created_at is not null and last_activity_at + interval '30' minute <= as_of
order by coalesce(value_minor, 0) desc, carts.cart_id
limit 100
