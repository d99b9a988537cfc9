-- What does a week usually look like? Mean net of each weekday / mean net of all days; 1 is Monday.
-- Over the latest whole weeks of complete days: 4 at least, 52 at most. No rows with fewer, or without positive net.
-- Reads the complete days of sales_trends.
with days as (
    select period_start as day, net_revenue_minor as net_minor
    from sales_trends
    where grain = 'day' and is_complete
),
weeks as (
    select cast(date_trunc('week', day) as date) as week_start
    from days
    group by cast(date_trunc('week', day) as date)
    having count(*) = 7
),
used as (
    select week_start, count(*) over () as weeks
    from weeks
    where date_diff('day', week_start, (select max(week_start) from weeks)) < 52 * 7
),
weekdays as (
    select date_diff('day', week_start, day) + 1 as weekday, sum(net_minor) as net_minor
    from used join days on cast(date_trunc('week', day) as date) = week_start
    where weeks >= 4
    group by date_diff('day', week_start, day)
),
shares as (
    select weekday, net_minor, sum(net_minor) over () as all_minor
    from weekdays
)
select cast(weekday as integer) as weekday, cast(7 * net_minor as double) / all_minor as weekday_index
from shares
where all_minor > 0
order by weekday
