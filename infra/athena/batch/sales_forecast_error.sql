-- How far are forecasts a week ahead off? Mean absolute error over the last 28 complete days, or as many as have a week before.
-- Scaled error: over the error of forecasting each day by the day before, on the same days; null where net never changed.
-- It takes two weeks of complete days; no row with fewer.
-- Reads the complete days of sales_trends.
with days as (
    select period_start as day, net_revenue_minor as net_minor
    from sales_trends
    where grain = 'day' and is_complete
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
