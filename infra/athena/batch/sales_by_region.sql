-- What does each country bring in a month of the calendar, and what share of all?
-- Net: gross - discount - refunded. Buyers: different users who purchased. Share: net / net of all countries, where that is positive.
-- Reads fact_sales.
with months as (
    select cast(date_trunc('month', cast(dt as date)) as date) as month, country,
           count_if(not is_refund and line_number = 1) as orders,
           cast(sum(case when not is_refund then quantity else 0 end) as bigint) as units,
           cast(sum(case when not is_refund then gross_minor else 0 end) as bigint) as gross_minor,
           cast(sum(case when not is_refund then discount_minor else 0 end) as bigint) as discount_minor,
           count_if(is_refund and line_number = 1) as refunds,
           cast(sum(case when is_refund then -quantity else 0 end) as bigint) as refunded_units,
           cast(sum(case when is_refund then discount_minor - gross_minor else 0 end) as bigint) as refunded_minor,
           cast(sum(gross_minor - discount_minor) as bigint) as net_minor,
           count(distinct case when not is_refund then user_id end) as buyers
    from fact_sales
    group by cast(date_trunc('month', cast(dt as date)) as date), country
),
compared as (
    select months.*, sum(net_minor) over (partition by month) as of_month_minor
    from months
)
select month, country, orders, units, gross_minor, discount_minor, refunds, refunded_units, refunded_minor,
       net_minor as net_revenue_minor, buyers,
       cast(net_minor as double) / case when of_month_minor > 0 then of_month_minor end as share
from compared
order by month, country
