-- How do products perform? Sales and refunds, margin, conversion, rank in the category, ABC class and trend.
-- Orders: those with the product. Net: gross - discount - refunded. Net units: units - refunded units.
-- Margin: net - cost x net units, at today's cost. Margin rate: margin / net. Refund rate: refunded units / units.
-- Views: one that a producer sent again counts again. Conversion: orders / views.
-- Category: the catalog's; else that of the latest row, of several on that day the greatest.
-- Rank: 1 + products of the category with more net. ABC: by the share of all positive net that products with more net have.
-- Trend: net of the 28 days up to as_of_date / net of the 28 days before - 1, where the latter is positive.
-- Reads fact_sales, fact_product_views, dim_product. ${as_of_date}: the last complete day, such as 2026-11-22.
with sold as (
    select product_id,
           substr(max(concat(cast(dt as varchar), category)), 11) as latest_category,
           count(distinct case when not is_refund then event_id end) as orders,
           sum(case when not is_refund then quantity else 0 end) as units,
           sum(quantity) as net_units,
           sum(case when not is_refund then gross_minor else 0 end) as gross_minor,
           sum(case when not is_refund then discount_minor else 0 end) as discount_minor,
           sum(case when is_refund then discount_minor - gross_minor else 0 end) as refunded_minor,
           sum(gross_minor - discount_minor) as net_minor,
           sum(case when date_diff('day', cast(dt as date), date '${as_of_date}') between 0 and 27
                    then gross_minor - discount_minor else 0 end) as latest_minor,
           sum(case when date_diff('day', cast(dt as date), date '${as_of_date}') between 28 and 55
                    then gross_minor - discount_minor else 0 end) as before_minor
    from fact_sales
    group by product_id
),
viewed as (
    select product_id, cast(sum(views) as bigint) as views
    from fact_product_views
    group by product_id
),
catalog as (
    select product_id, category, cost_minor
    from dim_product
    where cost_minor is not null
),
products as (
    select coalesce(sold.product_id, viewed.product_id) as product_id, latest_category,
           coalesce(orders, 0) as orders,
           coalesce(units, 0) as units,
           coalesce(net_units, 0) as net_units,
           coalesce(gross_minor, 0) as gross_minor,
           coalesce(discount_minor, 0) as discount_minor,
           coalesce(refunded_minor, 0) as refunded_minor,
           coalesce(net_minor, 0) as net_minor,
           coalesce(latest_minor, 0) as latest_minor,
           coalesce(before_minor, 0) as before_minor,
           coalesce(views, 0) as views
    from sold full join viewed on viewed.product_id = sold.product_id
),
known as (
    select products.*, coalesce(catalog.category, latest_category) as category,
           net_minor - cost_minor * net_units as margin_minor,
           case when net_minor > 0 then net_minor else 0 end as earned_minor
    from products left join catalog on catalog.product_id = products.product_id
),
compared as (
    select known.*,
           rank() over (partition by category order by net_minor desc) as rank_in_category,
           sum(earned_minor) over () as all_earned_minor,
           sum(earned_minor) over (order by net_minor desc) - sum(earned_minor) over (partition by net_minor) as better_minor
    from known
)
select product_id, category, date '${as_of_date}' as as_of_date,
       orders,
       cast(units as bigint) as units,
       cast(net_units as bigint) as net_units,
       cast(gross_minor as bigint) as gross_minor,
       cast(discount_minor as bigint) as discount_minor,
       cast(refunded_minor as bigint) as refunded_minor,
       cast(net_minor as bigint) as net_revenue_minor,
       views,
       cast(margin_minor as bigint) as margin_minor,
       cast(margin_minor as double) / nullif(net_minor, 0) as margin_rate,
       cast(orders as double) / nullif(views, 0) as conversion,
       cast(units - net_units as double) / nullif(units, 0) as refund_rate,
       rank_in_category,
       case when net_minor <= 0 then 'C'
            when 5 * better_minor < 4 * all_earned_minor then 'A'
            when 20 * better_minor < 19 * all_earned_minor then 'B'
            else 'C' end as abc_class,
       cast(latest_minor - before_minor as double) / case when before_minor > 0 then before_minor end as trend
from compared
order by product_id
