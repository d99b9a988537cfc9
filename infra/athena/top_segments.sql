-- Which segments do customers belong to, and what do they bring? As of the latest snapshot.
-- Net: goods of all orders so far, less discounts and refunds. Percent of net: of all segments', where that is positive.
-- Net per order: the average order value, less what came back.
with segments as (
    select snapshot_date, segment, count(*) as customers,
           cast(sum(frequency) as bigint) as orders,
           cast(sum(monetary_minor) as bigint) as net_minor
    from customer_segments
    where dt = (select max(dt) from customer_segments)
    group by snapshot_date, segment
),
compared as (
    select segments.*, sum(customers) over () as all_customers, sum(net_minor) over () as all_net_minor
    from segments
)
select snapshot_date, segment, customers,
       round(100 * cast(customers as double) / all_customers, 2) as percent_of_customers,
       cast(net_minor / 100.00 as decimal(18, 2)) as net_revenue,
       round(100 * cast(net_minor as double) / case when all_net_minor > 0 then all_net_minor end, 2) as percent_of_net,
       orders,
       cast(net_minor / 100.00 / orders as decimal(18, 2)) as net_per_order
from compared
order by customers desc, segment
