-- What should the next 14 days bring? Each what the same weekday brought last: the seasonal naive forecast.
-- The data: the days from the first with sales to the last, or to as_of_date if nothing was sold up to then.
-- It takes a week of complete days.
-- Reads fact_sales, and dim_date, which must have those days. ${as_of_date}: the last complete day, such as 2026-11-22.
with bounds as (
    select min(cast(dt as date)) as first_date, greatest(max(cast(dt as date)), date '${as_of_date}') as last_date
    from fact_sales
),
days as (
    select dim_date.date as day, coalesce(sum(gross_minor - discount_minor), 0) as net_minor
    from bounds
    join dim_date on dim_date.date between first_date and last_date
    left join fact_sales on cast(fact_sales.dt as date) = dim_date.date
    where dim_date.date <= date '${as_of_date}'
    group by dim_date.date
),
last_week as (
    select day, net_minor
    from (select day, net_minor, count(*) over () as days, row_number() over (order by day desc) as days_back from days) as placed
    where days >= 7 and days_back <= 7
)
select cast(day + interval '7' day as date) as date, cast(net_minor as bigint) as net_revenue_minor
from last_week
union all
select cast(day + interval '14' day as date) as date, cast(net_minor as bigint) as net_revenue_minor
from last_week
order by 1
