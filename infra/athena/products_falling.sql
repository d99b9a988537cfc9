-- Which products fall the most? Net revenue of the 28 days up to as_of_date against the 28 days before; of equals, those that made more.
-- Net: of all time, refunds taken off. ABC class: A for the products that make the first 80 % of all net, B for the next 15 %, else C.
select product_performance.product_id, name, product_performance.category, as_of_date,
       round(100 * trend, 2) as change_percent,
       cast(net_revenue_minor / 100.00 as decimal(18, 2)) as net_revenue,
       abc_class
from product_performance
left join dim_product on dim_product.product_id = product_performance.product_id
where trend < 0
order by trend, net_revenue_minor desc, product_performance.product_id
limit 50
