-- What should the next 14 days bring? Each what the same weekday brought last: the seasonal naive forecast.
-- It takes a week of complete days.
-- Reads the complete days of sales_trends.
with days as (
    select period_start as day, net_revenue_minor as net_minor
    from sales_trends
    where grain = 'day' and is_complete
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
