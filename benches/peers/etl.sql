-- The lines of a day's orders, each event once, with their shares of the order's amounts and the keys of their dimensions.
with orders as (
    -- Copies of an event are alike, so any of them does.
    select distinct on (event_id) *
    from transactions
    where occurred_at >= getvariable('day') and occurred_at < getvariable('day') + interval 1 day
),
weighted as (
    select *, event_type = 'refund' as is_refund,
           list_transform(lines, lambda line: line.quantity * line.unit_price_minor) as gross,
           if(list_sum(gross) = 0, list_transform(gross, lambda line: 1), gross) as weights,
           cast(list_sum(weights) as bigint) as in_all
    from orders
),
numbered as (
    select *, if(is_refund, -1, 1) as sign, unnest(lines) as line, unnest(gross) as line_gross,
           cast(generate_subscripts(lines, 1) as integer) as line_number
    from weighted
),
summed as (
    select *, cast(list_sum(weights[:line_number]) as bigint) as so_far, so_far - weights[line_number] as before
    from numbered
),
allocated as (
    select *, discount_minor * so_far // in_all - discount_minor * before // in_all as discount,
           shipping_minor * so_far // in_all - shipping_minor * before // in_all as shipping,
           tax_minor * so_far // in_all - tax_minor * before // in_all as tax
    from summed
)
select transaction_id, line_number, event_id, if(is_refund, refunded_transaction_id, null) as refunded_transaction_id,
       user_id, line.product_id as product_id, line.category as category, allocated.country, payment_method,
       allocated.device, occurred_at, sign * line.quantity as quantity, line.unit_price_minor as unit_price_minor,
       sign * line_gross as gross_minor, sign * discount as discount_minor, sign * (line_gross - discount) as net_minor,
       sign * shipping as shipping_minor, sign * tax as tax_minor, is_refund,
       (select date_key from dim_date where date = getvariable('day')) as date_key, product_key, user_key, region_key,
       payment_method_key, category_key
from allocated
join dim_product on dim_product.product_id = line.product_id
join dim_category on dim_category.category = line.category
join dim_user using (user_id)
join dim_region on dim_region.country = allocated.country
join dim_payment_method using (payment_method)
