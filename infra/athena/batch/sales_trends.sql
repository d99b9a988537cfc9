-- How do sales move? By day, ISO week and month of the calendar, and how they compare with earlier ones.
-- The data: the days from the first with sales to the last, or to as_of_date if nothing was sold up to then.
-- Net: gross - discount - refunded. Average order value: (gross - discount) / orders. Buyers: different users who purchased, of days.
-- Complete: all days of the period are in the data and not after as_of_date.
-- Trailing 7, 28: mean net of as many days up to and with this one, if the data has them.
-- Changes are (now - base) / base where both are complete and the base is not 0: wow of days against 7 days before, of weeks
-- against the week before; mom against the month before; yoy of days against 364 days before, of months against 12 months before.
-- Reads fact_sales, and dim_date, which must have those days. ${as_of_date}: the last complete day, such as 2026-11-22.
with bounds as (
    select min(cast(dt as date)) as first_date, greatest(max(cast(dt as date)), date '${as_of_date}') as last_date
    from fact_sales
),
by_day as (
    select cast(dt as date) as day,
           count_if(not is_refund and line_number = 1) as orders,
           sum(case when not is_refund then quantity else 0 end) as units,
           sum(case when not is_refund then gross_minor else 0 end) as gross_minor,
           sum(case when not is_refund then discount_minor else 0 end) as discount_minor,
           count_if(is_refund and line_number = 1) as refunds,
           sum(case when is_refund then -quantity else 0 end) as refunded_units,
           sum(case when is_refund then discount_minor - gross_minor else 0 end) as refunded_minor,
           count(distinct case when not is_refund then user_id end) as buyers
    from fact_sales
    group by cast(dt as date)
),
days as (
    select dim_date.date as day, first_date,
           coalesce(orders, 0) as orders,
           coalesce(units, 0) as units,
           coalesce(gross_minor, 0) as gross_minor,
           coalesce(discount_minor, 0) as discount_minor,
           coalesce(refunds, 0) as refunds,
           coalesce(refunded_units, 0) as refunded_units,
           coalesce(refunded_minor, 0) as refunded_minor,
           coalesce(buyers, 0) as buyers
    from bounds
    join dim_date on dim_date.date between first_date and last_date
    left join by_day on by_day.day = dim_date.date
),
in_periods as (
    select 1 as place, 'day' as grain, day as period_start, day as period_end, days.* from days
    union all
    select 2 as place, 'week' as grain, cast(date_trunc('week', day) as date) as period_start,
           cast(date_trunc('week', day) + interval '6' day as date) as period_end, days.* from days
    union all
    select 3 as place, 'month' as grain, cast(date_trunc('month', day) as date) as period_start,
           cast(date_trunc('month', day) + interval '1' month - interval '1' day as date) as period_end, days.* from days
),
periods as (
    select place, grain, period_start,
           period_start >= min(first_date) and period_end <= date '${as_of_date}' as is_complete,
           cast(sum(orders) as bigint) as orders,
           cast(sum(units) as bigint) as units,
           cast(sum(gross_minor) as bigint) as gross_minor,
           cast(sum(discount_minor) as bigint) as discount_minor,
           cast(sum(refunds) as bigint) as refunds,
           cast(sum(refunded_units) as bigint) as refunded_units,
           cast(sum(refunded_minor) as bigint) as refunded_minor,
           cast(sum(gross_minor - discount_minor - refunded_minor) as bigint) as net_minor,
           case when grain = 'day' then cast(sum(buyers) as bigint) end as buyers
    from in_periods
    group by place, grain, period_start, period_end
),
compared as (
    select periods.*,
           case when is_complete then net_minor end as complete_minor,
           count(*) over (partition by grain order by period_start rows between 6 preceding and current row) as days_of_7,
           sum(net_minor) over (partition by grain order by period_start rows between 6 preceding and current row) as net_of_7_minor,
           count(*) over (partition by grain order by period_start rows between 27 preceding and current row) as days_of_28,
           sum(net_minor) over (partition by grain order by period_start rows between 27 preceding and current row) as net_of_28_minor
    from periods
),
based as (
    select compared.*,
           case grain when 'day' then lag(complete_minor, 7) over (partition by grain order by period_start)
                      when 'week' then lag(complete_minor, 1) over (partition by grain order by period_start) end as week_base_minor,
           case grain when 'month' then lag(complete_minor, 1) over (partition by grain order by period_start) end as month_base_minor,
           case grain when 'day' then lag(complete_minor, 364) over (partition by grain order by period_start)
                      when 'month' then lag(complete_minor, 12) over (partition by grain order by period_start) end as year_base_minor
    from compared
)
select grain, period_start, is_complete,
       orders, units, gross_minor, discount_minor, refunds, refunded_units, refunded_minor, net_minor as net_revenue_minor,
       buyers,
       cast(gross_minor - discount_minor as double) / nullif(orders, 0) as average_order_value_minor,
       case when grain = 'day' and days_of_7 = 7 then cast(net_of_7_minor as double) / 7 end as trailing_7_net_minor,
       case when grain = 'day' and days_of_28 = 28 then cast(net_of_28_minor as double) / 28 end as trailing_28_net_minor,
       cast(complete_minor - week_base_minor as double) / nullif(week_base_minor, 0) as wow,
       cast(complete_minor - month_base_minor as double) / nullif(month_base_minor, 0) as mom,
       cast(complete_minor - year_base_minor as double) / nullif(year_base_minor, 0) as yoy
from based
order by place, period_start
