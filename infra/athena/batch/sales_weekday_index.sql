-- What does a week usually look like? Mean net of each weekday / mean net of all days; 1 is Monday.
-- The data: the days from the first with sales to the last, or to as_of_date if nothing was sold up to then.
-- Over the latest whole weeks of complete days: 4 at least, 52 at most. No rows with fewer, or without positive net.
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
