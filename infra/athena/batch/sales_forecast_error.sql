-- How far are forecasts a week ahead off? Mean absolute error over the last 28 complete days, or as many as have a week before.
-- The data: the days from the first with sales to the last, or to as_of_date if nothing was sold up to then.
-- Scaled error: over the error of forecasting each day by the day before, on the same days; null where net never changed.
-- It takes two weeks of complete days; no row with fewer.
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
tried as (
    select net_minor, lag(net_minor, 7) over (order by day) as week_before_minor, lag(net_minor, 1) over (order by day) as day_before_minor,
           row_number() over (order by day desc) as days_back
    from days
),
errors as (
    select abs(net_minor - week_before_minor) as off_minor, abs(net_minor - day_before_minor) as naive_off_minor
    from tried
    where days_back <= 28 and week_before_minor is not null
)
select count(*) as days,
       cast(sum(off_minor) as double) / count(*) as mean_absolute_error_minor,
       cast(sum(off_minor) as double) / nullif(sum(naive_off_minor), 0) as scaled_error
from errors
having count(*) >= 7
