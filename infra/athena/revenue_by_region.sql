-- What does each country bring month by month, and how does that grow? Countries without sales or refunds in a month are left out.
-- Net: goods of the month's orders less discounts, less the refunds made in it. Percent of month: of all countries' net.
-- Complete: all days of the month are in. Growth: against the month before, where both are complete and that one's net is positive.
with months as (
    select sales_by_region.month, sales_by_region.country, is_complete,
           sales_by_region.orders, sales_by_region.buyers, sales_by_region.net_revenue_minor, share
    from sales_by_region
    join sales_trends on sales_trends.grain = 'month' and sales_trends.period_start = sales_by_region.month
)
select months.month, months.country, months.is_complete, months.orders, months.buyers,
       cast(months.net_revenue_minor / 100.00 as decimal(18, 2)) as net_revenue,
       round(100 * months.share, 2) as percent_of_month,
       case when months.is_complete and before.is_complete and before.net_revenue_minor > 0
            then round(100 * cast(months.net_revenue_minor - before.net_revenue_minor as double) / before.net_revenue_minor, 2)
       end as growth_percent
from months
left join months as before on before.country = months.country
      and before.month = cast(months.month - interval '1' month as date)
order by months.month desc, net_revenue desc, months.country
